"""The local operator on 1 and 2 ranks, and a model of more ranks that is fitted to them.

Two dimensions, degree 2, Gaussian rho_w, 30 output times. The first table compares the times of one and two ranks with
the memory bandwidth, that of a = b + c in arrays far larger than the caches, on all ranks at once (STREAM's add).

The model: each of P ranks has 1/P of the work, at the speed of one of two ranks. A halo exchange sends one message to
each neighbour: 1 of 2 ranks, 3 of 4, 5 of 8 and 8 of more. Its bytes are proportional to the longest boundary of a rank
in a box of P = A x B equal rectangles. A reduction takes 2 log2(P) latencies. For the files, which are not written
here, each rank exchanges values with about sqrt(P) ranks that write them, four times for each output time. The second
table compares messages and bytes with those of 4 and 8 ranks, which may be more than there are cores. The third table
is the model alone.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.ranks [CELLS]
"""

import json
import shutil
import subprocess
import sys
import time
from math import log2, sqrt
from pathlib import Path

CELLS = 500  # along each axis; 1,002,001 dofs
EVENTS = ("VecScatterBegin", "SFBcastBegin", "SFReduceBegin")
REDUCTIONS = ("VecTDot", "VecDot", "VecNorm", "VecMDot")
OUTPUTS = 31
BESIDE = 5  # reductions of a Lanczos step, and of an output time, that PETSc does not count
LATENCY, BANDWIDTH = 1.5e-6, 10e9  # of a network between machines: seconds a message, bytes a second
NEIGHBOURS = {1: 0, 2: 1, 4: 3, 8: 5}  # of the rank with most; 8 on more ranks
FILE_BYTES = 48  # for each dof: -xi and back, v to the part of spectrum.nc, and to the cells of the fields
RANKS = (64, 256, 1024, 4096)


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
    times = np.linspace(0.0, 3000.0, OUTPUTS)
    problem = Problem(Gaussian(5.0), samples, Network(width=2, sigma_a=1.0), times)
    settings, mesh = Pde(operator="local", degree=2, tolerance=1e-4), Mesh(half_width=30.0, size=60.0 / cells)
    Solver(problem, settings, Mesh(half_width=30.0, size=2.0))  # compiles what is compiled
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
        "reductions": counted(REDUCTIONS, "count") + BESIDE * (solver.record.steps + OUTPUTS),
        "loss": snapshots[-1].loss,
    }
    if comm.rank == 0:
        print(json.dumps(figures))


def launched(ranks: int, cells: int) -> dict[str, float]:
    mpirun = shutil.which("mpirun", path=str(Path(sys.executable).parent)) or "mpirun"
    command = [mpirun, "-n", str(ranks), sys.executable, "-m", "benchmarks.ranks", "--measure", str(cells)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def boundary(ranks: int) -> float:
    """The longest boundary of a rank with other ranks, in a unit square of A x B equal rectangles."""
    a = next(a for a in range(int(sqrt(ranks)), 0, -1) if ranks % a == 0)
    b = ranks // a
    return min(a - 1, 2) / b + min(b - 1, 2) / a


def model(two: dict[str, float], ranks: int, dofs: float) -> dict[str, float]:
    """Messages, bytes and seconds of one of `ranks` ranks, from the figures of two ranks."""
    growth = dofs / two["dofs"]
    levels = log2(two["dofs"]) / 2
    messages = two["messages"] * NEIGHBOURS.get(ranks, 8) * (levels + log2(growth) / 2) / levels
    volume = two["bytes"] * boundary(ranks) / boundary(2) * sqrt(growth)
    work = 2 * (two["setup"] + two["solve"]) * growth / ranks
    halo = messages * LATENCY + volume / BANDWIDTH
    reductions = two["reductions"] * 2 * log2(ranks) * LATENCY
    return {
        "messages": messages,
        "bytes": volume,
        "work": work,
        "halo": halo,
        "reductions": reductions,
        "files": OUTPUTS * (4 * sqrt(ranks) * LATENCY + FILE_BYTES * dofs / ranks / BANDWIDTH),
    }


def main() -> None:
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    runs = {ranks: launched(ranks, cells) for ranks in (1, 2, 4, 8)}
    one, two = runs[1], runs[2]
    allowed = two["bandwidth"] / one["bandwidth"]
    apart = max(abs(run["loss"] / one["loss"] - 1) for run in runs.values())
    print(f"{one['dofs']:,} dofs, {one['solves']:.0f} solves; the losses differ by {apart:.0e}\n")
    print("| | one rank | two ranks | ratio | of the bandwidth's ratio |")
    print("|---|---|---|---|---|")
    rows = [(name, one[name], two[name], one[name] / two[name]) for name in ("setup", "solve")]
    whole = [figures["setup"] + figures["solve"] for figures in (one, two)]
    for name, first, second, ratio in [*rows, ("whole", *whole, whole[0] / whole[1])]:
        print(f"| {name} | {first:.1f} s | {second:.1f} s | {ratio:.2f} | {100 * ratio / allowed:.0f} % |")
    print(f"| bandwidth | {one['bandwidth'] / 1e9:.1f} GB/s | {two['bandwidth'] / 1e9:.1f} GB/s | {allowed:.2f} | |\n")

    print("| ranks | messages of a rank | model | MB of a rank | model | reductions |")
    print("|---|---|---|---|---|---|")
    for ranks in (2, 4, 8):
        found, expected = runs[ranks], model(two, ranks, two["dofs"])
        columns = [ranks, f"{found['messages']:,.0f}", f"{expected['messages']:,.0f}"]
        columns += [f"{found['bytes'] / 1e6:.1f}", f"{expected['bytes'] / 1e6:.1f}", f"{found['reductions']:.0f}"]
        print("| " + " | ".join(map(str, columns)) + " |")

    print("\n| ranks | dofs | work | halo exchanges | reductions | for files | times as fast as one rank | work |")
    print("|---|---|---|---|---|---|---|---|")
    for dofs in (one["dofs"], 64 * one["dofs"]):
        for ranks in RANKS:
            parts = model(two, ranks, dofs)
            seconds = [parts[part] for part in ("work", "halo", "reductions", "files")]
            faster = whole[0] * dofs / one["dofs"] / sum(seconds)
            columns = [ranks, f"{dofs:,}", *(f"{part:.2f} s" for part in seconds)]
            columns += [f"{faster:.0f}", f"{100 * parts['work'] / sum(seconds):.0f} %"]
            print("| " + " | ".join(map(str, columns)) + " |")


if __name__ == "__main__":
    if "--measure" in sys.argv:
        measure(int(sys.argv[-1]))
    else:
        main()
