"""The data operator against the FFT-Toeplitz kernel flow, which it has to justify itself against on a grid.

Elevation map, Gaussian rho_w, T = 3000, tolerance 1e-3. Both sides solve du/dt = -K u by the same Lanczos to the same
share of the tolerance: the finite elements with mesh, assembly, element matrices and transforms; the flow with FFTs on
twice the grid. Preparation counts on both sides; forms are compiled before (once in the life of a machine).

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.data_operator
"""

import statistics
import time

import numpy as np

from nn.ntk import InfiniteWidthKernel
from numerics import exponential
from pde.integrators import INTEGRATION_SHARE
from pde.solver import Solver
from problem import Pde, Problem, RunFile, build, parse

REPEATS = 5
TOLERANCE = 1e-3


def elevation(points: int) -> Problem:
    """The elevation map at points x points."""
    run: RunFile = parse(
        {
            "density": {"kind": "gaussian", "sigma": 8.0},
            "data": {
                "kind": "file",
                "path": "matplotlib:jacksboro_fault_dem.npz",
                "key": "elevation",
                "points": points,
                "standardize": True,
            },
            "network": {"width": 2, "sigma_a": 1.0},
            "time": {"end": 3000.0},
        }
    )
    return build(run)


def finite_elements(problem: Problem) -> tuple[np.ndarray, Solver]:
    solver = Solver(problem, Pde(tolerance=TOLERANCE))
    return np.array([snapshot.state for snapshot in solver.trajectory()]), solver


def kernel_flow(problem: Problem, tolerance: float) -> np.ndarray:
    kernel = InfiniteWidthKernel(problem)
    return exponential(kernel.apply, -problem.samples.values[0], problem.times, tolerance).values[:, None]


def seconds(work, *arguments) -> tuple[float, object]:
    """Median time over REPEATS runs after one to warm up, and the last result."""
    times, result = [], work(*arguments)
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = work(*arguments)
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def main() -> None:
    print("| grid | dofs | products | error | finite elements | kernel flow | ratio |")
    print("|---|---|---|---|---|---|---|")
    for points in (32, 64, 128):
        problem = elevation(points)
        fem, (states, solver) = seconds(finite_elements, problem)
        flow, _ = seconds(kernel_flow, problem, INTEGRATION_SHARE * TOLERANCE)
        exact = kernel_flow(problem, 1e-10)
        error = np.linalg.norm(states - exact, axis=(1, 2)).max() / np.linalg.norm(exact[0])
        print(
            f"| {points} x {points} | {solver.plan.dofs:,} | {solver.effort.steps} | {error:.1e} "
            f"| {fem:.3f} s | {flow:.3f} s | {fem / flow:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
