"""The choice of sigma by cross-validation with random signs, against the choice with the exact trace of q(K).

    OMP_NUM_THREADS=1 uv run python -m benchmarks.gcv --out FOLDER [--sizes 1024,2048] [--widths 1000] [--table]

The signals have one channel and lie on 64 x 64 points, of which N are drawn. For each N and width the kernels of drawn
networks with ten Gaussian densities are computed as dense matrices, and with them the exact losses and traces of q(K).
A case is a signal, a number of steps and a repetition with other signs. A choice counts as near if its exact GCV is at
most 1 % above the least. FOLDER keeps the numbers of each N and width, so that a stopped benchmark continues. --table
prints what is there.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.linalg import eigh

from benchmarks.design import BUDGETS, SCALES
from benchmarks.rules import with_sigma
from benchmarks.signals import GREY, IMAGES, NOISY, small_signal
from freqbias.nn import Budget, JointKernel, PredictedCurve, Trace
from freqbias.nn.trace import SIGNS
from freqbias.problem import Gaussian, Network, Problem, Samples

NAMES = (*IMAGES, "elevation", "sea floor", "MRI slice", "stereo disparity", *NOISY)
SIZES, WIDTHS = (1024, 2048, 4096), (1000,)
SHARES = (1 / 8, 1 / 4, 1 / 2, 1)  # of the default number of random vectors
REPEATS = 3  # of the random signs
NEAR = 1.01
STEPS = [Budget(steps=steps) for steps in BUDGETS]


class Dense:
    """The kernel of a drawn network as a matrix, with the start -f* of a signal."""

    def __init__(self, kernel: JointKernel) -> None:
        matrix = np.array([kernel.apply(row[None])[0][0] for row in np.eye(kernel.start.shape[1])])
        self.matrix = (matrix + matrix.T) / 2
        eigenvalues, self.vectors = eigh(self.matrix, driver="evd")
        largest = eigenvalues[-1]
        self.decays = np.array([each.decay(largest)(np.maximum(eigenvalues, 0)) for each in STEPS])
        self.held_out_start = np.zeros((1, 0))

    def apply(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return values @ self.matrix, values[:, :0]

    def exact(self, values: np.ndarray) -> np.ndarray:
        """Return GCV for each budget."""
        self.start = -values
        losses = 0.5 * ((self.decays * (values[0] @ self.vectors)) ** 2).mean(axis=1)
        return np.array(losses / self.decays.mean(axis=1) ** 2)


def measure(size: int, width: int) -> dict[str, Any]:
    """Return the exact GCV, (signals, scales, budgets), and GCV by random signs for each number of them."""
    chosen = np.sort(np.random.default_rng(0).permutation(GREY**2)[:size])
    values = [small_signal(name, GREY).subset(chosen).values for name in NAMES]
    sites = small_signal(NAMES[0], GREY).subset(chosen).sites
    problem = Problem(Gaussian(1.0), Samples(sites, values[0]), Network(width=width, sigma_a=1.0), np.array([0.0, 1.0]))
    numbers = [max(1, round(share * SIGNS / size)) for share in SHARES]
    exact = np.empty((len(NAMES), len(SCALES), len(STEPS)))
    found = np.empty((len(numbers), REPEATS, *exact.shape))
    for j, scale in enumerate(SCALES):
        kernel = Dense(JointKernel(with_sigma(problem, float(scale))))
        for i, target in enumerate(values):
            exact[i, j] = kernel.exact(target)
            curve = PredictedCurve(kernel, STEPS)
            losses = np.array([curve.training(budget) for budget in STEPS])
            for repeat in range(REPEATS):
                for k, probes in enumerate(numbers):  # all scales share the signs, as in a design
                    seed = 1000 * i + repeat
                    trace = Trace(kernel, products=curve.products, probes=probes, seed=seed)
                    traces = np.array([trace(budget.decay(curve.largest)) for budget in STEPS])
                    found[k, repeat, i, j] = losses / traces**2
        print(f"{size}-{width}: sigma = {scale}", flush=True)
    return {"probes": numbers, "exact": exact.tolist(), "found": found.tolist()}


def print_table(folder: Path) -> None:
    print(
        "| samples | width | random vectors | cases | unchanged | within 1 % | worst |\n|---|---|---|---|---|---|---|"
    )
    for path in sorted(folder.glob("*-*.json"), key=lambda path: [int(each) for each in path.stem.split("-")]):
        record, (size, width) = json.loads(path.read_text()), path.stem.split("-")
        exact = np.array(record["exact"])
        for probes, found in zip(record["probes"], np.array(record["found"]), strict=True):
            chosen = found.argmin(axis=2)  # (repeats, signals, budgets)
            same = chosen == exact.argmin(axis=1)
            excess = np.take_along_axis(exact[None], chosen[:, :, None], axis=2)[:, :, 0] / exact.min(axis=1)
            numbers = f"{same.size} | {same.mean():.1%} | {(excess <= NEAR).mean():.1%} | {excess.max():.3f}"
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
