"""Find the part of a target that a network does not learn.

This module may be imported on one MPI rank alone.
"""

import numpy as np

from freqbias.meshes import MeshPlan
from freqbias.numerics import Grid
from freqbias.problem import Problem

NEGLIGIBLE = 0.01  # no warning if the fraction of the target's energy outside the mesh is smaller


def target_outside_mesh(problem: Problem, plan: MeshPlan) -> str:
    """Return a warning if a part of the target lies at frequencies outside the mesh, otherwise an empty text."""
    # Parseval's identity does not hold on scattered samples. On a part of a grid, the gaps between the samples spread
    # the energy of the target over all frequencies.
    if not isinstance(problem.sites, Grid) or problem.laws.discrete:  # discrete laws do not need the mesh
        return ""
    outside = energy_outside(problem, plan.half_width)
    if outside <= NEGLIGIBLE:
        return ""
    learnt = "target" if problem.initial_error is None else "initial error"
    return (
        f"{outside:.1%} of the energy of the {learnt} lies outside the mesh, at frequencies where damping and "
        f"diffusion are negligible; the network will not learn this part of the {learnt} by the last output time"
    )


def energy_outside(problem: Problem, half_width: tuple[float, ...]) -> float:
    """Return the fraction of the target's energy at frequencies with |xi_i| > half_width_i on any axis i.

    The energy is the sum of |F_k|^2, where F is the discrete Fourier transform of the target f* on the grid, or of the
    initial error if the problem gives it.
    half_width: [cycles/length].
    """
    grid = problem.grid
    learnt = problem.samples.values if problem.initial_error is None else problem.initial_error
    values = learnt.reshape(-1, *grid.shape)
    power = np.sum(np.abs(np.fft.fftn(values, axes=range(1, values.ndim))) ** 2, axis=0)
    axes = [
        np.abs(np.fft.fftfreq(n, h)) > r * (1 + 1e-9)
        for n, h, r in zip(grid.shape, grid.spacing, half_width, strict=True)
    ]
    outside = np.any(np.meshgrid(*axes, indexing="ij"), axis=0)
    return float(power[outside].sum() / power.sum())
