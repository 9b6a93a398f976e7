"""The communicator of all processes, and waiting without spinning: two spinning ranks made rank 0's matrix product take
1.7 times as long."""

import time
from functools import cache
from typing import Any

from freqbias.errors import UsageError
from freqbias.runtime.launcher import by_torchrun, size


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
