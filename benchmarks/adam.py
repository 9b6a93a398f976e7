"""Regret of choosing sigma by the design for three layers, for networks that are trained with Adam.

    OMP_NUM_THREADS=1 uv run python -m benchmarks.adam --out FOLDER [--images camera,moon] [--seeds 0,1] [--table]

The networks are what practitioners train, in plain PyTorch: 256 Fourier features with frequencies from a Gaussian,
cosine and sine, a hidden layer of 256 neurons with relu or sine, and the initial weights of `torch.nn.Linear`. Adam
has the learning rate 1e-3 and minibatches of 128. The features are frozen or trained. Half of the pixels of a grey
image of 48 x 48 are trained, a quarter chooses, and a quarter judges. Each rule chooses one of seven sigmas. Its regret
is the trained loss on the judging pixels over the least of the seven.

A step of Adam has no counterpart in gradient descent. Two rules were stated before the measurement. "Equal steps" takes
the prediction for as many steps of the size 1/lambda_max as Adam makes. "Matched steps" trains one network, with the
middle sigma, and takes the number of steps at which the predicted training loss for this sigma is nearest to the
trained one. FOLDER keeps the numbers, so that a stopped benchmark continues. --table prints what is there.
"""

import argparse
import json
import os
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # so that several can run side by side

import numpy as np
import torch

from benchmarks.design import split
from benchmarks.rules import rule_of_thumb
from benchmarks.signals import small_signal
from freqbias.compare.design import Candidate, Search
from freqbias.problem import Design, Gaussian, Network, Problem, Rates, Samples

IMAGES = ("camera", "coins", "moon", "brick", "grass", "cell", "astronaut", "chelsea", "coffee", "rocket")
SIDE, FEATURES, HIDDEN, BATCH, RATE = 48, 256, 256, 128, 1e-3
SEEDS = (0, 1)
SCALES = np.geomspace(1.0, 16.0, 7).round(3)
FIXED = 10.0  # sigma of Tancik et al. for images
MIDDLE = len(SCALES) // 2
BUDGETS = (50, 200, 1000)  # steps of Adam
STEPS = sorted({*BUDGETS, *np.geomspace(10, 5000, 16).round().astype(int).tolist()})  # of the predictions
ACTIVATIONS = {"relu": torch.relu, "sine": torch.sin}
TRAINED = ("frozen", "trained")  # features
KINDS = ("training", "choosing", "judging")


class FourierFeatures(torch.nn.Module):
    """A network as in Tancik et al., NeurIPS 2020, with one hidden layer."""

    def __init__(self, sigma: float, activation: str, *, trained: bool) -> None:
        super().__init__()
        self.frequencies = torch.nn.Parameter(sigma * torch.randn(FEATURES, 2), requires_grad=trained)
        self.hidden, self.output = torch.nn.Linear(2 * FEATURES, HIDDEN), torch.nn.Linear(HIDDEN, 1)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        phase = 2 * torch.pi * x @ self.frequencies.T
        features = torch.cat([torch.cos(phase), torch.sin(phase)], dim=1)
        return self.output(self.activation(self.hidden(features)))[:, 0]


def tensors(samples: Samples) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(samples.sites.positions()).float(), torch.tensor(samples.values[0]).float()


def trained_losses(parts: tuple[Samples, ...], sigma: float, activation: str, features: str, seed: int) -> list[Any]:
    """Return the losses on each part after each budget, (budgets, parts). The first part is trained."""
    torch.manual_seed(seed)
    network = FourierFeatures(sigma, activation, trained=features == "trained")
    optimiser = torch.optim.Adam((each for each in network.parameters() if each.requires_grad), lr=RATE)
    data, found, step = [tensors(part) for part in parts], [], 0
    x, y = data[0]
    while step < BUDGETS[-1]:
        for batch in torch.randperm(len(y)).split(BATCH):
            optimiser.zero_grad()
            (0.5 * (network(x[batch]) - y[batch]) ** 2).mean().backward()
            optimiser.step()
            step += 1
            if step in BUDGETS:
                with torch.no_grad():
                    found.append([float((0.5 * (network(at) - values) ** 2).mean()) for at, values in data])
            if step == BUDGETS[-1]:
                break
    return found


def measure(image: str, activation: str, features: str, seed: int) -> dict[str, Any]:
    """Return the losses of real trainings, (scales, budgets) for each part of the samples."""
    parts = split(small_signal(image, SIDE))
    losses = np.array([trained_losses(parts, float(sigma), activation, features, seed) for sigma in SCALES])
    return {kind: losses[..., index].tolist() for index, kind in enumerate(KINDS)}


