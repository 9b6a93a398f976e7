"""The choice of a backend, which computes the sums of a training.

The choice depends on the requirements of the backends and on the estimated time.
"""

from math import prod

import numpy as np
import torch

from freqbias.errors import InputError
from freqbias.nn.dense import DenseTransforms
from freqbias.nn.gpu_nufft import CufinufftTransforms, loading_failure
from freqbias.nn.nufft import NufftTransforms
from freqbias.nn.operator_sum import OperatorTransforms
from freqbias.nn.separable import SeparableTransforms
from freqbias.nn.subset import SubsetTransforms
from freqbias.nn.transforms import CHUNK, PRECISIONS, Transforms
from freqbias.numerics import Grid, GridSubset, OperatorRows, Sites, check_kind, chunk_count, fine_grid_size
from freqbias.problem import Problem, draw, problem_at
from freqbias.runtime import threads_alone

BACKENDS = ("cufinufft", "nufft", "separable", "dense")
LAUNCHES = {"cufinufft": 1.2e-3, "dense": 1e-3, "separable": 1.3e-3}  # s to launch the work of a gradient on a GPU
KERNEL_WIDTH = {"single": 7, "double": 13}  # width of FINUFFT's spreading kernel in grid points, for nufft.ACCURACY


def make_transforms(
    backend: str, sites: Sites, precision: str, device: torch.device, *, threads: int | None = None
) -> Transforms:
    """Return the transforms of a backend. backend: a name in BACKENDS. precision: "single" or "double".

    threads: the number of threads that this process may use. The default is `threads_alone()`.
    Raises InputError if a name is unknown, or if the backend needs a grid or another device.
    """
    if isinstance(sites, OperatorRows):
        (_, interior), *others = sites.parts
        elsewhere = "dense" if backend == "separable" else backend  # the boundary is no grid
        places = [(backend, interior), *((elsewhere, part) for _, part in others)]
        parts = [make_transforms(name, part, precision, device, threads=threads) for name, part in places]
        return OperatorTransforms(sites, parts)
    _check_arguments(backend, sites, precision, device)
    if isinstance(sites, GridSubset) and backend != "dense":  # the dense backend saves the other points
        return SubsetTransforms(
            sites, make_transforms(backend, sites.grid, precision, device, threads=threads), device=device
        )
    if backend == "nufft":
        return NufftTransforms(sites, precision=precision, threads=threads or threads_alone())
    if backend == "cufinufft":
        return CufinufftTransforms(sites, precision=precision, device=device)
    if backend == "separable":
        assert isinstance(sites, Grid)  # checked above
        return SeparableTransforms(sites, precision=precision, device=device)
    return DenseTransforms(sites, precision=precision, device=device)


def _check_arguments(backend: str, sites: Sites, precision: str, device: torch.device) -> None:
    check_kind("make_transforms: sites", sites, Sites, remedy="a Grid or Scattered positions")
    check_kind("make_transforms: device", device, torch.device, remedy='a device, such as torch.device("cpu")')
    for name, value, known in (("backend", backend, BACKENDS), ("precision", precision, tuple(PRECISIONS))):
        if value not in known:
            raise InputError(f"make_transforms: {name} = {value!r}; use one of {', '.join(known)}")
    if backend == "separable" and sites.lattice is None:
        raise InputError('make_transforms: backend = "separable" needs samples on a grid; use "nufft" or "dense"')
    if backend == "nufft" and device.type != "cpu":
        raise InputError(
            f'make_transforms: backend = "nufft" runs on the CPU, not on {device}; use "dense", or "cufinufft" on CUDA'
        )
    if backend == "cufinufft" and device.type != "cuda":
        raise InputError(f'make_transforms: backend = "cufinufft" runs on a CUDA GPU, not on {device}; use "dense"')


def choose_backend(problem: Problem, requested: str, *, precision: str, device: torch.device) -> tuple[str, str]:
    """Return the backend for [training] backend = requested, and a text that names the backend and the reason.

    "auto" chooses the fastest backend according to `cpu_seconds`, or on a GPU according to `gpu_seconds`. For a network
    with hidden layers "auto" chooses "dense". Raises InputError if the requested backend does not fit the problem.
    """
    if isinstance(problem.sites, OperatorRows):  # the interior has nearly all samples
        problem = problem_at(problem, problem.sites.interior)
    if requested != "auto":
        if obstacle := _obstacle(requested, problem, device):
            raise InputError(f'[training] backend = "{requested}" {obstacle}')
        return requested, f"{requested}, as requested"
    usable = [name for name in BACKENDS if not _obstacle(name, problem, device)]
    if len(usable) == 1:
        return usable[0], f'{usable[0]}: backend = "auto", and no other backend can be used here'
    costs = cpu_seconds(problem, precision) if device.type == "cpu" else gpu_seconds(problem)
    fastest = min(usable, key=costs.__getitem__)
    others = ", ".join(f"{name} {costs[name]:.1e}" for name in usable if name != fastest)
    return fastest, f'{fastest}: backend = "auto", about {costs[fastest]:.1e} s for each gradient ({others})'


