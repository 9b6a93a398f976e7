"""The device of a training, and the check that the training fits into the memory of the device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from freqbias.errors import InputError
from freqbias.nn.backends import work_memory
from freqbias.nn.deep_layout import DeepLayout
from freqbias.nn.siren_layout import SirenLayout
from freqbias.nn.transforms import PRECISIONS
from freqbias.nn.weight_layout import WeightLayout
from freqbias.problem import Problem
from freqbias.runtime import available_memory, threads_alone


def choose_device(requested: str, backend: str = "auto") -> tuple[torch.device, str]:
    """Return the device for [training] device = requested, and a text that names the device and the reason.

    backend: the value of [training] backend. Raises InputError if the requested device does not exist.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if requested == "auto" and backend == "nufft":
        return torch.device("cpu"), 'cpu: device = "auto", and backend = "nufft" runs on the CPU'
    if requested == "auto":
        if gpus:
            reason = f'cuda:0 ({torch.cuda.get_device_name(0)}): device = "auto" chooses the first GPU'
            return torch.device("cuda:0"), reason
        return torch.device("cpu"), 'cpu: device = "auto", and there is no CUDA GPU that torch can use'
    if requested == "cpu":
        return torch.device("cpu"), "cpu, as requested"
    device = torch.device(requested)
    index = device.index or 0
    if index >= gpus:
        present = f"only {', '.join(f'cuda:{i}' for i in range(gpus))}" if gpus else "no CUDA GPU that torch can use"
        raise InputError(
            f'[training] device = "{requested}": this machine has {present}; use device = "cpu" or "auto"'
            + (f', or "cuda:{gpus - 1}"' if gpus else "")
        )
    return torch.device("cuda", index), f"cuda:{index} ({torch.cuda.get_device_name(index)}), as requested"


@contextmanager
def torch_threads(problem: Problem, backend: str, threads: int | None = None) -> Iterator[None]:
    """Set the number of torch's threads: 1 with backend "nufft" or small layers, else `threads` or `threads_alone()`.

    Waiting threads of torch keep the cores busy. In measurements on two cores, this made a training step with FINUFFT
    up to seven times slower. The products of small layers gain nothing from threads, and lose much on busy cores.
    """
    before = torch.get_num_threads()
    alone = backend == "nufft" or _has_small_layers(problem)
    torch.set_num_threads(1 if alone else threads or threads_alone())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _has_small_layers(problem: Problem) -> bool:
    if problem.network.fourier_sum:
        return False
    layers = WeightLayout.of(problem).layers
    return max((n * k for n, k in layers), default=0) * problem.sites.size < SMALL_PRODUCT


def training_memory(problem: Problem, *, precision: str, backend: str) -> float:
    """Return an upper bound of the peak memory of a training, in bytes: the network and the work space of the sums."""
    if not problem.network.fourier_sum:
        return _network_memory(problem, precision)
    return _network_memory(problem, precision) + ALLOWANCE * work_memory(problem, precision=precision, backend=backend)


def _network_memory(problem: Problem, precision: str) -> float:
    """Return the bytes of the network.

    For the neurons these are about nine states at once in Runge-Kutta 4, and the points, strengths and results of the
    transforms. For the samples these are the moments r and 2 pi x_i r. For hidden layers see `DeepLayout.memory`, and
    for SIREN `SirenLayout.memory`.
    """
    if not problem.network.fourier_sum:
        layout = (DeepLayout if problem.network.omega_0 is None else SirenLayout).of(problem)
        return ALLOWANCE * layout.memory(problem.sites.size, precision=precision)
    m, d, channels = problem.network.width, problem.dimension, problem.samples.channels
    samples = (problem.sites.lattice or problem.sites).size  # the sums for a part of a grid use the whole grid
    batch, number = channels * (1 + d), PRECISIONS[precision][1].itemsize
    neurons = m * (
        9 * 8 * (2 * channels + d + 2 * problem.network.diagonal)
        + batch * (2 * number + 16)
        + 2 * channels * number
        + 16 * d
        + 64
    )
    return ALLOWANCE * (neurons + samples * batch * (2 * 8 + number))


def device_memory(device: torch.device) -> float:
    """Return the free bytes of a GPU, or the bytes available to this process on the CPU."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return available_memory()


def check_training_memory(
    problem: Problem, *, precision: str, device: torch.device, backend: str | None = None, fraction: float = 1.0
) -> None:
    """Raise InputError if the training does not fit into the device's memory.

    backend: if None, only the memory of the network is checked. fraction: the fraction of the neurons on this device.
    """
    available = device_memory(device)
    if backend is None:
        needed = fraction * _network_memory(problem, precision)
    else:
        needed = fraction * training_memory(problem, precision=precision, backend=backend)
    if needed > available:
        raise InputError(
            f"{_too_large(problem)} about {needed / 2**30:.3g} GiB of memory on {device}, "
            f"but only {available / 2**30:.3g} GiB are available; {REMEDY}"
        )


@contextmanager
def report_out_of_memory(problem: Problem, device: torch.device) -> Iterator[None]:
    """Turn torch.OutOfMemoryError into InputError."""
    try:
        yield
    except torch.OutOfMemoryError as failure:
        raise InputError(f"{_too_large(problem)} more memory than {device} has left; {REMEDY}") from failure


@contextmanager
def on_device(problem: Problem, device: torch.device, backend: str, threads: int | None = None) -> Iterator[None]:
    """Compute with the threads of `torch_threads`, and turn torch.OutOfMemoryError into InputError."""
    with torch_threads(problem, backend, threads), report_out_of_memory(problem, device):
        yield


SMALL_PRODUCT = 2**21  # multiplications in the product of a layer with its inputs; more are quicker on two cores
ALLOWANCE = 1.6  # factor of the estimates; measured peaks were 1.1 to 1.5 times the estimates without this factor
REMEDY = "use a smaller [network] width, fewer [data] points, or another [training] device or backend"


def _too_large(problem: Problem) -> str:
    network = problem.network
    hidden = "" if network.hidden_width is None else f", hidden_width = {network.hidden_width}"
    return f"[network] width = {network.width}{hidden} with {problem.sites.size} samples: the training needs"
