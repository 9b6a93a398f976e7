"""Time and memory for a degree of freedom as the mesh grows: the local operator, 30 output times to 1e-4.

Each row runs in its own process, with 64 samples along each axis. The memory is the peak resident set of that process
minus the one after its imports, with the states discarded. The time includes mesh, laws, levels, solves and the errors
on the samples at every output time; what is compiled is compiled before. "Solves" contains the preparation of the
solver, and "transforms" those between nodes and samples. Iterations: of CG in all solves together, and those of one
solve to 1e-10 with random values.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.size
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

SIZES = {2: (250, 500, 1000, 1414), 3: (16, 32, 50, 63)}  # cells along each axis, degree 2
OTHER_SOLVERS = ((2, 500), (3, 24))
HEADER = "| dimension | dofs | solver | solves | iterations | to 1e-10 | seconds | microseconds a dof |"
PARTS = " set-up | solves | transforms | one to 1e-10 | whole / solves and transforms | kB a dof |"


class Clock:
    """Adds up the seconds that calls take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keys: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments, **keys)
            self.seconds += time.perf_counter() - began
            return result

        return timed


def measure(dimension: int, cells: int, solver: str) -> None:
    """Run one row and print its figures as JSON."""
    import numpy as np

    from freqbias.numerics import Grid
    from freqbias.pde import LocalOperator, Solver, linear_algebra, petsc_options
    from freqbias.problem import Gaussian, Mesh, Network, Pde, Problem, waves

    if solver != "multigrid":
        petsc_options.MULTIGRID_DOFS = dict.fromkeys((1, 2, 3), 10**12)
        petsc_options.DIRECT_SOLVER_DOFS = dict.fromkeys((1, 2, 3), 10**12 if solver == "MUMPS" else 0)
    samples = waves(Grid((64,) * dimension, (1.0,) * dimension), [[3.0] * dimension], window=0.1)
    times = np.linspace(0.0, 3000.0, 31)
    problem = Problem(Gaussian(5.0), samples, Network(width=2, sigma_a=1.0), times)
    settings = Pde(operator="local", degree=2, tolerance=1e-4)
    list(Solver(problem, settings, Mesh(half_width=30.0, size=60.0 / (50 if dimension == 2 else 10))).trajectory())

    iterations = 0
    solves, transforms, call = Clock(), Clock(), linear_algebra.ShiftedSolver.__call__

    def counted(each: Any, *arguments: Any) -> Any:
        nonlocal iterations
        result = call(each, *arguments)
        iterations += each._solver.getIterationNumber()
        return result

    linear_algebra.ShiftedSolver.__call__ = solves.around(counted)  # type: ignore[method-assign]
    LocalOperator.solver = solves.around(LocalOperator.solver)  # type: ignore[method-assign]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    whole = Solver(problem, settings, Mesh(half_width=30.0, size=60.0 / cells))
    setup = time.perf_counter() - start
    operator = whole.operator
    assert isinstance(operator, LocalOperator)
    operator._transform.to_samples = transforms.around(operator._transform.to_samples)  # type: ignore[method-assign]
    for _ in whole.trajectory():
        pass
    seconds = time.perf_counter() - start
    memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    taken, total = solves.seconds, iterations
    last = operator._solver
    assert last is not None
    last._rtol, iterations = 1e-10, 0
    right = np.random.default_rng(0).normal(size=operator.start.shape[1])
    solves.seconds = 0.0
    last(right)
    figures = {
        "dofs": whole.plan.dofs,
        "solves": whole.record.solves,
        "iterations": total,
        "tight": iterations,
        "tight_seconds": solves.seconds,
        "setup": setup,
        "solving": taken,
        "transforms": transforms.seconds,
        "whole": seconds,
        "memory": memory,
    }
    print(json.dumps(figures))


def row(dimension: int, cells: int, solver: str) -> str:
    command = [sys.executable, "-m", "benchmarks.size", str(dimension), str(cells), solver]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    dofs = found["dofs"]
    parts = (f"{1e6 * found[part] / dofs:.1f}" for part in ("whole", "setup", "solving", "transforms", "tight_seconds"))
    ratio = found["whole"] / (found["solving"] + found["transforms"])
    columns = [dimension, f"{dofs:,}", solver, found["solves"], found["iterations"], found["tight"]]
    columns += [f"{found['whole']:.1f}", *parts, f"{ratio:.2f}", f"{found['memory'] / dofs / 1e3:.2f}"]
    return "| " + " | ".join(map(str, columns)) + " |"


def main() -> None:
    print(HEADER + PARTS)
    print("|" + "---|" * (HEADER + PARTS).count(" | ") + "---|")
    for dimension, sizes in SIZES.items():
        for cells in sizes:
            print(row(dimension, cells, "multigrid"), flush=True)
    for dimension, cells in OTHER_SOLVERS:
        for solver in ("multigrid", "MUMPS", "GAMG"):
            print(row(dimension, cells, solver), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        main()