def _obstacle(backend: str, problem: Problem, device: torch.device) -> str:
    """Return why a backend cannot be used, and a remedy. Return "" if the backend can be used."""
    network = problem.network
    if not network.fourier_sum and backend != "dense":
        key = "depth" if network.omega_0 is None else "omega_0"
        return f'is for sums of waves, but [network] {key} = {getattr(network, key)}; use backend = "dense" or "auto"'
    if backend == "nufft" and device.type != "cpu":
        return f'runs on the CPU, but the device is {device}; use device = "cpu", or backend = "auto"'
    if backend == "cufinufft" and device.type == "cpu":
        return 'runs on a CUDA GPU, but the device is cpu; use backend = "nufft" or "auto"'
    if backend == "cufinufft" and (failure := loading_failure()):
        return (
            f"needs cuFINUFFT, but cuFINUFFT cannot be loaded ({failure}); install it with `pip install cufinufft`, "
            "or from source if torch needs another version of CUDA than the wheel of cuFINUFFT, or use backend = "
            '"auto"'
        )
    if backend == "separable" and problem.sites.lattice is None:
        return 'is for samples on a grid, but the samples are scattered; use backend = "nufft", "dense" or "auto"'
    return ""


def cpu_seconds(problem: Problem, precision: str) -> dict[str, float]:
    """Return the estimated seconds of one gradient on one core, for each CPU backend.

    A gradient needs B = (2 + d) C transforms between m neurons and N samples, for d dimensions and C channels. The
    constants are fitted to measurements in single precision with 300 to 30,000 neurons and 64 to 32,768 samples. Nearly
    all measured times agree with the estimate within a factor of 2. So the choice can be wrong only between backends
    of similar speed.
    """
    sites, m, d = problem.sites, problem.network.width, problem.dimension
    batch, samples, grid = (2 + d) * problem.samples.channels, sites.size, sites.lattice
    spread = m + samples if grid is None else m
    fast = 7e-10 * KERNEL_WIDTH[precision] ** d * spread + 6e-9 * nufft_points(problem)
    costs = {"nufft": 4e-4 + 2e-7 * m + batch * fast, "dense": 1e-4 + 1e-8 * m * samples}
    if grid is not None:
        waves = grid.shape[0] + prod(grid.shape[1:])
        costs["separable"] = 3e-4 + 3e-8 * m * waves + 2.4e-11 * batch * m * grid.size
    return costs


def gpu_seconds(problem: Problem) -> dict[str, float]:
    """Return the estimated seconds of one gradient for each GPU backend, in single or double precision.

    The constants are fitted to measurements on an NVIDIA H100 with 300 to 1,000,000 neurons and 4,096 to 2,097,152
    samples. Nearly all measured times agree with the estimate within a factor of 2. The terms that do not depend on the
    numbers of neurons and samples are the time to launch the work on the GPU.
    """
    sites, m = problem.sites, problem.network.width
    batch, samples, grid = (2 + problem.dimension) * problem.samples.channels, sites.size, sites.lattice
    start = 5e-3 if grid is None else LAUNCHES["cufinufft"]
    costs = {
        "cufinufft": start + batch * (5e-10 * m + 5e-11 * nufft_points(problem)),
        "dense": LAUNCHES["dense"] + 8e-11 * m * samples,
    }
    if grid is not None:
        waves = grid.shape[0] + prod(grid.shape[1:])
        costs["separable"] = LAUNCHES["separable"] + 1.2e-10 * m * waves + 2.5e-13 * batch * m * grid.size
    return costs


def work_memory(problem: Problem, *, precision: str, backend: str) -> float:
    """Return the bytes of work space for the sums of a backend, without the states and the samples."""
    number = PRECISIONS[precision][1].itemsize
    if "nufft" in backend:  # each chunk of the neurons needs a separate fine grid
        sites = problem.sites.lattice or problem.sites
        chunks = chunk_count(problem.network.width, sites, threads_alone()) if backend == "nufft" else 1
        return chunks * 2 * nufft_points(problem) * number
    return (3 * number if backend == "separable" else 32) * CHUNK


def nufft_points(problem: Problem) -> float:
    """Return the number of points of the fine grid in a non-uniform FFT, for the frequencies of the drawn network."""
    sites, network = problem.sites, problem.network
    if sites.lattice is not None:
        return float(2**sites.dimension * sites.lattice.size)
    neurons = draw(problem.density, network, dimension=sites.dimension, seed=problem.seed)
    return fine_grid_size(sites, np.abs(neurons.frequencies).max(axis=0))
