"""Shift-and-invert Lanczos against Crank-Nicolson, the textbook integrator, on the same matrices.

Local operator in two dimensions, degree 2, 103,041 dofs, Gaussian rho_w, 30 outputs to T = 3000. Each side is asked
for an error of 1e-6 over the start, in the mass norm, against a solution to 1e-12; Crank-Nicolson reuses one
factorisation, and takes as few steps as reach it, by its order. Factorisations count, assembly does not.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.shift_invert
"""

import time
from math import ceil, sqrt

import numpy as np
from mpi4py import MPI

from meshes import Plan
from pde.integrators import Effort, Integrator, ShiftInvertLanczos, ThetaMethod, fastest_rate
from pde.local_operator import LocalOperator
from problem import Gaussian, Grid, Network, Problem, waves

OUTPUTS, END, TARGET = 30, 3000.0, 1e-6


def main() -> None:
    samples = waves(Grid((64, 64), (1.0, 1.0)), [[3.0, 2.0], [-5.0, 6.0]], window=0.1)
    times = np.linspace(0, END, OUTPUTS + 1)
    problem = Problem(Gaussian(6.0), samples, Network(width=2, sigma_a=1.0), times)
    layout = Plan((32.0, 32.0), (160, 160), 2, False)
    operator = LocalOperator(problem, layout, MPI.COMM_WORLD, -samples.values, accuracy=1e-12)
    start, fastest = operator.start, fastest_rate(problem, operator="local", folded=False)

    def run(integrator: Integrator) -> tuple[np.ndarray, float, int]:
        """The states at the output times, the seconds, and the steps."""
        effort, began = Effort(), time.perf_counter()
        states = np.array(list(integrator.evolve(operator, start, times, effort)))[:, 0]
        return states, time.perf_counter() - began, effort.steps

    exact = run(ShiftInvertLanczos(1e-12, fastest))[0]

    def error(states: np.ndarray) -> float:
        norms = [operator.dot(d[None], operator.mass(d))[0] for d in states - exact]
        return sqrt(max(norms) / operator.dot(start, operator.mass(start[0]))[0])

    print("| method | tolerance asked | steps or solves | error | seconds | ratio |")
    print("|---|---|---|---|---|---|")
    lanczos, fast, solves = run(ShiftInvertLanczos(TARGET, fastest))
    print(f"| shift-and-invert Lanczos | {TARGET:.0e} | {solves} | {error(lanczos):.1e} | {fast:.2f} | 1 |", flush=True)
    trial, _, steps = run(ThetaMethod(0.5, END / (10 * OUTPUTS)))
    steps = OUTPUTS * ceil(steps * sqrt(1.02 * error(trial) / TARGET) / OUTPUTS)
    stepped, slow, steps = run(ThetaMethod(0.5, END / steps))
    print(f"| Crank-Nicolson | - | {steps} | {error(stepped):.1e} | {slow:.1f} | {slow / fast:.1f} |", flush=True)


if __name__ == "__main__":
    main()
