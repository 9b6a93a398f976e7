"""Ranks and threads: who am I, how many of us, how many cores each.

Rank and size come from the launcher's environment, so that nothing starts MPI before it is needed. Ranks that wait
sleep: two spinning ranks made rank 0's matrix product take 1.7 times as long.
"""

import os
import time
from functools import cache
from typing import Any

from freqbias.errors import UsageError

# (rank, size, ranks on this node) as set by MPICH and Intel MPI, Open MPI, MVAPICH, and `srun --mpi=pmix`. SLURM_PROCID
# alone would not do: it is also set in a batch script, where one process runs however many tasks were allocated.
_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"),
)
# The same by torchrun, whose processes are no MPI's: what stands in for COMM_WORLD there is torch.distributed. The
# first two alone would not do: schedulers of clusters set them around a process that nothing has joined to others.
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_limited_by_us = False


def _integer(variable: str) -> int | None:
    """The leading integer of an environment variable ("4", "4,2", "4(x3)"), or None."""
    digits = os.environ.get(variable, "").strip().split(",")[0].split("(")[0]
    return int(digits) if digits.isdecimal() else None


def _launched() -> tuple[int, int, int]:
    """(rank, size, ranks on this node); (0, 1, 1) without a launcher."""
    for rank_variable, size_variable, local_variable in [_TORCHRUN] if by_torchrun() else _LAUNCHERS:
        rank_here, size_here = _integer(rank_variable), _integer(size_variable)
        if rank_here is not None and size_here is not None:
            return rank_here, size_here, _integer(local_variable) or size_here
    return 0, 1, 1


def by_torchrun() -> bool:
    """Whether torchrun started this process, and no MPI did."""
    return all(_integer(name) is not None for name in _TORCHRUN) and not any(
        _integer(launcher[0]) is not None for launcher in _LAUNCHERS
    )


def rank() -> int:
    """This process's number among those that the launcher started, 0 without a launcher."""
    return _launched()[0]


def size() -> int:
    """The number of processes that the launcher started, 1 without a launcher."""
    return _launched()[1]


def size_here() -> int:
    """The number of those processes that run on this machine."""
    return _launched()[2]


class SerialWorld:
    """What stands in for COMM_WORLD in a single process; never touches MPI."""

    rank = 0
    size = 1

    def bcast[T](self, value: T, root: int = 0) -> T:
        return value

    def allgather[T](self, value: T) -> list[T]:
        return [value]

    def gather[T](self, value: T, root: int = 0) -> list[T]:
        return [value]

    def scatter[T](self, values: list[T], root: int = 0) -> T:
        return values[0]


@cache
def world() -> Any:
    """`mpi4py.MPI.COMM_WORLD` with more than one rank (under torchrun a `TorchWorld`), else a `SerialWorld`.

    Raises UsageError where launcher and MPI library disagree: each process would take itself for the only one.
    """
    if size() == 1:
        return SerialWorld()
    if by_torchrun():
        from freqbias.runtime.torch_world import TorchWorld

        return TorchWorld()
    from mpi4py import MPI

    if MPI.COMM_WORLD.size != size():
        library = MPI.Get_library_version().splitlines()[0]
        raise UsageError(
            f"the launcher started {size()} processes, but MPI sees {MPI.COMM_WORLD.size}: this mpirun belongs to "
            f"another MPI than {library}; start with `uv run mpirun`, or with that MPI's own"
        )
    return MPI.COMM_WORLD


def wait_asleep(request: Any, patience: float | None = None) -> bool:
    """Waits for an MPI request without using the processor; False where `patience` seconds were not enough."""
    deadline = None if patience is None else time.monotonic() + patience
    pause = 1e-3
    while not request.Test():
        if deadline is not None and time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 5e-2)
    return True


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen_by_user() -> int | None:
    return None if _limited_by_us else _integer("OMP_NUM_THREADS") or None


def threads() -> int:
    """Threads a rank may use while all work: the user's OMP_NUM_THREADS, else usable cores over ranks on this node."""
    return _chosen_by_user() or max(1, _cores() // _launched()[2])


def threads_alone() -> int:
    """Threads rank 0 may use while the others sleep: the user's OMP_NUM_THREADS, else all usable cores."""
    return _chosen_by_user() or _cores()


def limit_threads() -> None:
    """Tells the numerical libraries, before they are imported, to use `threads()`; the user's OMP_NUM_THREADS wins."""
    global _limited_by_us  # noqa: PLW0603
    if _chosen_by_user() is not None:
        return
    allowed = threads()
    _limited_by_us = True
    os.environ["OMP_NUM_THREADS"] = str(allowed)
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, str(allowed))
