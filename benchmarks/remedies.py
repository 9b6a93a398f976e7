"""Trainings with other losses and optimisers against their predictions, at width 100,000, in one to three dimensions.

    OMP_NUM_THREADS=1 uv run python -m benchmarks.remedies [--width 100000] [--depth 2]

Every row is a training of 60 steps with half of the largest stable learning rate, or what is stated. The numbers are
the largest distances over time, relative to the initial error: to the prediction by the network's own kernel at the
start, which is feature learning, and to that by the kernel at infinite width, which also has the sampling error of the
draw. The last column is how far the error itself has come.
"""

import argparse
import os
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from freqbias import nn
from freqbias.numerics import DifferentialOperator, Grid, OperatorRows, Scattered, Sites
from freqbias.problem import (
    Gaussian,
    Network,
    NtkBlockSquare,
    Problem,
    Samples,
    SobolevLoss,
    Training,
    TrainingLoss,
    WeightDecay,
    WeightedSquare,
    box_boundary,
    initial_errors,
    operator_samples,
    trapezoidal_weights,
)

STEPS, RATE = 60, 0.5
RNG = np.random.default_rng(0)
SITES: dict[str, Sites] = {
    "1-D grid": Grid((64,), (1.0,)),
    "2-D scattered": Scattered(RNG.uniform(-0.5, 0.5, (120, 2))),
    "3-D grid": Grid((6, 6, 6), (1.0, 1.0, 1.0)),
}


def losses(sites: Sites) -> dict[str, TrainingLoss]:
    found: dict[str, TrainingLoss] = {"H^-1": SobolevLoss(sites, -1.0), "H^1": SobolevLoss(sites, 1.0)}
    return found | ({} if isinstance(sites, Grid) else {"density": WeightedSquare(trapezoidal_weights(sites))})


def variants(problem: Problem) -> dict[str, tuple[Problem, dict[str, Any]]]:
    """The problem and the keys of [training] of each row. The learning rate is RATE / lambda_max."""
    found: dict[str, tuple[Problem, dict[str, Any]]] = {"mean square": (problem, {})}
    for name, loss in losses(problem.sites).items():
        found[name] = replace(problem, loss=loss), {}
    largest = nn.InfiniteWidthKernel(problem).largest_eigenvalue()
    found |= {
        "momentum 0.8": (problem, {"integrator": "momentum", "momentum": 0.8}),
        "Nesterov 0.8, cosine": (
            problem, {"integrator": "momentum", "momentum": 0.8, "nesterov": True, "rate_schedule": "cosine"}
        ),
        "decay": (replace(problem, decay=WeightDecay(0.02 * largest)), {}),
        "operator, NTK weights": (with_operator(problem), {}),
        "Gauss-Newton 0.01": (replace(problem, gauss_newton=0.01), {"integrator": "gauss-newton", "damping": 0.01}),
    }  # fmt: skip
    return found


def with_operator(problem: Problem) -> Problem:
    """Return the problem of -laplace f + 30 f = f*, with f = 0 on the faces of the box and NTK weights."""
    operator = DifferentialOperator(
        {tuple(2 * (i == j) for j in range(problem.dimension)): -1.0 for i in range(problem.dimension)}
        | {(0,) * problem.dimension: 30.0}
    )
    samples = operator_samples(problem.samples, operator, box_boundary(problem.sites, 4, 0.0, 1))
    changed = replace(problem, samples=samples)
    assert isinstance(changed.sites, OperatorRows)
    return replace(changed, loss=NtkBlockSquare(changed.laws, changed.sites))


def measure(problem: Problem, keys: dict[str, Any]) -> tuple[float, float, float]:
    kernel, wide = nn.EmpiricalKernel(problem), nn.InfiniteWidthKernel(problem)
    step = RATE / max(kernel.largest_eigenvalue(), wide.largest_eigenvalue()) / (1 - keys.get("momentum", 0.0))
    if problem.gauss_newton is not None:
        step = 0.25
    problem = replace(problem, times=step * np.array([0.0, 1.0, 5.0, 20.0, STEPS]))
    plan = nn.plan_training(
        problem, Training(**({"integrator": "gradient-descent", "precision": "double"} | keys), step=step)
    )
    reached = np.array([each.error.numpy() for each in nn.trajectory(plan) if each.output is not None])
    norm = np.linalg.norm(reached[0])
    own, infinite = (
        plan.integrator.follow(nn.linearised_training(problem, each, start), plan.schedule).error
        for each, start in ((kernel, kernel.start), (wide, initial_errors(problem)))
    )
    distances = [np.linalg.norm(reached - each, axis=(1, 2)).max() / norm for each in (own, infinite)]
    return distances[0], distances[1], float(np.linalg.norm(reached[-1]) / norm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--width", type=int, default=100_000)
    parser.add_argument("--depth", type=int, default=2)
    options = parser.parse_args()
    print("| samples | training | from its own kernel | from infinite width | error at the end |")
    print("|---|---|---|---|---|")
    for name, sites in SITES.items():
        x = sites.positions()
        values = np.sin(4 * np.pi * x[:, 0]) + 0.3 * np.cos(9 * x[:, -1])
        network = Network(width=options.width, sigma_a=0.6, depth=options.depth)
        base = Problem(Gaussian(2.0), Samples(sites, values[None]), network, np.array([0.0, 1.0]))
        for training, (problem, keys) in variants(base).items():
            own, infinite, left = measure(problem, keys)
            print(f"| {name} | {training} | {own:.1e} | {infinite:.1e} | {left:.2f} |", flush=True)


if __name__ == "__main__":
    main()
