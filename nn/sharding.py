"""The distribution of the neurons over processes. Each process holds a slice of the drawn neurons.

The network is a sum over the neurons, and the gradient with respect to one neuron depends on the other neurons only
through this sum. So a gradient needs a single all_reduce of (C, N) numbers. The sum is the same to the last bit on
every process. So the losses, the steps and a divergence are also the same on every process.

torch.distributed is imported only if there are several processes.
"""

import socket
from collections.abc import Callable
from math import ceil
from typing import Any

import torch

from freqbias.runtime import SerialWorld, local_size, on_root, rank, size, threads, threads_alone, world


class Shards:
    """The neurons of this process, and sums over all neurons. With this class a single process holds all neurons.

    comm: the communicator of the processes. threads: the number of threads that this process may use.
    """

    def __init__(self) -> None:
        self.comm: Any = SerialWorld()
        self.threads = threads_alone()

    def local_slice(self, width: int, rank: int | None = None) -> slice:
        """Return the slice of the `width` neurons on the process of the given rank. The default is this process."""
        rank, size = self.comm.rank if rank is None else rank, self.comm.size
        return slice(width * rank // size, width * (rank + 1) // size)

    def local_device(self, device: torch.device) -> torch.device:
        """Return the device of this process. device: the device that is chosen for all processes."""
        return device

    def fraction_on(self, device: torch.device) -> float:
        """Return the fraction of all neurons that lie in the memory of this device.

        Several processes may share the memory.
        """
        return 1.0

    def all_reduce(self, part: Callable[[], torch.Tensor], like: torch.Tensor) -> torch.Tensor:
        """Return the sum of part() over the processes. Collective.

        part() returns a tensor with the shape and the type of `like`. Raises FloatingPointError on all processes if
        part() raises FloatingPointError on one process, or if the sum is not finite.
        """
        return part()


class DistributedShards(Shards):
    """The neurons of this process, if mpirun or torchrun started several processes.

    torch.distributed connects the processes with gloo, or with NCCL if the processes use GPUs.
    """

    def __init__(self) -> None:
        import torch.distributed as dist

        from freqbias.runtime import TORCH_TIMEOUT, torch_backend

        self.comm, self.threads = world(), threads()
        if not dist.is_initialized():  # under torchrun, world() has already initialised torch.distributed
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
        except FloatingPointError:  # then the sum is NaN on every process, and every process raises the error
            result = torch.full_like(like, torch.nan)
        dist.all_reduce(result)
        if not torch.isfinite(result).all():
            raise FloatingPointError("a sum over the neurons is NaN or infinite")
        return result


def make_shards() -> Shards:
    """Return the shards for the number of processes that the launcher started."""
    return DistributedShards() if size() > 1 else Shards()


def _rendezvous_address() -> str:
    """Return an address of rank 0 for the start of torch.distributed, with a port that is free now."""
    host = "localhost" if local_size() == size() else socket.gethostname()
    with socket.socket() as free:
        free.bind(("", 0))
        return f"tcp://{host}:{free.getsockname()[1]}"
