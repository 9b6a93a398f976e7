"""Where the network is trained: the device, why it, and whether the training fits into its memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from freqbias.errors import InputError
from freqbias.nn.backends import work_memory
from freqbias.nn.deep_layout import DeepLayout
from freqbias.nn.transforms import PRECISIONS
from freqbias.problem import Problem
from freqbias.runtime import available_memory, threads_alone


def choose_device(wanted: str, backend: str = "auto") -> tuple[torch.device, str]:
    """The device that [training] device asks for, beside this [training] backend, and a sentence that says what was
    taken and why.

    Raises InputError naming key, value and remedy where it does not exist.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto" and backend == "nufft":
        return torch.device("cpu"), 'cpu: device = "auto", and backend = "nufft" runs there'
    if wanted == "auto":
        if gpus:
            return torch.device(
                "cuda:0"
            ), f'cuda:0 ({torch.cuda.get_device_name(0)}): device = "auto" takes the first GPU'
        return torch.device("cpu"), 'cpu: device = "auto", and there is no CUDA GPU that torch can use'
    if wanted == "cpu":
        return torch.device("cpu"), "cpu, as asked for"
    device = torch.device(wanted)
    index = device.index or 0
    if index >= gpus:
        there = f"only {', '.join(f'cuda:{i}' for i in range(gpus))}" if gpus else "no CUDA GPU that torch can use"
        raise InputError(
            f'[training] device = "{wanted}": there is {there} here; use "cpu" or "auto"'
            + (f', or "cuda:{gpus - 1}"' if gpus else "")
        )
    return torch.device("cuda", index), f"cuda:{index} ({torch.cuda.get_device_name(index)}), as asked for"


@contextmanager
def torch_threads(backend: str, threads: int | None = None) -> Iterator[None]:
    """One thread of torch's own beside FINUFFT's; `threads`, or all cores, for backends that are torch's alone.

    Torch's threads, which spin while they wait, made a step on FINUFFT up to seven times slower on two cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if backend == "nufft" else threads or threads_alone())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def training_memory(problem: Problem, *, precision: str, backend: str) -> float:
    """Bytes that a training takes at its peak, estimated from above: of the network, and of its sums' own work."""
    if problem.network.depth > 2:
        return _network_memory(problem, precision)
    return _network_memory(problem, precision) + ALLOWANCE * work_memory(problem, precision=precision, backend=backend)


def _network_memory(problem: Problem, precision: str) -> float:
    """Neurons: about nine states at once in Runge-Kutta 4, and the transforms' points, strengths and results. Samples:
    the moments. With hidden layers, the same and the passes through them."""
    if problem.network.depth > 2:
        return ALLOWANCE * DeepLayout.of(problem).memory(problem.sites.size, precision=precision)
    m, samples, d, channels = problem.network.width, problem.sites.size, problem.dimension, problem.samples.channels
    batch, number = channels * (1 + d), PRECISIONS[precision][1].itemsize
    neurons = m * (
        9 * 8 * (2 * channels + d + 2 * problem.network.diagonal)
        + batch * (2 * number + 16)
        + 2 * channels * number
        + 16 * d
        + 64
    )
    return ALLOWANCE * (neurons + samples * batch * (2 * 8 + number))


def memory_there(device: torch.device) -> float:
    """Bytes: what is free on a GPU, all that the machine has for the CPU."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return available_memory()


def check_training_memory(
    problem: Problem, *, precision: str, device: torch.device, backend: str | None = None, share: float = 1.0
) -> None:
    """Raises InputError where the training, or without a backend the network alone, would not fit into the device's
    memory. share: of the neurons, that are there."""
    available = memory_there(device)
    if backend is None:
        needed = share * _network_memory(problem, precision)
    else:
        needed = share * training_memory(problem, precision=precision, backend=backend)
    if needed > available:
        raise InputError(
            f"{_too_large(problem)} about {needed / 2**30:.3g} GiB on {device}, "
            f"and {available / 2**30:.3g} GiB are there; {REMEDY}"
        )


@contextmanager
def memory_that_may_run_out(problem: Problem, device: torch.device) -> Iterator[None]:
    """Raises InputError where the device's memory ran out all the same."""
    try:
        yield
    except torch.OutOfMemoryError as failure:
        raise InputError(f"{_too_large(problem)} more memory than {device} has left; {REMEDY}") from failure


ALLOWANCE = 1.6  # what was met was 1.1 to 1.5 times the sum of these
REMEDY = "use a smaller width, fewer points, or another [training] device or backend"


def _too_large(problem: Problem) -> str:
    network = problem.network
    hidden = f", hidden_width = {network.hidden_width}" if network.depth > 2 else ""
    return f"[network] width = {network.width}{hidden} on {problem.sites.size} samples: training needs"
