"""Gradient descent, momentum and damped Gauss-Newton: how fast each band of frequencies is learnt, and what it costs.

    OMP_NUM_THREADS=1 uv run python benchmarks/preconditioning.py [--points 256] [--feature-learning]

The target is the sum of three waves with 2, 9 and 17 cycles, and rho_w is normal with a standard deviation of 5. The
first table has the steps and the seconds after which the error in a band of |xi| is a tenth of its start, on the whole
grid, or "-" after the most steps. The second table holds out half of the points, without and with noise of the labels,
and has the error on these points, relative to that at the start: the least one, the steps to it, and the one after all
steps. With --feature-learning there is a third table instead: the largest distance of the training from its prediction
by the kernel of the drawn network, at 1, 2, 5 and 10 units of time (gradient descent: 10, 100 and 1000 steps), relative
to the error at the start.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from freqbias.errors import ComputationError
from freqbias.nn import BandSpectra, EmpiricalKernel, LinearisedTraining, plan_training, train, trajectory
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, Samples, Training

WAVES = (2.0, 9.0, 17.0)  # [cycles/length]
EDGES = (0.0, 5.0, 13.0, 21.0)  # of the bands [cycles/length]
SHARE = 0.1
NOISE = 0.5
MOST = 3000  # steps of gradient descent


@dataclass(frozen=True)
class Method:
    """A training. factor: of the step: of 1 / lambda_max, or in units of its own for Gauss-Newton. steps: the most."""

    name: str
    settings: dict[str, object]
    factor: float
    steps: int

    @property
    def damping(self) -> float | None:
        return Training(**self.settings).gauss_newton  # type: ignore[arg-type]


METHODS = (
    Method("gradient descent", {"integrator": "gradient-descent"}, 1.5, MOST),
    Method("momentum 0.9", {"integrator": "momentum", "momentum": 0.9}, 15.0, MOST),
    *(
        Method(f"Gauss-Newton {damping:g}", {"integrator": "gauss-newton", "damping": damping}, 0.5, 60)
        for damping in (1e-1, 1e-2, 1e-3, 1e-4)
    ),
)


def make_problem(samples: Samples, held_out: Samples | None = None, *, width: int = 20_000) -> Problem:
    network = Network(width=width, sigma_a=0.3)
    return Problem(Gaussian(5.0), samples, network, np.array([0.0, 1.0]), held_out=held_out)


def run(problem: Problem, method: Method, outputs: np.ndarray) -> Iterator[tuple[int, float, object]]:
    """Train, and yield steps, seconds and snapshot after the numbers of steps `outputs`, beginning with 0."""
    step = method.factor
    if method.damping is None:
        step /= EmpiricalKernel(problem).largest_eigenvalue()
    problem = replace(problem, times=step * outputs, gauss_newton=method.damping)
    settings = Training(step=step, precision="double", **method.settings)  # type: ignore[arg-type]
    plan, wanted, seconds = plan_training(problem, settings), set(outputs.tolist()), 0.0
    began = time.perf_counter()
    for snapshot in trajectory(plan):
        seconds += time.perf_counter() - began
        if snapshot.step in wanted:
            yield snapshot.step, seconds, snapshot
        began = time.perf_counter()


def bands(samples: Samples) -> None:
    problem, spectra = make_problem(samples), BandSpectra(samples.sites, np.array(EDGES))
    titles = [f"{low:g} to {high:g}" for low, high in pairwise(EDGES)]
    print("| method | " + " | ".join(f"{each}: steps | s" for each in titles) + " |")
    for method in METHODS:
        reached: dict[int, tuple[int, float]] = {}
        start = None
        for step, seconds, snapshot in run(problem, method, np.arange(method.steps + 1)):
            amplitude = spectra.amplitudes(snapshot.error.numpy()[None])[0]  # type: ignore[attr-defined]
            start = amplitude if start is None else start
            for band in np.flatnonzero(amplitude <= SHARE * start):
                reached.setdefault(int(band), (step, seconds))
            if len(reached) == len(titles):
                break
        cells = [
            f"{reached[band][0]} | {reached[band][1]:.2f}" if band in reached else "- | -"
            for band in range(len(titles))
        ]
        print(f"| {method.name} | " + " | ".join(cells) + " |", flush=True)


def held_out(samples: Samples, noise: float) -> None:
    keep = np.random.default_rng(0).permutation(samples.sites.size) < samples.sites.size // 2
    training, rest = samples.split_at(~keep)
    problem = make_problem(training.with_noise(noise, 1) if noise else training, rest)
    for method in METHODS:
        outputs = np.unique(np.concatenate([[0], np.geomspace(1, method.steps, 60).round().astype(int)]))
        steps, errors = [], []
        for step, _, snapshot in run(problem, method, outputs):
            values = snapshot.at_targets["held_out"]  # type: ignore[attr-defined]
            steps.append(step)
            errors.append(np.linalg.norm(values - rest.values) / np.linalg.norm(rest.values))
        best = int(np.argmin(errors))
        print(f"| {method.name} | {noise:g} | {errors[best]:.3f} | {steps[best]} | {errors[-1]:.3f} |", flush=True)


def feature_learning(samples: Samples) -> None:
    print("| width | damping | step | largest distance from the prediction | error at the end, predicted |")
    for width, damping in product((2000, 20_000, 100_000), (None, 1e-1, 1e-2, 1e-3, 1e-4)):
        for step in (1.0,) if damping is None else (1.0, 0.25):
            problem = make_problem(samples, width=width)
            kernel, times = EmpiricalKernel(problem), np.array([0.0, 1.0, 2.0, 5.0, 10.0])
            size, settings = step, {"integrator": "gauss-newton", "damping": damping}
            if damping is None:
                size, settings = step / kernel.largest_eigenvalue(), {"integrator": "gradient-descent"}
                times = size * np.array([0.0, 10.0, 100.0, 1000.0])
            problem = replace(problem, times=times, gauss_newton=damping)
            training = Training(step=size, precision="double", **settings)  # type: ignore[arg-type]
            plan, linear = plan_training(problem, training), LinearisedTraining(kernel, kernel.start)
            assert plan.integrator.follow is not None
            predicted, start = plan.integrator.follow(linear, plan.schedule).error, np.linalg.norm(kernel.start)
            try:
                missed = np.linalg.norm(train(problem, training).error - predicted, axis=(1, 2)).max() / start
                cell = f"{missed:.4f}"
            except ComputationError:
                cell = "diverged"
            end = np.linalg.norm(predicted[-1]) / start
            print(f"| {width:,} | {damping or '-'} | {step:g} | {cell} | {end:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=256)
    parser.add_argument("--feature-learning", action="store_true")
    arguments = parser.parse_args()
    grid = Grid((arguments.points,), (1.0,))
    phases = 2 * np.pi * np.outer(WAVES, grid.positions()[:, 0]) + np.arange(len(WAVES))[:, None]
    samples = Samples(grid, np.sin(phases).sum(axis=0)[None])
    if arguments.feature_learning:
        feature_learning(samples)
        return
    bands(samples)
    print("\n| method | noise | least held-out error | steps | after all steps |")
    for noise in (0.0, NOISE):
        held_out(samples, noise)


if __name__ == "__main__":
    main()
