"""The communicator of all processes, and a wait that sleeps instead of spinning.

Two spinning ranks made a matrix product on rank 0 take 1.7 times as long.
"""

import time
from functools import cache
from typing import Any

from freqbias.errors import UsageError
from freqbias.runtime import launcher
from freqbias.runtime.launcher import size, under_torchrun

SHORTEST_PAUSE, LONGEST_PAUSE = 1e-4, 1e-2  # seconds


class SerialWorld:
    """A replacement for COMM_WORLD with a single process, without MPI."""

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


_group: Any = None
"""The communicator of the processes of this group, after `divide`."""


def world() -> Any:
    """Return the communicator of all processes, or after `divide` of the processes of this group."""
    return _all_processes() if _group is None else _group


def mpi_world() -> Any:
    """Return `world()` as an MPI communicator, also for one process."""
    from mpi4py import MPI

    return MPI.COMM_SELF if isinstance(world(), SerialWorld) else world()


def divide(ranks: int) -> int:
    """Divide the processes into groups of `ranks` processes, and return the number of this group. Collective.

    From now on this group is the world: `world`, `rank`, `size` and all that is collective mean this group only.
    Raises UsageError if the processes do not divide evenly.
    """
    global _group  # noqa: PLW0603
    everyone = _all_processes()
    if everyone.size % ranks:
        raise UsageError(
            f"--ranks-per-run {ranks}: {everyone.size} ranks do not divide into groups of {ranks}; start mpirun with a "
            f"multiple of {ranks}, or use another --ranks-per-run"
        )
    number = everyone.rank // ranks
    if everyone.size > 1:
        _group = SerialWorld() if ranks == 1 else everyone.Split(number, everyone.rank)
        launcher.set_group(_group.rank, _group.size)
    return number


@cache
def _all_processes() -> Any:
    """Return the communicator of all processes.

    It is a `SerialWorld` for one process, a `TorchWorld` under torchrun, and otherwise `mpi4py.MPI.COMM_WORLD`.
    Raises UsageError if mpirun belongs to an MPI library other than mpi4py's, so that MPI sees another number of
    processes than mpirun has started.
    """
    if size() == 1:
        return SerialWorld()
    if under_torchrun():
        from freqbias.runtime.torch_world import TorchWorld

        return TorchWorld()
    from mpi4py import MPI

    if MPI.COMM_WORLD.size != size():
        library = MPI.Get_library_version().splitlines()[0]
        raise UsageError(
            f"the launcher started {size()} processes, but MPI sees {MPI.COMM_WORLD.size}: this mpirun does not belong "
            f"to {library}; use `uv run mpirun`, or the mpirun of that library"
        )
    return MPI.COMM_WORLD


def sleep_until_complete(request: Any, timeout: float | None = None) -> bool:
    """Sleep until an MPI request completes. Return False if the request is still pending after `timeout` seconds.

    The wait is at most a tenth, and at most `LONGEST_PAUSE`, longer than necessary. In a barrier of p ranks the delays
    of up to log2(p) ranks add up, because a rank answers the others only while it tests its request.
    """
    begin = time.monotonic()
    while not request.Test():
        waited = time.monotonic() - begin
        if timeout is not None and waited > timeout:
            return False
        time.sleep(min(max(waited / 10, SHORTEST_PAUSE), LONGEST_PAUSE))
    return True
