"""Neurons shared out among processes: each holds its slice of the one draw, and sums over neurons are added up.

The network is a sum over neurons, and the gradient by a neuron needs nothing but that sum, so that one all_reduce of
(C, N) numbers is all that a gradient costs. Its result is the same to the last bit on every process, and so is all
that follows from it: losses, steps, endings.
"""

import socket
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

from runtime import rank, size, threads, threads_alone, world
from runtime.ranks import SerialWorld
from runtime.torchrun import PATIENCE, backends


class Shards:
    """Which neurons are this process's, and the sums over all; here, all are.

    comm: the communicator of the processes. threads: those that this one may use.
    """

    def __init__(self) -> None:
        self.comm: Any = SerialWorld()
        self.threads = threads_alone()

    def slice(self, width: int) -> slice:
        """This process's of so many neurons."""
        return _part(width, self.comm.rank, self.comm.size)

    def total(self, work: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        """The sum over the processes of what `work` returns, a tensor like `like`. Raises FloatingPointError on all
        where it is raised on one."""
        return work()

    def gather(self, columns: torch.Tensor) -> torch.Tensor | None:
        """(rows, own neurons) -> (rows, all neurons) on process 0, None on the others."""
        return columns

    def scatter(self, columns: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
        """The inverse of `gather`; like: (rows, own neurons)."""
        assert columns is not None
        return columns


class Sharded(Shards):
    """By torch.distributed: gloo, or NCCL on GPUs."""

    def __init__(self, width: int) -> None:
        self.comm, self.threads, self._width = world(), threads(), width
        if not dist.is_initialized():  # under mpirun
            with socket.socket() as free:
                free.bind(("", 0))
                address = self.comm.bcast(f"tcp://{socket.gethostname()}:{free.getsockname()[1]}")
            dist.init_process_group(backends(), init_method=address, rank=rank(), world_size=size(), timeout=PATIENCE)

    def total(self, work: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        try:
            result = work().contiguous()
        except FloatingPointError:
            result = torch.full_like(like, torch.nan)
        dist.all_reduce(result)
        if not torch.isfinite(result).all():
            raise FloatingPointError("a sum over the neurons is NaN or infinite")
        return result

    def gather(self, columns: torch.Tensor) -> torch.Tensor | None:
        mine = columns.cpu().contiguous()
        if self.comm.rank > 0:
            dist.send(mine, 0)
            return None
        parts = [mine, *(mine.new_empty(self._shape(mine, other)) for other in range(1, self.comm.size))]
        for other, part in enumerate(parts[1:], 1):
            dist.recv(part, other)
        return torch.cat(parts, dim=1)

    def scatter(self, columns: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
        if columns is None:
            mine = torch.empty_like(like, device="cpu")
            dist.recv(mine, 0)
            return mine
        for other in range(1, self.comm.size):
            dist.send(columns[:, _part(self._width, other, self.comm.size)].contiguous(), other)
        return columns[:, self.slice(self._width)]

    def _shape(self, mine: torch.Tensor, other: int) -> tuple[int, int]:
        part = _part(self._width, other, self.comm.size)
        return len(mine), part.stop - part.start


def _part(width: int, rank: int, size: int) -> slice:
    return slice(width * rank // size, width * (rank + 1) // size)
