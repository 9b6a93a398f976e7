"""Regret of choosing the density by prediction, on real signals, against real sweeps and other rules.

    uv run python benchmarks/design.py --out FOLDER [--signals camera,moon] [--widths 1000] [--table]

Every signal is split in three: half of the samples are trained, a quarter chooses, a quarter judges. For each seed and
width, networks with ten Gaussian densities are trained by gradient descent with steps of 1/lambda_max. Each rule
chooses one of the ten. Its regret is the trained loss on the judging samples over the least of the ten. FOLDER keeps
the losses of each signal, width and seed, so that a stopped benchmark continues. --table prints what is there.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # CPU seconds are compared

import matplotlib as mpl
import numpy as np
import scipy.stats
import skimage
from matplotlib.image import imread

from freqbias.compare.design import Candidate, Search, design
from freqbias.nn import Budget, InfiniteWidthKernel, JointInfiniteKernel, PredictedCurve, train
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Design,
    Gaussian,
    Network,
    Problem,
    Samples,
    Training,
    area_average,
    load_samples,
    squared_loss,
)

BUDGETS = (100, 300, 1000)
WIDTHS = (1000, 10_000)
SEEDS = (0, 1, 2)
SCALES = np.geomspace(1.0, 24.0, 10).round(3)
GREY, COLOUR = 64, 48  # points on each side
IMAGES = {
    "camera": 1, "coins": 1, "moon": 1, "page": 1, "brick": 1, "grass": 1, "gravel": 1, "cell": 1, "text": 1,
    "astronaut": 3, "chelsea": 3, "coffee": 3, "rocket": 3, "retina": 3, "ihc": 3,
}  # of scikit-image: channels  # fmt: skip
OTHERS = ("elevation", "sea floor", "MRI slice", "membrane", "scattered elevation", "stereo disparity")
NOISY = {"noisy camera": 0.5, "noisy moon": 1.0, "noisy elevation": 0.5}  # standard deviation of the noise


def image(name: str, channels: int) -> Samples:
    folder = Path(skimage.__file__).parent / "data"
    path = next(path for path in folder.iterdir() if path.stem == name and path.suffix in (".png", ".jpg"))
    values = imread(path).astype(float)
    values = values.mean(axis=-1, keepdims=True) if values.ndim == 3 and channels == 1 else values
    values = values[..., None] if values.ndim == 2 else values[..., :channels]
    return on_grid(values, GREY if channels == 1 else COLOUR)


def on_grid(values: np.ndarray, side: int) -> Samples:
    """The middle square of an array (n, m, C), averaged to side x side."""
    n = min(values.shape[:2])
    corner = [(size - n) // 2 for size in values.shape[:2]]
    square = values[corner[0] : corner[0] + n, corner[1] : corner[1] + n]
    averaged = area_average(square, (side, side))
    return Samples(Grid((side, side), (1.0, 1.0)), np.moveaxis(averaged, -1, 0).reshape(averaged.shape[-1], -1))


def signal(name: str) -> Samples:
    """The samples of a signal, standardised."""
    data = Path(mpl.get_data_path()) / "sample_data"
    if name in NOISY:
        clean = signal(name.removeprefix("noisy "))
        return clean.with_noise(NOISY[name], seed=0)
    if name in IMAGES:
        samples = image(name, IMAGES[name])
    elif name in ("elevation", "scattered elevation"):
        samples = load_samples("matplotlib:jacksboro_fault_dem.npz", key="elevation", points=[GREY, GREY])
    elif name == "sea floor":
        samples = on_grid(np.load(data / "topobathy.npz")["topo"][..., None].astype(float), GREY)
    elif name == "MRI slice":
        import gzip

        raw = gzip.decompress((data / "s1045.ima.gz").read_bytes())
        samples = on_grid(np.frombuffer(raw, ">u2").reshape(256, 256, 1).astype(float), GREY)
    elif name == "membrane":
        samples = load_samples("matplotlib:membrane.dat", dtype="float32", points=1024)
    else:
        disparity = np.load(Path(skimage.__file__).parent / "data" / "motorcycle_disp.npz")["arr_0"].astype(float)
        finite = np.where(np.isfinite(disparity), disparity, np.median(disparity[np.isfinite(disparity)]))
        samples = on_grid(finite[..., None], GREY)
    samples = samples.standardized()
    if name == "scattered elevation":
        chosen = np.sort(np.random.default_rng(0).permutation(samples.sites.size)[:2000])
        jitter = np.random.default_rng(1).uniform(-0.5, 0.5, (2000, 2)) / GREY
        return Samples(Scattered(samples.sites.positions()[chosen] + jitter), samples.values[:, chosen])
    return samples


def split(samples: Samples) -> tuple[Samples, Samples, Samples]:
    """Trained, chosen on, judged on."""
    trained, rest = samples.split(0.5, seed=0)
    choosing, judging = rest.split(0.5, seed=1)
    return trained, choosing, judging


def problem_of(samples: Samples, held_out: Samples, width: int, seed: int) -> Problem:
    return Problem(
        Gaussian(1.0), samples, Network(width=width, sigma_a=1.0), np.array([0.0, 1.0]), seed=seed, held_out=held_out
    )


def measure(name: str, width: int, seed: int) -> dict[str, Any]:
    """Losses of real trainings and the values of all rules, for the ten scales and each budget."""
    trained, choosing, judging = split(signal(name))
    problem = problem_of(trained, choosing, width, seed)
    search = Search(problem, Design(steps=list(BUDGETS), criterion="gcv"))
    found: dict[str, Any] = {"scales": SCALES.tolist(), "choose": [], "judge": [], "predicted": [], "training": []}
    found |= {"gcv": [], "infinite": [], "sweep_seconds": 0.0, "prediction_seconds": 0.0, "likelihood": []}
    for scale in SCALES:
        began = time.process_time()
        predictions = search.compute(Candidate("gaussian", float(scale), width, 1.0))
        found["prediction_seconds"] += time.process_time() - began
        found["predicted"].append([each.held_out for each in predictions])
        found["training"].append([each.training for each in predictions])
        found["gcv"].append([each.gcv for each in predictions])
        candidate = replace(problem, density=Gaussian(float(scale)), laws=None)
        curve = PredictedCurve(JointInfiniteKernel(candidate), budgets := [Budget(steps=steps) for steps in BUDGETS])
        found["infinite"].append([curve.held_out(budget) for budget in budgets])
        step = 1 / predictions[0].largest
        times = np.array([0.0, *(steps * step for steps in BUDGETS)])
        began = time.process_time()
        settings = Training(integrator="gradient-descent", step=step)
        both = replace(candidate, times=times, held_out=joined(choosing, judging))
        history = train(both, settings)
        found["sweep_seconds"] += time.process_time() - began
        errors = history.held_out_error[1:]
        count = choosing.sites.size
        found["choose"].append(squared_loss(errors[..., :count]).tolist())
        found["judge"].append(squared_loss(errors[..., count:]).tolist())
        if (width, seed) == (WIDTHS[0], SEEDS[0]):  # it depends on neither
            found["likelihood"].append(marginal_likelihood(candidate))
    began = time.process_time()
    design(problem, Design(families=["gaussian"], scale=[1.0, 24.0], steps=[300]))
    found["design_seconds"] = time.process_time() - began
    found["rule"] = rule_of_thumb(trained)
    return found


def joined(one: Samples, other: Samples) -> Samples:
    from freqbias.nn.joint_kernel import union

    return Samples(union(one.sites, other.sites), np.concatenate([one.values, other.values], axis=1), held_out=True)


def marginal_likelihood(problem: Problem) -> float:
    """Minus the log marginal likelihood of a Gaussian process with the kernel at infinite width and the best noise."""
    x = problem.sites.positions()
    matrix = InfiniteWidthKernel(problem).apply(np.eye(len(x)))
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    projected = (problem.samples.values @ vectors) ** 2
    likelihoods = []
    for noise in 10.0 ** np.arange(-6.0, 1.0, 0.5):
        variances = np.maximum(values, 0) / values[-1] + noise
        scale = (projected / variances).mean()  # the best amplitude
        likelihoods.append(0.5 * projected.size * np.log(scale) + 0.5 * len(projected) * np.log(variances).sum())
    return float(min(likelihoods))


def rule_of_thumb(samples: Samples) -> float:
    """The sigma at which the density covers as much as the frequencies with 95 % of the target's energy."""
    from freqbias.numerics import transform

    d = samples.sites.dimension
    axis = np.linspace(-30, 30, 61)
    frequencies = np.stack([each.ravel() for each in np.meshgrid(*[axis] * d, indexing="ij")], axis=-1)
    energy = (np.abs(transform(samples.values, samples.sites.positions(), frequencies)) ** 2).sum(axis=0)
    radius = np.linalg.norm(frequencies, axis=1)
    order = np.argsort(radius)
    covered = np.cumsum(energy[order]) / energy.sum()
    return float(radius[order][np.searchsorted(covered, 0.95)] / np.sqrt(scipy.stats.chi2.ppf(0.95, d)))


