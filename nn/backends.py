"""Which backend makes the sums of a training: what each needs and costs, and the choice among them."""

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
KERNEL_WIDTH = {"single": 7, "double": 13}  # of FINUFFT's spreading kernel, at the accuracies asked of it


def make_transforms(
    backend: str, sites: Sites, precision: str, device: torch.device, *, threads: int | None = None
) -> Transforms:
    """The transforms of a backend that `choose_backend` named. threads: those that this process may use; all there are
    where it works alone."""
    if backend == "nufft":
        return NufftTransforms(sites, precision=precision, threads=threads or threads_alone())
    if backend == "cufinufft":
        return CufinufftTransforms(sites, precision=precision, device=device)
    if backend == "separable":
        assert isinstance(sites, Grid)  # checked when it was chosen
        return SeparableTransforms(sites, precision=precision, device=device)
    return DenseTransforms(sites, precision=precision, device=device)


def choose_backend(problem: Problem, wanted: str, *, precision: str, device: torch.device) -> tuple[str, str]:
    """The backend that [training] backend asks for, and a sentence that says what was taken and why.

    "auto" is the fastest by `seconds`, or on a GPU by `gpu_seconds`; with hidden layers "dense". Raises InputError
    naming key, value and remedy where the one asked for cannot serve.
    """
    if wanted != "auto":
        if obstacle := _obstacle(wanted, problem, device):
            raise InputError(f'[training] backend = "{wanted}" {obstacle}')
        return wanted, f"{wanted}, as asked for"
    there = [name for name in BACKENDS if not _obstacle(name, problem, device)]
    if len(there) == 1:
        return there[0], f'{there[0]}: backend = "auto", and no other serves here'
    costs = seconds(problem, precision) if device.type == "cpu" else gpu_seconds(problem)
    fastest = min(there, key=costs.__getitem__)
    others = ", ".join(f"{name} {costs[name]:.1e}" for name in there if name != fastest)
    return fastest, f'{fastest}: backend = "auto", about {costs[fastest]:.1e} s a gradient ({others})'


def _obstacle(backend: str, problem: Problem, device: torch.device) -> str:
    """Why a backend cannot serve, and the remedy; else nothing."""
    if problem.network.depth > 2 and backend != "dense":
        return f'is for two layers, and [network] depth = {problem.network.depth}; use "dense" or "auto"'
    if backend == "nufft" and device.type != "cpu":
        return f'runs on the CPU, and device is {device}; use device = "cpu", or backend = "auto"'
    if backend == "cufinufft" and device.type == "cpu":
        return 'runs on a CUDA GPU, and device is cpu; use "nufft" or "auto"'
    if backend == "cufinufft" and (failure := loading_failure()):
        return (
            f"needs cuFINUFFT, which cannot be loaded here ({failure}); install it with `pip install cufinufft`, or "
            'from source where torch is for another CUDA than its wheel, or use "auto"'
        )
    if backend == "separable" and not isinstance(problem.sites, Grid):
        return 'is for samples on a grid, and these are scattered; use "nufft", "dense" or "auto"'
    return ""


def seconds(problem: Problem, precision: str) -> dict[str, float]:
    """Of one gradient on one core, for each backend of the CPU: B = (2 + d) C transforms of m neurons and N samples.

    Constants fitted to measurements of 300 to 30,000 neurons on 64 to 32,768 samples in single precision; they met
    nearly all within a factor of 2, which decides wrongly only where backends are about equal.
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
    """The same for each backend of a GPU, whatever the precision.

    Constants fitted to measurements on an NVIDIA H100, of 300 to 1,000,000 neurons on 4,096 to 2,097,152 samples; they
    met nearly all within a factor of 2. What is least is the time that it takes to start the work.
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
    """Bytes that the sums of a backend take besides states and samples."""
    number = PRECISIONS[precision][1].itemsize
    if "nufft" in backend:  # each share of the neurons its own grid, then its sums over the samples
        shares = chunk_count(problem.network.width, problem.sites, threads_alone()) if backend == "nufft" else 1
        return shares * 2 * nufft_points(problem) * number
    return (3 * number if backend == "separable" else 32) * CHUNK


def nufft_points(problem: Problem) -> float:
    """The points of the fine grid on which a non-uniform FFT of the network, as drawn, is made."""
    sites, network = problem.sites, problem.network
    if isinstance(sites, Grid):
        return float(2**sites.dimension * sites.size)
    neurons = draw(problem.density, network, dimension=sites.dimension, seed=problem.seed)
    return fine_grid_size(sites, np.abs(neurons.frequencies).max(axis=0))
