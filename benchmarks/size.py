"""Time and memory for a degree of freedom as the mesh grows: the local operator, 30 output times to 1e-4.

Each size runs in its own process. The memory is the peak resident set of that process minus the one after its imports.
The time includes mesh, matrices, factorisation or multigrid, and all solves; forms are compiled before.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.size
"""

import json
import resource
import subprocess
import sys
import time

SIZES = {2: (50, 100, 160, 250, 500, 700), 3: (10, 16, 20, 32, 50)}  # cells along each axis, degree 2


def measure(dimension: int, cells: int) -> None:
    """Run one size and print its figures as JSON."""
    import numpy as np

    from freqbias.numerics import Grid
    from freqbias.pde import Solver
    from freqbias.problem import Gaussian, Mesh, Network, Pde, Problem, waves

    samples = waves(Grid((64,) * dimension, (1.0,) * dimension), [[3.0] * dimension], window=0.1)
    times = np.linspace(0.0, 3000.0, 31)
    problem = Problem(Gaussian(5.0), samples, Network(width=2, sigma_a=1.0), times)
    settings = Pde(operator="local", degree=2, tolerance=1e-4)
    list(Solver(problem, settings, Mesh(half_width=30.0, size=15.0)).trajectory())  # compiles the forms
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    solver = Solver(problem, settings, Mesh(half_width=30.0, size=60.0 / cells))
    setup = time.perf_counter() - start
    for _ in solver.trajectory():
        pass
    whole = time.perf_counter() - start
    memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(
        json.dumps(
            {
                "dofs": solver.plan.dofs,
                "setup": setup,
                "whole": whole,
                "solves": solver.record.solves,
                "memory": memory,
            }
        )
    )


def main() -> None:
    print("| dimension | dofs | solves | seconds | microseconds a dof | of it set-up | kB a dof |")
    print("|---|---|---|---|---|---|---|")
    for dimension, sizes in SIZES.items():
        for cells in sizes:
            command = [sys.executable, "-m", "benchmarks.size", str(dimension), str(cells)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            dofs, whole = found["dofs"], found["whole"]
            micro, setup, memory = 1e6 * whole / dofs, 1e6 * found["setup"] / dofs, found["memory"] / dofs / 1e3
            row = (
                dimension,
                f"{dofs:,}",
                found["solves"],
                f"{whole:.2f}",
                f"{micro:.1f}",
                f"{setup:.1f}",
                f"{memory:.2f}",
            )
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(int(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
