"""The communicator under torchrun: torch.distributed with the methods of an MPI communicator that this package uses.

This module is imported only under torchrun.
"""

import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from freqbias.runtime.launcher import local_size

TORCH_TIMEOUT = timedelta(days=365)
"""A limit that is never reached while rank 0 works and the others wait. torchrun notices a process that has died."""


def torch_backend() -> str:
    """Return the backends of torch.distributed.

    The backend is gloo. If each process has its own GPU, the backend for GPU tensors is NCCL, which does not allow two
    processes on one GPU.
    """
    own_gpu = torch.cuda.is_available() and local_size() <= torch.cuda.device_count()
    return "cpu:gloo,cuda:nccl" if own_gpu and dist.is_nccl_available() else "gloo"


class TorchWorld:
    """A process group of torch.distributed. Without `group`, it contains all processes."""

    def __init__(self, group: Any = None) -> None:
        if not dist.is_initialized():
            dist.init_process_group(torch_backend(), timeout=TORCH_TIMEOUT)
        self._group = group
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def Dup(self) -> "TorchWorld":  # noqa: N802  (names of MPI)
        return TorchWorld(dist.new_group(backend="gloo", timeout=TORCH_TIMEOUT))

    def bcast(self, value: Any, root: int = 0) -> Any:
        box = [value]
        dist.broadcast_object_list(box, src=root, group=self._group, device=torch.device("cpu"))
        return box[0]

    def allgather(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._group)
        return values

    def gather(self, value: Any, root: int = 0) -> list[Any] | None:
        values = [None] * self.size if self.rank == root else None
        dist.gather_object(value, values, dst=root, group=self._group)
        return values

    def scatter(self, values: list[Any] | None, root: int = 0) -> Any:
        box: list[Any] = [None]
        dist.scatter_object_list(box, values, src=root, group=self._group)
        return box[0]

    def Ibarrier(self) -> "Request":  # noqa: N802
        return Request(dist.all_reduce(torch.zeros(1), group=self._group, async_op=True))

    def Iallgather(self, sent: bytes, received: bytearray) -> "Request":  # noqa: N802
        """Gather `sent` of all ranks in `received`, which has size * len(sent) bytes, until the request completes."""
        target = torch.frombuffer(received, dtype=torch.uint8)
        parts = list(target.chunk(self.size))
        mine = torch.frombuffer(bytearray(sent), dtype=torch.uint8)
        return Request(dist.all_gather(parts, mine, group=self._group, async_op=True))

    def Abort(self, code: int) -> None:  # noqa: N802
        os._exit(code)  # torchrun then ends the other processes


class Request:
    def __init__(self, work: Any) -> None:
        self._work = work

    def Test(self) -> bool:  # noqa: N802
        return bool(self._work.is_completed())
