"""The data operator against the FFT-Toeplitz kernel flow, its simplest competitor on a grid.

Elevation map, Gaussian rho_w, T = 3000, tolerance 1e-3. Both sides solve du/dt = -K u by the same Lanczos to the same
share of the tolerance. The finite elements use mesh, assembly, element matrices and transforms; the flow uses FFTs on
twice the grid. Preparation counts on both sides, except for compiling the forms, which happens once on a machine. The
second table compares the integration with a loop of as many bare products with the element matrices and transforms.
Seconds are processor time of one thread.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.data_operator
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.peers_case import clock
from freqbias.nn import InfiniteWidthKernel
from freqbias.numerics import exponential
from freqbias.pde import INTEGRATION_SHARE, Solver
from freqbias.problem import Pde, Problem, RunFile, build, parse

REPEATS = 5
TOLERANCE = 1e-3


def elevation(points: int) -> Problem:
    """The problem of the elevation map on points x points samples."""
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


@dataclass(frozen=True)
class Run:
    """states: u (T, C, N). preparing, integrating: seconds; preparing covers mesh, laws and element matrices."""

    states: np.ndarray
    solver: Solver
    preparing: float
    integrating: float


def finite_elements(problem: Problem) -> Run:
    began = clock()
    solver = Solver(problem, Pde(tolerance=TOLERANCE))
    prepared = clock()
    states = np.array([snapshot.state for snapshot in solver.trajectory()])
    return Run(states, solver, prepared - began, clock() - prepared)


def bare(run: Run) -> tuple[float, float]:
    """Seconds for as many products with the element matrices, and pairs of transforms, as the integration made."""
    operator, u = run.solver.operator, run.states[0, 0]
    v, products, transforms = operator._transform.to_frequencies(u), 0.0, 0.0
    for _ in range(run.solver.record.steps):
        began = clock()
        operator._stiffness.apply(v)
        multiplied = clock()
        operator._transform.to_samples(v)
        operator._transform.to_frequencies(u)
        products += multiplied - began
        transforms += clock() - multiplied
    return products, transforms


def kernel_flow(problem: Problem, tolerance: float) -> np.ndarray:
    """The flow of the kernel at infinite width, preparation of the kernel included."""
    kernel = InfiniteWidthKernel(problem)
    return exponential(kernel.apply, -problem.samples.values[0], problem.times, tolerance).values[:, None]


def seconds(work: Callable[[], object]) -> float:
    began = clock()
    work()
    return clock() - began


def main() -> None:
    print("| grid | dofs | products | error | finite elements | kernel flow | ratio | spread |")
    print("|---|---|---|---|---|---|---|---|")
    profiles = []
    for points in (64, 128, 256):
        problem = elevation(points)
        tolerance = INTEGRATION_SHARE * TOLERANCE
        finite_elements(problem), kernel_flow(problem, tolerance)  # to warm up
        runs, flows, bares = [], [], []
        for _ in range(REPEATS):  # take turns, so a change of the machine's speed affects both
            runs.append(finite_elements(problem))
            flows.append(seconds(lambda problem=problem, tolerance=tolerance: kernel_flow(problem, tolerance)))
            bares.append(bare(runs[-1]))
        exact = kernel_flow(problem, 1e-10)
        error = np.linalg.norm(runs[0].states - exact, axis=(1, 2)).max() / np.linalg.norm(exact[0])
        preparing, integrating = (
            np.array([getattr(run, name) for run in runs]) for name in ("preparing", "integrating")
        )
        ratios = (preparing + integrating) / flows
        print(
            f"| {points} x {points} | {runs[0].solver.plan.dofs:,} | {runs[0].solver.record.steps} | {error:.1e} "
            f"| {np.median(preparing + integrating):.3f} s | {np.median(flows):.3f} s | {np.median(ratios):.1f} "
            f"| {ratios.min():.1f} to {ratios.max():.1f} |",
            flush=True,
        )
        over = integrating / np.sum(bares, axis=1)
        products, transforms = np.median(bares, axis=0)
        profiles.append(
            f"| {points} x {points} | {np.median(preparing):.3f} s | {np.median(integrating):.3f} s | {products:.3f} s "
            f"| {transforms:.3f} s | {np.median(integrating) - products - transforms:.3f} s | {np.median(over):.2f} "
            f"| {over.min():.2f} to {over.max():.2f} |"
        )
    print("\n| grid | preparing | integrating | products | transforms | rest | integrating / bare | spread |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(profiles))


if __name__ == "__main__":
    main()
