"""Which backend makes the sums of a training: what each needs, and the choice among them."""

import numpy as np
import torch

from nn.dense import DenseTransforms
from nn.nufft import NufftTransforms
from nn.separable import SeparableTransforms
from nn.transforms import CHUNK, PRECISIONS, Transforms
from numerics import fine_grid
from numerics.nufft import share_count
from problem import Grid, InputError, Problem, Sites, draw
from runtime import threads_alone


def make_transforms(backend: str, sites: Sites, precision: str, device: torch.device) -> Transforms:
    """The transforms of a backend that `choose_backend` named."""
    if backend == "nufft":
        return NufftTransforms(sites, precision=precision, threads=threads_alone())
    if backend == "separable":
        assert isinstance(sites, Grid)  # checked when it was chosen
        return SeparableTransforms(sites, precision=precision, device=device)
    return DenseTransforms(sites, precision=precision, device=device)


def choose_backend(wanted: str, sites: Sites, device: torch.device) -> tuple[str, str]:
    """The backend that [training] backend asks for, and a sentence that says what was taken and why.

    Raises InputError naming key, value and remedy where it cannot serve these sites on this device.
    """
    if wanted == "auto":
        if device.type == "cpu":
            return "nufft", 'nufft: backend = "auto" takes it on the CPU'
        if isinstance(sites, Grid):
            return "separable", 'separable: backend = "auto" takes it for grids on a GPU'
        return "dense", 'dense: backend = "auto" takes it for scattered samples on a GPU'
    if obstacle := _obstacle(wanted, sites, device):
        raise InputError(f'[training] backend = "{wanted}" {obstacle}')
    return wanted, f"{wanted}, as asked for"


def _obstacle(backend: str, sites: Sites, device: torch.device) -> str:
    """Why a backend cannot serve, and the remedy; else nothing."""
    if backend == "nufft" and device.type != "cpu":
        return f'runs on the CPU, and device is {device}; use device = "cpu", or backend = "auto"'
    if backend == "separable" and not isinstance(sites, Grid):
        return 'is for samples on a grid, and these are scattered; use "nufft", "dense" or "auto"'
    return ""


def work_memory(problem: Problem, *, precision: str, backend: str) -> float:
    """Bytes that the sums of a backend take besides states and samples."""
    number = PRECISIONS[precision][1].itemsize
    if backend == "nufft":  # each share of the neurons its own grid, then its sums over the samples
        shares = share_count(problem.network.width, problem.sites, threads_alone())
        return shares * 2 * nufft_points(problem) * number
    return (3 * number if backend == "separable" else 32) * CHUNK


def nufft_points(problem: Problem) -> float:
    """The points of the fine grid on which a non-uniform FFT of the network, as drawn, is made."""
    sites, network = problem.sites, problem.network
    if isinstance(sites, Grid):
        return float(2**sites.dimension * sites.size)
    neurons = draw(problem.density, network, dimension=sites.dimension, seed=problem.seed)
    return fine_grid(sites, np.abs(neurons.frequencies).max(axis=0))
