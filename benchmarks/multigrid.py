"""One solve with M + shift A_h to 1e-10 by geometric multigrid, here and in NGSolve, in two dimensions with degree 2.

rho_w is a Gaussian, the right-hand side is random, and both have the same number of dofs: quadrilaterals here, and
twice as many triangles there, with the laws of a two-layer network with sigma_a = 1. "Prepared" contains the mesh, the
laws and the levels. NGSolve assembles a matrix on each level.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.multigrid
"""

import json
import subprocess
import sys
import time
from pathlib import Path

COARSE, REFINEMENTS = 31, (3, 4)
SHIFTS = (1.0, 100.0, 10_000.0)


def ours(shift: float, cells: int) -> dict[str, float]:
    from mpi4py import MPI  # isort: skip
    import numpy as np

    from freqbias.meshes import BoxPlan
    from freqbias.numerics import Grid
    from freqbias.pde import LocalOperator
    from freqbias.problem import Gaussian, Network, Problem, waves

    samples = waves(Grid((16, 16), (1.0, 1.0)), [[3.0, 3.0]], window=0.1)
    problem = Problem(Gaussian(5.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 100.0]))
    plan = BoxPlan.uniform((30.0, 30.0), (cells, cells), 2)
    began = time.perf_counter()
    operator = LocalOperator(problem, plan, MPI.COMM_SELF, -samples.values, accuracy=1e-6)
    solver = operator.solver(shift)
    prepared = time.perf_counter() - began
    solver._rtol = 1e-10
    right = np.random.default_rng(0).normal(size=plan.dofs)
    began = time.perf_counter()
    solver(right)
    seconds = time.perf_counter() - began
    iterations = solver._solver.getIterationNumber()
    operator.destroy()
    return {"dofs": plan.dofs, "iterations": iterations, "prepared": prepared, "solve": seconds}


def ngsolve(shift: float, refinements: int) -> dict[str, float]:
    script = Path(__file__).with_name("multigrid_ngsolve.py")
    command = ["uv", "run", "--quiet", "--python", sys.executable, "--script", script, shift, COARSE, refinements]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    ours(1.0, 60)  # compiles what is compiled
    print("| dofs | shift | | iterations | prepared | solve | microseconds a dof |\n|---|---|---|---|---|---|---|")
    for refinements in REFINEMENTS:
        for shift in SHIFTS:
            cells = COARSE * 2**refinements
            for name, found in (("freqbias", ours(shift, cells)), ("NGSolve", ngsolve(shift, refinements))):
                times = (
                    f"{found['prepared']:.2f} s | {found['solve']:.2f} s | {1e6 * found['solve'] / found['dofs']:.2f}"
                )
                print(f"| {found['dofs']:,} | {shift:g} | {name} | {found['iterations']} | {times} |", flush=True)


if __name__ == "__main__":
    main()