def predict(image: str, activation: str | None, features: str) -> dict[str, Any]:
    """Return the predicted losses, (scales, steps), of the design for three layers, or for two without activation.

    The network is symmetric, so each of its halves has as many frequencies and hidden neurons as the trained network.
    """
    trained, choosing, _ = split(small_signal(image, SIDE))
    deep = {"depth": 3, "hidden_width": 2 * HIDDEN, "activation": activation} if activation else {}
    network = Network(width=2 * FEATURES, sigma_a=1.0, **deep)
    rates = Rates(frequencies=float(features == "trained"))
    problem = Problem(Gaussian(1.0), trained, network, np.array([0.0, 1.0]), held_out=choosing, rates=rates)
    search = Search(problem, Design(steps=STEPS))
    rows = [search.compute(Candidate("gaussian", float(sigma), 2 * FEATURES, 1.0)) for sigma in SCALES]
    return {
        "held out": [[each.held_out for each in row] for row in rows],
        "training": [[each.training for each in row] for row in rows],
    }


def values_of(folder: Path, image: str, activation: str, features: str, seed: int, index: int) -> dict[str, np.ndarray]:
    """Return for each rule the values of the scales, of which the least is chosen."""
    read = {path.stem: json.loads(path.read_text()) for path in folder.glob(f"{image}-*.json")}
    record, steps = read[f"{image}-{activation}-{features}-{seed}"], BUDGETS[index]
    found = {}
    for name, stem in (("3 layers", activation), ("2 layers", "two")):
        if (design := read.get(f"{image}-{stem}-{features}")) is None:
            continue
        held_out, training = np.array(design["held out"]), np.array(design["training"])
        at = STEPS.index(steps)
        reached = record["training"][MIDDLE][index]
        matched = np.abs(np.log(training[MIDDLE] / reached)).argmin()
        found[f"design, {name}, equal steps"] = held_out[:, at]
        found[f"design, {name}, matched steps"] = held_out[:, matched]
        if name == "3 layers":
            found["predicted training loss, equal steps"] = training[:, at]
    for other in SEEDS:
        if other != seed and (sweep := read.get(f"{image}-{activation}-{features}-{other}")):
            found["sweep with the other seed"] = np.array(sweep["choosing"])[:, index]
    found["rule of thumb"] = np.abs(np.log(SCALES / rule_of_thumb(split(small_signal(image, SIDE))[0])))
    found["sigma = 10"] = np.abs(np.log(SCALES / FIXED))
    return found


def print_tables(folder: Path) -> None:
    print("| activation | features | steps of Adam | rule | n | median | 95 % | worst | sigma, predicted over best |")
    print("|---|---|---|---|---|---|---|---|---|")
    for activation, features, (index, steps) in product(ACTIVATIONS, TRAINED, enumerate(BUDGETS)):
        table = defaultdict(list)
        for image, seed in product(IMAGES, SEEDS):
            path = folder / f"{image}-{activation}-{features}-{seed}.json"
            if not path.exists():
                continue
            judge = np.array(json.loads(path.read_text())["judging"])[:, index]
            for rule, values in values_of(folder, image, activation, features, seed, index).items():
                chosen = values.argmin()
                table[rule].append((judge[chosen] / judge.min(), SCALES[chosen] / SCALES[judge.argmin()]))
        for rule, pairs in table.items():
            regret, ratio = np.array(pairs).T
            numbers = f"{np.median(regret):.2f} | {np.percentile(regret, 95):.2f} | {regret.max():.2f}"
            print(
                f"| {activation} | {features} | {steps} | {rule} | {len(regret)} | {numbers} | {np.median(ratio):.2f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=lambda text: text.split(","), default=list(IMAGES))
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=list(SEEDS))
    parser.add_argument("--table", action="store_true", help="print the table of what has been measured")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    tasks: dict[str, Any] = {}
    for image, features in product(options.images, TRAINED) if not options.table else ():
        tasks[f"{image}-two-{features}"] = predict, image, None, features
        for activation in ACTIVATIONS:
            tasks[f"{image}-{activation}-{features}"] = predict, image, activation, features
            tasks |= {
                f"{image}-{activation}-{features}-{seed}": (measure, image, activation, features, seed)
                for seed in options.seeds
            }
    for stem, (task, *arguments) in tasks.items():
        path = options.out / f"{stem}.json"
        if not path.exists():
            path.write_text(json.dumps(task(*arguments)))
            print(stem, flush=True)
    print_tables(options.out)


if __name__ == "__main__":
    main()