def regrets(folder: Path, widths: list[int]) -> None:
    """Print the regret of each rule, for each width and budget."""
    records = {
        (name, width, seed): json.loads(path.read_text())
        for path in sorted(folder.glob("*.json"))
        for name, width, seed in [(path.stem.rsplit("-", 2)[0], *map(int, path.stem.rsplit("-", 2)[1:]))]
    }
    for width in widths:
        for index, steps in enumerate(BUDGETS):
            table: dict[str, list[float]] = {}
            for (name, m, seed), record in records.items():
                if m != width:
                    continue
                judge = np.array(record["judge"])[:, index]

                def add(rule: str, choice: int, judge: np.ndarray = judge) -> None:
                    table.setdefault(rule, []).append(judge[choice] / judge.min())  # noqa: B023

                for rule in ("predicted", "infinite", "gcv", "training"):
                    add(rule, int(np.argmin(np.array(record[rule])[:, index])))
                if (name, WIDTHS[0], SEEDS[0]) in records:
                    add("likelihood", int(np.argmin(records[name, WIDTHS[0], SEEDS[0]]["likelihood"])))
                add("rule of thumb", int(np.argmin(np.abs(np.log(SCALES / record["rule"])))))
                for other in SEEDS:
                    if other != seed and (name, m, other) in records:
                        values = records[name, m, other]
                        add("sweep, other seed", int(np.argmin(np.array(values["choose"])[:, index])))
                        add("predicted, other seed", int(np.argmin(np.array(values["predicted"])[:, index])))
            for rule, values in table.items():
                median, high, worst = np.median(values), np.percentile(values, 95), max(values)
                print(f"{width:>7,} {steps:>5} {rule:<22} {len(values):>4} {median:7.3f} {high:7.3f} {worst:7.3f}")
        chosen = [record for (_, m, _), record in records.items() if m == width]
        if chosen:
            share = [each["design_seconds"] / (each["sweep_seconds"] * 300 / BUDGETS[-1]) for each in chosen]
            cost = f"median {np.median(share):.3f}, worst {max(share):.3f}"
            print(f"{width:>7,}   300 design over sweep, CPU seconds: {cost}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--signals", type=lambda text: text.split(","), default=[*IMAGES, *OTHERS, *NOISY])
    parser.add_argument("--widths", type=lambda text: [int(width) for width in text.split(",")], default=list(WIDTHS))
    parser.add_argument("--table", action="store_true", help="print the regrets of what has been measured")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.table:
        for width in options.widths:
            for seed in SEEDS:
                for name in options.signals:
                    path = options.out / f"{name}-{width}-{seed}.json"
                    if not path.exists():
                        path.write_text(json.dumps(measure(name, width, seed)))
                        print(path.stem, flush=True)
    print(f"{'width':>7} {'steps':>5} {'rule':<22} {'n':>4} {'median':>7} {'95 %':>7} {'worst':>7}")
    regrets(options.out, options.widths)


if __name__ == "__main__":
    main()
