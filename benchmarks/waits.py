"""How much longer than rank 0's work the other ranks wait, and how much processor time the waiting takes.

    sleeping    `on_root`: the other ranks sleep, and look for the end of the work
    spinning    MPI's barrier: the other ranks look all the time

Usage: uv run mpirun -n 4 python -m benchmarks.waits [--work 0.01 0.1 1.0]
"""

from mpi4py import MPI  # isort: skip
import argparse
import time
from collections.abc import Callable

from freqbias.runtime import on_root

TRIALS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=float, nargs="+", default=[0.01, 0.1, 1.0], help="seconds of rank 0's work")
    comm = MPI.COMM_WORLD
    if comm.rank == 0:
        print("| ranks | work | wait | delay: median, worst | processor time of a waiting rank |")
        print("|---|---|---|---|---|")
    for work in parser.parse_args().work:
        for name, wait in (("sleeping", sleeping), ("spinning", spinning)):
            delays, load = zip(*(measure(wait, work) for _ in range(TRIALS)), strict=True)
            if comm.rank == 0:
                delay = f"{1e3 * sorted(delays)[TRIALS // 2]:.1f} ms, {1e3 * max(delays):.1f} ms"
                print(f"| {comm.size} | {work:g} s | {name} | {delay} | {sum(load) / TRIALS:.1%} |")


def sleeping(work: float) -> None:
    on_root(time.sleep, work)


def spinning(work: float) -> None:
    if MPI.COMM_WORLD.rank == 0:
        time.sleep(work)
    MPI.COMM_WORLD.Barrier()


def measure(wait: Callable[[float], None], work: float) -> tuple[float, float]:
    """Return the delay of the last rank [s], and the mean share of the time in which a waiting rank computes."""
    comm = MPI.COMM_WORLD
    comm.Barrier()
    start, busy = time.perf_counter(), time.process_time()
    wait(work)
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    total = comm.allreduce(busy * (comm.rank > 0))
    return comm.allreduce(taken, MPI.MAX) - work, total / taken / max(1, comm.size - 1)


if __name__ == "__main__":
    main()
