"""The transforms E and E^H between a part of a grid and any frequencies, by the transform of the whole grid.

With the matrix P that keeps the N samples of the whole grid's values, E = E_grid P^T and E^H = P E_grid^H:

    to_frequencies:  put the values on the grid, with 0 at the other points, and transform the grid
    to_samples:      transform to the grid, and keep the samples
"""

from typing import Protocol

import numpy as np

from freqbias.numerics import GridSubset


class SiteTransform(Protocol):
    """E and E^H between sites and n frequencies."""

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum_q u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        ...

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q): (..., n) -> (..., N) complex."""
        ...


class SubsetTransform:
    """E and E^H for the sites of a `GridSubset`, from the transform of the whole grid."""

    def __init__(self, sites: GridSubset, whole: SiteTransform) -> None:
        self._sites, self._whole = sites, whole

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        return self._whole.to_frequencies(self._sites.embed(values))

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        return self._sites.restrict(self._whole.to_samples(amplitudes))
