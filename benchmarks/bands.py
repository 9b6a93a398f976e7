"""The densities of `freqbias design` for a band of frequencies, trained, beside the best Gaussians.

    uv run python -m benchmarks.bands [--draws 20] [--widths 2000,10000,100000]

"balanced": an elevation map and one of its profiles. The learning rates of the trained network in the parts of the
band, for the density of `freqbias design` and for the best Gaussian of the same condition, that the rates differ by at
most a factor of 2. "band": figure 6 of the paper. The number of steps of 0.05 / lambda_max after which the error in the
upper half of the target's energy is half of its start, median and range over draws that the design has not seen.
"""

import argparse
import os
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from freqbias.compare.design import Candidate, design
from freqbias.compare.design.rates import LearningRates
from freqbias.compare.paper.energy_bands import band_errors, energy_edges
from freqbias.compare.paper.figure6 import SIGMAS, STEP_LAMBDA
from freqbias.nn import EmpiricalKernel, train
from freqbias.numerics import Grid
from freqbias.problem import Design, Gaussian, Network, Problem, Samples, Training, load_samples

FIRST_SEED = 1000  # of the draws that judge
LONGEST = 120  # steps


def elevation(points: int) -> Samples:
    return load_samples("matplotlib:jacksboro_fault_dem.npz", key="elevation", points=[points, points]).standardized()


def profile(points: int) -> Samples:
    """The middle row of the elevation map."""
    whole = load_samples("matplotlib:jacksboro_fault_dem.npz", key="elevation", points=[points, points])
    values = whole.values.reshape(points, points)[:, points // 2]
    return Samples(Grid((points,), (1.0,)), values[None]).standardized()


def problem_of(samples: Samples, width: int) -> Problem:
    return Problem(Gaussian(1.0), samples, Network(width=width, sigma_a=0.3), np.array([0.0, 1.0]))


def balanced(name: str, samples: Samples, width: int) -> None:
    problem = problem_of(samples, width)
    for families in (None, ["gaussian"]):
        settings = Design(purpose="balanced", families=families, steps=[2000], step_factor=0.05)
        result = design(problem, settings)
        rates, step = LearningRates(problem, settings), settings.step_factor / result.best.largest
        most = int(3 * result.best.best_amount)
        steps = np.unique(np.geomspace(1, most, 60).round().astype(int))
        times = np.array([0.0, *(steps * step)])
        trained = replace(result.winner.problem(problem), times=times)
        error = train(trained, Training(integrator="gradient-descent", step=step)).error
        found = rates.measured(np.array([0, *steps]), error, result.best)
        print(
            f"| {name} | {width:,} | {result.winner} | {found.slowest:.4g} | {found.fastest:.4g} "
            f"| {found.fastest / found.slowest:.2f} |",
            flush=True,
        )


def steps_to_half(problem: Problem, candidate: Candidate) -> float:
    """The number of steps; LONGEST if they are not enough."""
    largest = EmpiricalKernel(candidate.problem(problem)).largest_eigenvalue()
    step, edge = STEP_LAMBDA / largest, energy_edges(problem, (0.5,))
    times = np.arange(LONGEST + 1) * step
    errors = train(
        replace(candidate.problem(problem), times=times), Training(integrator="gradient-descent", step=step)
    ).error
    upper = band_errors(errors, problem.grid, edge)[:, 1]
    halved = np.flatnonzero(upper <= upper[0] / 2)
    return float(halved[0]) if halved.size else LONGEST


def figure6(width: int, draws: int) -> None:
    problem = problem_of(elevation(64), width)
    (low,), high = energy_edges(problem, (0.5,)), np.linalg.norm(problem.grid.nyquist)  # low belongs to the lower half
    settings = Design(
        purpose="band", band=[1.001 * float(low), float(high)], scale=[4.0, 32.0], steps=[LONGEST],
        step_factor=STEP_LAMBDA, draws=10,
    )  # fmt: skip
    winner = design(problem, settings).winner
    for candidate in [winner, *(Candidate("gaussian", sigma, width, 0.3) for sigma in SIGMAS)]:
        counts = [steps_to_half(problem, replace(candidate, draw=FIRST_SEED + draw)) for draw in range(draws)]
        mark = "**" if candidate is winner else ""
        print(
            f"| {width:,} | {mark}{candidate}{mark} | {np.median(counts):g} | {min(counts):g} to {max(counts):g} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument(
        "--widths", type=lambda text: [int(w) for w in text.split(",")], default=[2000, 10_000, 100_000]
    )
    options = parser.parse_args()
    print("| target | neurons | density | slowest rate | fastest rate | ratio |\n|---|---|---|---|---|---|")
    for width in options.widths[1:]:
        balanced("elevation, 64 x 64", elevation(64), width)
        balanced("profile, 256", profile(256), width)
    print("\n| neurons | density | steps, median | range |\n|---|---|---|---|")
    for width in options.widths:
        figure6(width, options.draws)


if __name__ == "__main__":
    main()
