"""Shift-and-invert Lanczos against other integrators, in one run: time to an error of 1e-4 and of 1e-6.

Local operator, two dimensions, degree 2, 103,041 dofs, 30 output times, both parts of v. Peers: Crank-Nicolson with one
factorisation in plain DOLFINx, NGSolve and scikit-fem, PETSc's adaptive TS, SLEPc's MFN. Each peer uses the steps or
the tolerance that just meets the error, found beforehand from its order and by trial; freqbias gets only the tolerance.
Errors are in the mass norm, divided by the start. The reference is shift-and-invert Lanczos at 1e-12, which
tests/pde/test_convergence.py compares with the exact modes. Mesh, assembly and factorisation count; compiling does not.
Seconds are processor time of one thread. NGSolve and scikit-fem run in their own environments, which uv creates.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.peers            (5 minutes)
       OMP_NUM_THREADS=1 uv run python -m benchmarks.peers --full     (every step made; 30 minutes)
"""

from mpi4py import MPI  # isort: skip
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

import numpy as np
from petsc4py import PETSc

from benchmarks.peers_case import DEGREE, Case, clock
from freqbias.meshes import BoxPlan
from freqbias.numerics import Grid
from freqbias.pde import TRANSFORM_SHARE, IntegrationRecord, LocalOperator, ShiftInvertIntegrator, fastest_rate, forms
from freqbias.pde.assembled_operator import AssembledOperator
from freqbias.pde.linear_algebra import FILL_ORDERING, ShiftedSolver
from freqbias.problem import Gaussian, Network, Problem, waves

HERE = Path(__file__).parent
OUTPUTS, END, CELLS, HALF_WIDTH = 30, 3000.0, 160, 32.0
ERRORS = (1e-4, 1e-6)
REPEATS = 5
CRANK_NICOLSON = {
    1e-4: 360,
    1e-6: 3420,
}  # steps, extrapolated by the order from a coarser mesh
TS = {1e-4: 7e-5, 1e-6: 3e-7}  # found by trial


@dataclass(frozen=True)
class Peer:
    """settings: the steps or the tolerance for each error. stretch: how many outputs are timed for each error."""

    name: str
    command: tuple[str, ...]
    settings: dict[float, float]
    stretch: dict[float, int]


def own(script: str) -> tuple[str, ...]:
    """Run a peer in the environment that its script describes."""
    return ("uv", "run", "--quiet", "--python", sys.executable, "--script", str(HERE / script))


def beside(method: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / "peers_petsc.py"), method)


PEERS = (
    Peer("Crank-Nicolson, DOLFINx", beside("crank-nicolson"), CRANK_NICOLSON, {1e-4: OUTPUTS, 1e-6: 3}),
    Peer("Crank-Nicolson, NGSolve", own("peers_ngsolve.py"), CRANK_NICOLSON, {1e-4: 10, 1e-6: 1}),
    Peer("Crank-Nicolson, scikit-fem", own("peers_skfem.py"), CRANK_NICOLSON, {1e-4: 10, 1e-6: 1}),
    Peer("PETSc TS, Rosenbrock 4", beside("ts"), TS, {1e-4: 30, 1e-6: 30}),
    Peer("SLEPc MFN", beside("mfn"), {1e-4: 1e-4, 1e-6: 1e-6}, {1e-4: 1, 1e-6: 1}),
)


def build() -> Problem:
    """Three waves in a window off the centre, so neither part of v(0) vanishes."""
    samples = waves(Grid((64, 64), (1.0, 1.0)), [[3.0, 2.0], [-5.0, 6.0]], window=0.1)
    shifted = np.roll(samples.values.reshape(64, 64), (5, -3), axis=(0, 1))
    times, network = np.linspace(0, END, OUTPUTS + 1), Network(width=2, sigma_a=1.0)
    return Problem(Gaussian(6.0), replace(samples, values=shifted.reshape(1, -1)), network, times)


class Recorded(LocalOperator):
    """The local operator, which keeps the matrix of its last shift."""

    def solver(self, shift: float) -> ShiftedSolver:
        self.shift = shift
        return super().solver(shift)

    def shifted(self) -> PETSc.Mat:
        laws, degree = forms.laws_on(self.problem, self.plan), self.plan.quadrature_degree
        assembled = AssembledOperator(self.space, self.plan, laws, degree, 1 / self.problem.grid.volume)
        return assembled.solver(self.shift, rtol=1e-6)._matrices[0]


@dataclass(frozen=True)
class Solution:
    """v (T, n), complex, at the nodes; seconds for mesh, matrices and v(0), and for integrating both parts of v."""

    v: np.ndarray
    operator: Recorded
    prepared: float
    integrating: float
    solves: int

    @property
    def seconds(self) -> float:
        return self.prepared + self.integrating

    def error(self, exact: np.ndarray) -> float:
        """max over the output times of |v - exact|_M / |v(0)|_M."""

        def norm(v: np.ndarray) -> float:
            parts = self.operator.scatter(np.array([v.real, v.imag]))
            return sqrt(sum(part @ self.operator.mass(part) for part in parts))

        return max(norm(difference) for difference in self.v - exact) / norm(exact[0])


