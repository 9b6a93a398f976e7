"""Neurons shared out among processes: each holds its slice of the one draw, and sums over the neurons are added up.

The network is a sum over its neurons, and the gradient by a neuron needs nothing but that sum, so that one all_reduce
of (C, N) numbers is all that a gradient exchanges. What comes out of it is the same to the last bit on every process,
and so is all that follows: losses, steps, endings.
"""

import socket
from collections.abc import Callable
from math import ceil
from typing import Any

import torch
import torch.distributed as dist

from freqbias.runtime import (
    TORCH_TIMEOUT,
    SerialWorld,
    local_size,
    on_root,
    rank,
    size,
    threads,
    threads_alone,
    torch_backend,
    world,
)


class Shards:
    """Which neurons are this process's, and the sums over all of them; here, it holds all.

    comm: the communicator of the processes. threads: how many this one may use.
    """

    def __init__(self) -> None:
        self.comm: Any = SerialWorld()
        self.threads = threads_alone()

    def own(self, width: int, rank: int | None = None) -> slice:
        """Those of so many neurons that are this process's, or that rank's."""
        rank, size = self.comm.rank if rank is None else rank, self.comm.size
        return slice(width * rank // size, width * (rank + 1) // size)

    def device(self, device: torch.device) -> torch.device:
        """This process's own, where `device` is what was chosen for all."""
        return device

    def share(self, device: torch.device) -> float:
        """Of all neurons, what the processes hold that share the memory of this device."""
        return 1.0

    def total(self, part: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        """The sum over the processes of part(), a tensor like `like`; collective.

        Raises FloatingPointError on all of them where it is raised on one, or the sum is not finite.
        """
        return part()


class Sharded(Shards):
    """By torch.distributed, with gloo, or with NCCL between GPUs; the processes are those that mpirun or torchrun
    started."""

    def __init__(self) -> None:
        self.comm, self.threads = world(), threads()
        if not dist.is_initialized():  # torchrun's processes have met already
            meeting = on_root(_meeting_place)
            dist.init_process_group(
                torch_backend(), init_method=meeting, rank=rank(), world_size=size(), timeout=TORCH_TIMEOUT
            )

    def device(self, device: torch.device) -> torch.device:
        return torch.device("cuda", rank() % torch.cuda.device_count()) if device.type == "cuda" else device

    def share(self, device: torch.device) -> float:
        devices = torch.cuda.device_count() if device.type == "cuda" else 1
        return ceil(local_size() / devices) / size()

    def total(self, part: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        try:
            result = part().contiguous()
        except FloatingPointError:  # the others are told by the sum
            result = torch.full_like(like, torch.nan)
        dist.all_reduce(result)
        if not torch.isfinite(result).all():
            raise FloatingPointError("a sum over the neurons is NaN or infinite")
        return result


def among_all() -> Shards:
    """Those of all processes that the launcher started, be there several or one."""
    return Sharded() if size() > 1 else Shards()


def _meeting_place() -> str:
    """Where the processes find rank 0: a port that was free a moment ago."""
    host = "localhost" if local_size() == size() else socket.gethostname()
    with socket.socket() as free:
        free.bind(("", 0))
        return f"tcp://{host}:{free.getsockname()[1]}"
