"""Neurons shared out among processes. Each process holds a slice of the one draw; sums over neurons are all-reduced.

The network is a sum over its neurons, and the gradient with respect to one neuron depends on the others through that
sum only. So a gradient needs a single all_reduce of (C, N) numbers. Its result is the same to the last bit on every
process, and so is all that follows: losses, steps, divergence.

torch.distributed is imported for several processes only.
"""

import socket
from collections.abc import Callable
from math import ceil
from typing import Any

import torch

from freqbias.runtime import SerialWorld, local_size, on_root, rank, size, threads, threads_alone, world


class Shards:
    """The neurons of this process, and sums over all neurons; this class is for a single process, which holds all.

    comm: the communicator of the processes. threads: the number of threads this process may use.
    """

    def __init__(self) -> None:
        self.comm: Any = SerialWorld()
        self.threads = threads_alone()

    def local_slice(self, width: int, rank: int | None = None) -> slice:
        """The slice of `width` neurons that this process holds, or the process of the given rank."""
        rank, size = self.comm.rank if rank is None else rank, self.comm.size
        return slice(width * rank // size, width * (rank + 1) // size)

    def local_device(self, device: torch.device) -> torch.device:
        """This process's device; device: the one chosen for all processes."""
        return device

    def fraction_on(self, device: torch.device) -> float:
        """The fraction of all neurons held by the processes that share this device's memory."""
        return 1.0

    def all_reduce(self, part: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        """The sum over the processes of part(), a tensor of the shape and type of `like`; collective.

        Raises FloatingPointError on all processes if part() raises it on one, or if the sum is not finite.
        """
        return part()


class DistributedShards(Shards):
    """The processes that mpirun or torchrun started, joined by torch.distributed with gloo, or NCCL between GPUs."""

    def __init__(self) -> None:
        import torch.distributed as dist

        from freqbias.runtime import TORCH_TIMEOUT, torch_backend

        self.comm, self.threads = world(), threads()
        if not dist.is_initialized():  # world() has initialised it under torchrun
            address = on_root(_rendezvous_address)
            dist.init_process_group(
                torch_backend(), init_method=address, rank=rank(), world_size=size(), timeout=TORCH_TIMEOUT
            )

    def local_device(self, device: torch.device) -> torch.device:
        return torch.device("cuda", rank() % torch.cuda.device_count()) if device.type == "cuda" else device

    def fraction_on(self, device: torch.device) -> float:
        devices = torch.cuda.device_count() if device.type == "cuda" else 1
        return ceil(local_size() / devices) / size()

    def all_reduce(self, part: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        import torch.distributed as dist

        try:
            result = part().contiguous()
        except FloatingPointError:  # a NaN in the sum tells the other processes
            result = torch.full_like(like, torch.nan)
        dist.all_reduce(result)
        if not torch.isfinite(result).all():
            raise FloatingPointError("a sum over the neurons is NaN or infinite")
        return result


def make_shards() -> Shards:
    """The shards of all processes that the launcher started."""
    return DistributedShards() if size() > 1 else Shards()


def _rendezvous_address() -> str:
    """The address at which the processes find rank 0, on a port that was free a moment ago."""
    host = "localhost" if local_size() == size() else socket.gethostname()
    with socket.socket() as free:
        free.bind(("", 0))
        return f"tcp://{host}:{free.getsockname()[1]}"