def ours(problem: Problem, tolerance: float) -> Solution:
    began = clock()
    plan = BoxPlan.uniform((HALF_WIDTH, HALF_WIDTH), (CELLS, CELLS), DEGREE)
    accuracy = TRANSFORM_SHARE * tolerance
    operator = Recorded(problem, plan, MPI.COMM_SELF, -problem.samples.values, accuracy=accuracy)
    prepared = clock() - began
    began, record = clock(), IntegrationRecord()
    integrator = ShiftInvertIntegrator(tolerance, fastest_rate(problem, operator="local", folded=False))
    evolution = integrator.evolve(operator, operator.start, problem.times, record)
    v = np.array([operator.nodes.gather(operator.spectrum(state))[0] for state in (operator.start, *evolution)])
    return Solution(v, operator, prepared, clock() - began, record.steps)


def bare(operator: Recorded, solves: int) -> tuple[float, float, float]:
    """Seconds for MUMPS alone on the same matrix: ordering and analysis, factorisation, solves."""
    matrix = operator.shifted()
    solution, right = matrix.createVecs()
    right.array[:] = operator.mass(operator.start[0])
    solver = PETSc.KSP().create(matrix.getComm())
    solver.setOperators(matrix)
    solver.setType("preonly")
    solver.getPC().setType("cholesky")
    solver.getPC().setFactorSolverType("mumps")
    solver.getPC().setFactorSetUpSolverType()
    solver.getPC().getFactorMatrix().setMumpsIcntl(7, FILL_ORDERING)
    began = clock()
    solver.setUp()
    first = clock() - began
    matrix.scale(1 + 1e-12)  # other entries in the same pattern, so the next factorisation is only numeric
    solver.setOperators(matrix)
    began = clock()
    solver.setUp()
    factorisation = clock() - began
    began = clock()
    for _ in range(solves):
        solver.solve(right, solution)
    return first - factorisation, factorisation, clock() - began


def measured(peer: Peer, case: Path, error: float, *, full: bool) -> dict[str, float]:
    stretch = OUTPUTS if full else peer.stretch[error]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        subprocess.run(
            [*peer.command, str(case), str(result), str(peer.settings[error]), str(stretch)],
            check=True,
            env=environment,
        )
        figures = json.loads(result.read_text(encoding="utf-8"))
    return {"seconds": figures["prepared"] + figures["stepping"], "stretch": stretch, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="make every step")
    parser.add_argument("--only", default="", help="peers whose name contains this")
    args = parser.parse_args()

    problem = build()
    reference = ours(problem, 1e-12)
    start, nodes = reference.v[0], reference.operator.nodes.gather_frequency()
    parts = np.stack([reference.v[1:].real, reference.v[1:].imag], axis=1)
    case = Case(
        HALF_WIDTH,
        CELLS,
        6.0,
        1.0,
        problem.times,
        nodes,
        np.stack([start.real, start.imag]),
        np.ascontiguousarray(parts),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.npz"
        case.write(path)
        for error in ERRORS:
            compare(problem, reference, path, error, args)


def compare(problem: Problem, reference: Solution, path: Path, error: float, args: argparse.Namespace) -> None:
    """Print the table for one error."""
    runs = [ours(problem, error) for _ in range(REPEATS)]
    seconds = statistics.median(run.seconds for run in runs)
    integrating = statistics.median(run.integrating for run in runs)
    analysis, factorisation, solves = np.median(
        [bare(runs[0].operator, runs[0].solves) for _ in range(REPEATS)], axis=0
    )
    print(f"\nTo an error of {error:.0e}, {case_size(reference)} dofs:\n")
    print("| method | steps or solves | error | seconds | ratio |\n|---|---|---|---|---|")
    print(f"| freqbias | {runs[0].solves} | {runs[0].error(reference.v):.1e} | {seconds:.2f} | 1 |", flush=True)
    for peer in PEERS:
        if args.only not in peer.name:
            continue
        figures = measured(peer, path, error, full=args.full)
        steps = figures.get("steps", peer.settings[error])
        part = "" if figures["stretch"] == OUTPUTS else f" (of {figures['stretch']} outputs)"
        print(
            f"| {peer.name} | {steps:.0f} | {figures['error']:.1e}{part} | {figures['seconds']:.2f} "
            f"| {figures['seconds'] / seconds:.1f} |",
            flush=True,
        )
    mumps = analysis + factorisation + solves
    print(
        f"""
freqbias: {min(run.seconds for run in runs):.2f} to {max(run.seconds for run in runs):.2f} s in {REPEATS} runs; \
preparing {seconds - integrating:.2f} s, integrating {integrating:.2f} s.
MUMPS alone: analysis {analysis:.2f} s, factorisation {factorisation:.2f} s, {runs[0].solves} solves {solves:.2f} s.
Integrating over MUMPS alone: {integrating / mumps:.2f}; without analysis: \
{(integrating - analysis) / (mumps - analysis):.2f}; preparing included: {seconds / mumps:.2f}.""",
        flush=True,
    )


def case_size(solution: Solution) -> str:
    return f"{solution.v.shape[1]:,}"


if __name__ == "__main__":
    main()
