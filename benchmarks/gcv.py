"""The choice of sigma by cross-validation with random signs, against the choice with the exact trace of q(K).

    OMP_NUM_THREADS=1 uv run python -m benchmarks.gcv --out FOLDER [--sizes 1024,2048] [--widths 1000] [--table]

The signals have one channel and lie on 64 x 64 points, of which N are drawn. For each N and width, the eigenvectors of
the kernels of three drawn networks with ten Gaussian densities are computed, and with them the losses, the traces of
q(K), and z^T q(K) z for random signs z. The choice is made as `freqbias design` makes it: the three best scales of the
first draw are judged by the mean over three draws. A case is a signal, a number of steps and a repetition with other
signs. A choice counts as near if its exact mean is at most 1 % above that of the exact choice. FOLDER keeps the numbers
of each N and width, so that a stopped benchmark continues. --table prints what is there.
"""

import argparse
import json
import os
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.linalg import eigh

from benchmarks.design import BUDGETS, SCALES
from benchmarks.signals import GREY, IMAGES, NOISY, signal
from freqbias.compare.design import Candidate
from freqbias.nn import Budget, JointKernel
from freqbias.nn.trace import SIGNS
from freqbias.problem import Gaussian, Network, Problem, Samples

GREYS = [name for name, channels in IMAGES.items() if channels == 1]
NAMES = (*GREYS, "elevation", "sea floor", "MRI slice", "stereo disparity", *NOISY)
SIZES, WIDTHS = (1024, 2048, 4096), (1000,)
SHARES = (1 / 8, 1 / 4, 1 / 2, 1)  # of the default number of random vectors
DRAWS, JUDGED = 3, 3
REPEATS = 10  # of the random signs
NEAR = 1.01


def measure(size: int, width: int) -> dict[str, Any]:
    """Return the losses, the exact traces / n, and those by random signs, for each draw and scale."""
    chosen = np.sort(np.random.default_rng(0).permutation(GREY**2)[:size])
    sites = signal(NAMES[0]).subset(chosen).sites
    values = np.array([signal(name).subset(chosen).values[0] for name in NAMES])
    problem = Problem(
        Gaussian(1.0), Samples(sites, values[:1]), Network(width=width, sigma_a=1.0), np.array([0.0, 1.0])
    )
    most = max(1, round(SIGNS / size))
    found: dict[str, Any] = {"probes": [max(1, round(share * most)) for share in SHARES]}
    losses = np.empty((DRAWS, len(SCALES), len(BUDGETS), len(NAMES)))
    traces = np.empty((DRAWS, len(SCALES), len(BUDGETS)))
    signed = np.empty((*losses.shape, REPEATS, most))
    for draw, (j, scale) in product(range(DRAWS), enumerate(SCALES)):
        kernel = JointKernel(Candidate("gaussian", float(scale), width, 1.0, draw=draw).problem(problem))
        eigenvalues, vectors = eigh(matrix(kernel), driver="evd")
        decays = [Budget(steps=steps).decay(eigenvalues[-1])(np.maximum(eigenvalues, 0)) for steps in BUDGETS]
        rng = np.random.default_rng(draw)  # all scales share the signs, as in a design
        signs = rng.choice([-1.0, 1.0], (len(NAMES) * REPEATS * most, size))
        squares = (signs @ vectors) ** 2 / size
        for k, decay in enumerate(decays):
            losses[draw, j, k] = 0.5 * ((values @ vectors) ** 2 @ decay**2) / size
            traces[draw, j, k] = decay.mean()
            signed[draw, j, k] = (squares @ decay).reshape(signed.shape[3:])
        print(f"{size}-{width}: draw {draw}, sigma = {scale}", flush=True)
    for probes in found["probes"]:
        found[str(probes)] = signed[..., :probes].mean(axis=-1).tolist()
    return found | {"loss": losses.tolist(), "trace": traces.tolist()}


def matrix(kernel: JointKernel) -> np.ndarray:
    rows = np.array([kernel.apply(row[None])[0][0] for row in np.eye(kernel.start.shape[1])])
    return (rows + rows.T) / 2


def choices(gcv: np.ndarray) -> np.ndarray:
    """Return the index of the chosen scale, (...), for GCV (draws, scales, ...)."""
    judged = np.argsort(gcv[0], axis=0)[:JUDGED]
    means = np.take_along_axis(gcv.mean(axis=0), judged, axis=0)
    return np.take_along_axis(judged, means.argmin(axis=0)[None], axis=0)[0]


def print_table(folder: Path) -> None:
    print(
        "| samples | width | random vectors | cases | unchanged | within 1 % | worst |\n|---|---|---|---|---|---|---|"
    )
    for path in sorted(folder.glob("*-*.json"), key=lambda path: [int(each) for each in path.stem.split("-")]):
        record, (size, width) = json.loads(path.read_text()), path.stem.split("-")
        loss = np.array(record["loss"])
        exact = loss / np.array(record["trace"])[..., None] ** 2
        best = choices(exact)[..., None]
        means = np.broadcast_to(exact.mean(axis=0)[..., None], (*exact.shape[1:], REPEATS))
        least = np.take_along_axis(means, np.broadcast_to(best, means.shape[1:])[None], axis=0)[0]
        for probes in record["probes"]:
            chosen = choices(loss[..., None] / np.array(record[str(probes)]) ** 2)
            excess = np.take_along_axis(means, chosen[None], axis=0)[0] / least
            same = (chosen == best).mean()
            numbers = f"{chosen.size} | {same:.1%} | {(excess <= NEAR).mean():.1%} | {excess.max():.3f}"
            print(f"| {size} | {int(width):,} | {probes} | {numbers} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    for name, default in (("sizes", SIZES), ("widths", WIDTHS)):
        parser.add_argument(
            f"--{name}", type=lambda text: [int(each) for each in text.split(",")], default=list(default)
        )
    parser.add_argument("--table", action="store_true", help="print the table of what has been measured")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for size in options.sizes:
        for width in options.widths:
            path = options.out / f"{size}-{width}.json"
            if not path.exists() and not options.table:
                path.write_text(json.dumps(measure(size, width)))
    print_table(options.out)


if __name__ == "__main__":
    main()
