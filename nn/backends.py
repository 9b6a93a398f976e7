"""The choice of a backend for the sums of a training, by requirements and by cost."""

from math import prod

import numpy as np
import torch

from freqbias.errors import InputError
from freqbias.nn.dense import DenseTransforms
from freqbias.nn.gpu_nufft import CufinufftTransforms, loading_failure
from freqbias.nn.nufft import NufftTransforms
from freqbias.nn.separable import SeparableTransforms
from freqbias.nn.transforms import CHUNK, PRECISIONS, Transforms
from freqbias.numerics import Grid, Sites, chunk_count, fine_grid_size
from freqbias.problem import Problem, draw
from freqbias.runtime import threads_alone

BACKENDS = ("cufinufft", "nufft", "separable", "dense")
KERNEL_WIDTH = {"single": 7, "double": 13}  # points of FINUFFT's spreading kernel, at nufft.ACCURACY


def make_transforms(
    backend: str, sites: Sites, precision: str, device: torch.device, *, threads: int | None = None
) -> Transforms:
    """The transforms of a backend, as named by `choose_backend`.

    threads: the number this process may use; by default all that a process working alone gets.
    """
    if backend == "nufft":
        return NufftTransforms(sites, precision=precision, threads=threads or threads_alone())
    if backend == "cufinufft":
        return CufinufftTransforms(sites, precision=precision, device=device)
    if backend == "separable":
        assert isinstance(sites, Grid)  # checked by choose_backend
        return SeparableTransforms(sites, precision=precision, device=device)
    return DenseTransforms(sites, precision=precision, device=device)


def choose_backend(problem: Problem, requested: str, *, precision: str, device: torch.device) -> tuple[str, str]:
    """The backend for [training] backend = requested, and a sentence that names it and the reason.

    "auto" is the fastest by `cpu_seconds`, or on a GPU by `gpu_seconds`; with hidden layers "dense". Raises InputError
    with key, value and remedy if the requested backend does not fit the problem.
    """
    if requested != "auto":
        if obstacle := _obstacle(requested, problem, device):
            raise InputError(f'[training] backend = "{requested}" {obstacle}')
        return requested, f"{requested}, as requested"
    usable = [name for name in BACKENDS if not _obstacle(name, problem, device)]
    if len(usable) == 1:
        return usable[0], f'{usable[0]}: backend = "auto", and no other can be used here'
    costs = cpu_seconds(problem, precision) if device.type == "cpu" else gpu_seconds(problem)
    fastest = min(usable, key=costs.__getitem__)
    others = ", ".join(f"{name} {costs[name]:.1e}" for name in usable if name != fastest)
    return fastest, f'{fastest}: backend = "auto", about {costs[fastest]:.1e} s a gradient ({others})'


def _obstacle(backend: str, problem: Problem, device: torch.device) -> str:
    """Why a backend cannot be used, and the remedy; "" if it can."""
    if problem.network.depth > 2 and backend != "dense":
        return f'is for two layers, but [network] depth = {problem.network.depth}; use "dense" or "auto"'
    if backend == "nufft" and device.type != "cpu":
        return f'runs on the CPU, but device is {device}; use device = "cpu", or backend = "auto"'
    if backend == "cufinufft" and device.type == "cpu":
        return 'runs on a CUDA GPU, but device is cpu; use "nufft" or "auto"'
    if backend == "cufinufft" and (failure := loading_failure()):
        return (
            f"needs cuFINUFFT, which cannot be loaded here ({failure}); install it with `pip install cufinufft`, or "
            'from source if torch was built for another CUDA than its wheel, or use "auto"'
        )
    if backend == "separable" and not isinstance(problem.sites, Grid):
        return 'is for samples on a grid, but these are scattered; use "nufft", "dense" or "auto"'
    return ""


def cpu_seconds(problem: Problem, precision: str) -> dict[str, float]:
    """Estimated seconds of one gradient on one core, for each CPU backend.

    A gradient takes B = (2 + d) C transforms of m neurons and N samples. The constants are fitted to measurements with
    300 to 30,000 neurons on 64 to 32,768 samples in single precision. Nearly all lay within a factor of 2, so the
    choice is wrong only between backends of about equal speed.
    """
    sites, m, d = problem.sites, problem.network.width, problem.dimension
    batch, samples = (2 + d) * problem.samples.channels, sites.size
    spread = m if isinstance(sites, Grid) else m + samples
    fast = 7e-10 * KERNEL_WIDTH[precision] ** d * spread + 6e-9 * nufft_points(problem)
    costs = {"nufft": 4e-4 + 2e-7 * m + batch * fast, "dense": 1e-4 + 1e-8 * m * samples}
    if isinstance(sites, Grid):
        waves = sites.shape[0] + prod(sites.shape[1:])
        costs["separable"] = 3e-4 + 3e-8 * m * waves + 2.4e-11 * batch * m * samples
    return costs


def gpu_seconds(problem: Problem) -> dict[str, float]:
    """Estimated seconds of one gradient, for each GPU backend, at either precision.

    The constants are fitted to measurements on an NVIDIA H100, with 300 to 1,000,000 neurons on 4,096 to 2,097,152
    samples. Nearly all lay within a factor of 2. The constant terms are the time to launch the work.
    """
    sites, m = problem.sites, problem.network.width
    batch, samples = (2 + problem.dimension) * problem.samples.channels, sites.size
    start = 1.2e-3 if isinstance(sites, Grid) else 5e-3
    costs = {
        "cufinufft": start + batch * (5e-10 * m + 5e-11 * nufft_points(problem)),
        "dense": 1e-3 + 8e-11 * m * samples,
    }
    if isinstance(sites, Grid):
        waves = sites.shape[0] + prod(sites.shape[1:])
        costs["separable"] = 1.3e-3 + 1.2e-10 * m * waves + 2.5e-13 * batch * m * samples
    return costs


def work_memory(problem: Problem, *, precision: str, backend: str) -> float:
    """Bytes of work space for the sums of a backend, besides states and samples."""
    number = PRECISIONS[precision][1].itemsize
    if "nufft" in backend:  # each chunk of the neurons has a fine grid of its own
        chunks = chunk_count(problem.network.width, problem.sites, threads_alone()) if backend == "nufft" else 1
        return chunks * 2 * nufft_points(problem) * number
    return (3 * number if backend == "separable" else 32) * CHUNK


def nufft_points(problem: Problem) -> float:
    """The number of points of the fine grid in a non-uniform FFT of the network as drawn."""
    sites, network = problem.sites, problem.network
    if isinstance(sites, Grid):
        return float(2**sites.dimension * sites.size)
    neurons = draw(problem.density, network, dimension=sites.dimension, seed=problem.seed)
    return fine_grid_size(sites, np.abs(neurons.frequencies).max(axis=0))
