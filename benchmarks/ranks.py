"""One rank against two at a million dofs, beside the memory bandwidth; and an estimate for 64 ranks from the measured
communication.

Local operator in two dimensions, degree 2, Gaussian rho_w, 30 output times, MUMPS. The bandwidth is that of a = b + c
in arrays far larger than the caches, on all ranks at once (STREAM's add).

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.ranks [CELLS]
"""

import json
import shutil
import subprocess
import sys
import time
from math import log2
from pathlib import Path

CELLS = 500  # along each axis; 1,002,001 dofs
EVENTS = ("VecScatterBegin", "SFBcastBegin", "SFReduceBegin")
REDUCTIONS = ("VecTDot", "VecDot", "VecNorm", "VecMDot")
LATENCY, BANDWIDTH = 1.5e-6, 10e9  # of a network between machines: seconds a message, bytes a second
FAR = 64


def measure(cells: int) -> None:
    """One run on the current ranks; rank 0 prints its figures as JSON."""
    from mpi4py import MPI  # isort: skip
    import numpy as np
    from petsc4py import PETSc

    from freqbias.numerics import Grid
    from freqbias.pde import Solver
    from freqbias.problem import Gaussian, Mesh, Network, Pde, Problem, waves

    comm = MPI.COMM_WORLD

    def timed(work):  # type: ignore[no-untyped-def]
        comm.Barrier()
        start = time.perf_counter()
        result = work()
        comm.Barrier()
        return time.perf_counter() - start, result

    def bandwidth() -> float:
        a, b, c = (np.ones(20_000_000) for _ in range(3))
        return comm.size * 24 * len(a) / min(timed(lambda: np.add(b, c, out=a))[0] for _ in range(7))

    together = bandwidth()
    samples = waves(Grid((64, 64), (1.0, 1.0)), [[6.0, 0.0], [3.0, 9.0]], window=0.1)
    times = np.linspace(0.0, 3000.0, 31)
    problem = Problem(Gaussian(5.0), samples, Network(width=2, sigma_a=1.0), times)
    settings, mesh = Pde(operator="local", degree=2, tolerance=1e-4), Mesh(half_width=30.0, size=60.0 / cells)
    Solver(problem, settings, Mesh(half_width=30.0, size=2.0))  # compiles the forms
    setup, solver = timed(lambda: Solver(problem, settings, mesh, comm))
    PETSc.Log.begin()
    solve, snapshots = timed(lambda: list(solver.trajectory()))

    def counted(names, key):  # type: ignore[no-untyped-def]
        return sum(PETSc.Log.Event(name).getPerfInfo()[key] for name in names)

    figures = {
        "dofs": solver.plan.dofs,
        "setup": setup,
        "solve": solve,
        "solves": solver.record.steps,
        "bandwidth": together,
        "messages": comm.allreduce(counted(EVENTS, "numMessages"), MPI.MAX),
        "bytes": comm.allreduce(counted(EVENTS, "messageLength"), MPI.MAX),
        "reductions": counted(REDUCTIONS, "count"),
        "loss": snapshots[-1].loss,
    }
    if comm.rank == 0:
        print(json.dumps(figures))


def launched(ranks: int, cells: int) -> dict[str, float]:
    mpirun = shutil.which("mpirun", path=str(Path(sys.executable).parent)) or "mpirun"
    command = [mpirun, "-n", str(ranks), sys.executable, "-m", "benchmarks.ranks", "--measure", str(cells)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    one, two = launched(1, cells), launched(2, cells)
    allowed = two["bandwidth"] / one["bandwidth"]
    apart = abs(two["loss"] / one["loss"] - 1)
    print(f"{one['dofs']:,} dofs, {one['solves']:.0f} solves; the losses differ by {apart:.0e}\n")
    print("| | one rank | two ranks | ratio | of the bandwidth's ratio |")
    print("|---|---|---|---|---|")
    rows = [(name, one[name], two[name], one[name] / two[name]) for name in ("setup", "solve")]
    whole = [figures["setup"] + figures["solve"] for figures in (one, two)]
    for name, first, second, ratio in [*rows, ("whole", *whole, whole[0] / whole[1])]:
        print(f"| {name} | {first:.1f} s | {second:.1f} s | {ratio:.2f} | {100 * ratio / allowed:.0f} % |")
    print(f"| bandwidth | {one['bandwidth'] / 1e9:.1f} GB/s | {two['bandwidth'] / 1e9:.1f} GB/s | {allowed:.2f} | |\n")
    # One of 8 x 8 ranks has four sides of an eighth and eight neighbours; one of two has one side, one neighbour.
    volume, messages = two["bytes"] * 4 / 8, two["messages"] * 8
    network = volume / BANDWIDTH + messages * LATENCY + two["reductions"] * 2 * log2(FAR) * LATENCY
    work = 2 * whole[1] / FAR
    print(
        f"Each of two ranks sends {two['bytes'] / 1e6:.0f} MB in {two['messages']:.0f} messages and joins in "
        f"{two['reductions']:.0f} reductions. On {FAR} ranks, two to a machine: {volume / 1e6:.0f} MB in "
        f"{messages:.0f} messages, {network:.2f} s beside {work:.2f} s of work: {whole[0] / (work + network):.0f} "
        f"times as fast as one rank, {100 * work / (work + network):.0f} % of it work."
    )


if __name__ == "__main__":
    if "--measure" in sys.argv:
        measure(int(sys.argv[-1]))
    else:
        main()
