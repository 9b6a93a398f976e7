"""The same transforms where the frequencies form a tensor grid too: one small dense product for each axis.

E = E_1 x ... x E_d with (E_k)_iq = exp(-2 pi i xi_i x_q), exact to rounding. For n samples an axis each frequency costs
n multiplications and more, whatever the accuracy: below MOST_POINTS that is less than what FINUFFT takes.
"""

from math import prod

import numpy as np

from freqbias.numerics import Grid, Sites, phase
from freqbias.numerics.nufft import NonUniformTransform
from freqbias.numerics.scattered_nufft import make_transform

MOST_POINTS = 256  # an axis, from 2-D on; measured
NEARNESS = 1e-9  # of the largest coordinate: closer ones are the same
MOST_VACANT = 4  # points of the tensor grid for each frequency on it


def make_tensor_transform(
    sites: Sites, frequencies: np.ndarray, *, eps: float, threads: int
) -> "TensorTransform | NonUniformTransform":
    """The fastest for frequencies that form a tensor grid. The sites decide, so that the partition does not show."""
    if len(frequencies) and isinstance(sites, Grid) and sites.dimension > 1 and max(sites.shape) <= MOST_POINTS:
        return TensorTransform(sites, frequencies)
    return make_transform(sites, frequencies, eps=eps, threads=threads)


class TensorTransform:
    """Both transforms between a grid and frequencies (n, d) [cycles/length] on a tensor grid, in any order and with
    any of its points left out.

    Raises FloatingPointError where a frequency is NaN or infinite, ValueError where they form no tensor grid.
    """

    def __init__(self, grid: Grid, frequencies: np.ndarray) -> None:
        if not np.isfinite(frequencies).all():
            raise FloatingPointError("a frequency is NaN or infinite")
        self.grid = grid
        axes, places = zip(*(_distinct(coordinate) for coordinate in frequencies.T), strict=True)
        self.shape = tuple(len(axis) for axis in axes)
        if prod(self.shape) > MOST_VACANT * len(frequencies):
            raise ValueError(f"{len(frequencies)} frequencies form no tensor grid: {self.shape} distinct coordinates")
        self._place = np.ravel_multi_index(places, self.shape)
        self._matrices = [phase(xi[:, None], x[:, None]) for xi, x in zip(axes, grid.axes(), strict=True)]

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum_q u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        axes = values.reshape(-1, *self.grid.shape)
        for matrix in self._matrices:
            axes = np.tensordot(axes, matrix, axes=(1, 1))
        return axes.reshape(*values.shape[:-1], -1)[..., self._place]

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q): (..., n) -> (..., N) complex."""
        axes = np.zeros((*amplitudes.shape[:-1], np.prod(self.shape)), dtype=complex)
        axes[..., self._place] = amplitudes
        axes = axes.reshape(-1, *self.shape)
        for matrix in self._matrices:
            axes = np.tensordot(axes, matrix.conj(), axes=(1, 0))
        return axes.reshape(*amplitudes.shape[:-1], -1)


def _distinct(coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values of a coordinate, ascending, and which of them each entry is; rounding apart."""
    order = np.argsort(coordinate)
    ordered = coordinate[order]
    new = np.diff(ordered, prepend=-np.inf) > NEARNESS * np.abs(coordinate).max()
    which = np.empty(len(coordinate), dtype=np.int64)
    which[order] = np.cumsum(new) - 1
    return ordered[new], which
