"""The transforms E and E^H for frequencies on a tensor grid.

They use one small dense matrix E_k per axis k, and are exact to rounding:

    E = E_1 x ... x E_d,    (E_k)_iq = exp(-2 pi i xi_i x_q)

With n samples per axis, each frequency costs at least n multiplications. If n is at most `MAX_POINTS_PER_AXIS`, this
cost is below that of FINUFFT at any accuracy.
"""

from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

from freqbias.numerics import Grid, GridSubset, Sites, phase
from freqbias.numerics.operator_rows import OperatorRows, OperatorTransform
from freqbias.numerics.split_transform import make_transform
from freqbias.numerics.subset_transform import SiteTransform, SubsetTransform

MAX_POINTS_PER_AXIS = 256  # in 2-D and 3-D, measured
COORDINATE_TOLERANCE = 1e-9  # relative to the largest coordinate; coordinates that differ by less are equal
MAX_POINTS_PER_FREQUENCY = 4  # of the tensor grid; with more, most of its points are missing


def make_tensor_transform(
    sites: Sites, frequencies: np.ndarray, *, eps: float = 1e-13, threads: int = 1
) -> SiteTransform:
    """Return the fastest transform for frequencies (n, d) [cycles/length] that may form a tensor grid."""
    if isinstance(sites, OperatorRows):
        return OperatorTransform(
            sites, frequencies, lambda part: make_tensor_transform(part, frequencies, eps=eps, threads=threads)
        )
    if isinstance(sites, GridSubset):
        return SubsetTransform(sites, make_tensor_transform(sites.grid, frequencies, eps=eps, threads=threads))
    if len(frequencies) and suits_tensors(sites):
        with suppress(ValueError):
            return TensorTransform(sites, frequencies)  # type: ignore[arg-type]  # a grid, which is its own lattice
    return make_transform(sites, frequencies, eps=eps, threads=threads)


def suits_tensors(sites: Sites) -> bool:
    """Return whether dense matrices for each axis are faster than FINUFFT, for frequencies on a tensor grid."""
    grid = sites.lattice
    return grid is not None and grid.dimension > 1 and max(grid.shape) <= MAX_POINTS_PER_AXIS


class TensorTransform:
    """E and E^H between a grid and frequencies (n, d) [cycles/length], which are points of a tensor grid in any order.

    Raises FloatingPointError if a frequency is NaN or infinite, and ValueError if most points of the tensor grid are
    missing. xp: the module of the arguments and the results, NumPy or CuPy.
    """

    def __init__(self, grid: Grid, frequencies: np.ndarray, xp: Any = np) -> None:
        if not np.isfinite(frequencies).all():
            raise FloatingPointError("a frequency is NaN or infinite")
        self.grid, self._xp = grid, xp
        axes, indices = zip(*(_distinct(coordinate) for coordinate in frequencies.T), strict=True)
        self.shape = tuple(len(axis) for axis in axes)
        if prod(self.shape) > MAX_POINTS_PER_FREQUENCY * len(frequencies):
            raise ValueError(f"{len(frequencies)} frequencies form no tensor grid: {self.shape} distinct coordinates")
        self._index = xp.asarray(np.ravel_multi_index(indices, self.shape))
        self._matrices = [xp.asarray(phase(xi[:, None], x[:, None])) for xi, x in zip(axes, grid.axes(), strict=True)]

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum_q u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        axes = values.reshape(-1, *self.grid.shape)
        for matrix in self._matrices:
            axes = self._xp.tensordot(axes, matrix, axes=(1, 1))
        return axes.reshape(*values.shape[:-1], -1)[..., self._index]

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q): (..., n) real or complex -> (..., N) complex."""
        axes = self._xp.zeros((*amplitudes.shape[:-1], prod(self.shape)), dtype=amplitudes.dtype)
        axes[..., self._index] = amplitudes
        axes = axes.reshape(-1, *self.shape)
        for matrix in self._matrices:
            if axes.dtype.kind == "c":
                axes = self._xp.tensordot(axes, matrix.conj(), axes=(1, 0))
            else:  # half the multiplications
                axes = self._xp.tensordot(axes, matrix.conj().view(float), axes=(1, 0)).view(complex)
        return axes.reshape(*amplitudes.shape[:-1], -1)


def _distinct(coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct coordinates, ascending, and the index of each entry in them. Rounding is ignored."""
    order = np.argsort(coordinate)
    ordered = coordinate[order]
    new = np.diff(ordered, prepend=-np.inf) > COORDINATE_TOLERANCE * np.abs(coordinate).max()
    index = np.empty(len(coordinate), dtype=np.int64)
    index[order] = np.cumsum(new) - 1
    return ordered[new], index
