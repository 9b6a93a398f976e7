"""Frequency bands that contain given fractions of the target's energy, and the error in each band.

F is the discrete Fourier transform on the grid, scaled so that the sum of |F u|^2 over all frequencies is mean_j u_j^2.
"""

from collections.abc import Sequence

import numpy as np

from freqbias.numerics import Grid
from freqbias.problem import Problem


def energy_edges(problem: Problem, fractions: Sequence[float]) -> np.ndarray:
    """Return the radii |xi| of discs that contain these fractions of the target's energy, (B,) [cycles/length]."""
    radius, power = _power(problem.samples.values, problem.grid)
    order = np.argsort(radius, kind="stable")
    cumulative = np.cumsum(power[order]) / power.sum()
    return radius[order][np.searchsorted(cumulative, fractions)]


def band_errors(error: np.ndarray, grid: Grid, edges: np.ndarray) -> np.ndarray:
    """Return the root of the error's energy in each band, (T, B + 1).

    error: u (T, C, N). edges (B,) [cycles/length]. A frequency on an edge belongs to the lower band. The squared
    results of all bands add up to mean_j u_j^2, summed over channels.
    """
    radius, power = _power(error, grid)
    band = np.searchsorted(edges, radius, side="left")
    return np.stack([np.sqrt(power[:, band == b].sum(axis=1)) for b in range(len(edges) + 1)], axis=1)


def _power(values: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return |xi| (N,) of the discrete frequencies, and sum_c |F u_c|^2 (..., N) of the values u (..., C, N)."""
    axes = [np.fft.fftfreq(n, h) for n, h in zip(grid.shape, grid.spacing, strict=True)]
    radius = np.linalg.norm(np.meshgrid(*axes, indexing="ij"), axis=0).ravel()
    spectra = np.fft.fftn(
        values.reshape(*values.shape[:-1], *grid.shape), axes=range(-grid.dimension, 0), norm="forward"
    )
    return radius, np.sum(np.abs(spectra.reshape(values.shape)) ** 2, axis=-2)
