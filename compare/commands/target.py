"""What of a target lies where it is never learnt. Loads no library that all processes of mpirun must load together."""

import numpy as np

from freqbias.meshes import MeshPlan
from freqbias.numerics import Grid
from freqbias.problem import Problem

LITTLE = 0.01  # energy of the target that may lie where it is never learnt, before a warning


def never_learnt(problem: Problem, layout: MeshPlan) -> str:
    """A warning where the target lies at frequencies that are not drawn; else nothing."""
    if not isinstance(problem.sites, Grid):  # the spectrum of scattered samples has no Parseval
        return ""
    beyond = energy_beyond(problem, layout.half_width)
    if beyond <= LITTLE:
        return ""
    return (
        f"{beyond:.1%} of the target lies beyond the mesh's half-width, where damping and diffusion are negligible; "
        "the network will not learn that part by then"
    )


def energy_beyond(problem: Problem, half_width: tuple[float, ...]) -> float:
    """The share of mean_j f*_j^2 that the discrete transform finds at frequencies |xi_i| > half_width_i."""
    grid = problem.grid
    values = problem.samples.values.reshape(-1, *grid.shape)
    power = np.sum(np.abs(np.fft.fftn(values, axes=range(1, values.ndim))) ** 2, axis=0)
    axes = [
        np.abs(np.fft.fftfreq(n, h)) > r * (1 + 1e-9)
        for n, h, r in zip(grid.shape, grid.spacing, half_width, strict=True)
    ]
    beyond = np.any(np.meshgrid(*axes, indexing="ij"), axis=0)
    return float(power[beyond].sum() / power.sum())
