"""A part of a uniform grid."""

from dataclasses import dataclass

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics.scattered import Scattered
from freqbias.numerics.sites import Grid, Sites

# Least peak density of a part of a grid, divided by the density of its closest neighbours. Measured for random parts
# with a tenth of the points, white noise and Gaussian laws: with the density of the whole grid, the laws outside the
# mesh cause an error below 0.07 of the tolerance. So the smaller parts alone need a higher density.
PEAK_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class GridSubset(Sites):
    """Some points of a grid, for example the training samples of an image if the other pixels are held out.

    grid: the whole grid. indices: the numbers of the points in C order, (N,), each at most once.
    Volume, reach, span and Nyquist box are those of the whole grid. So a frequency mesh for these sites also serves the
    other points of the grid.
    Raises InputError if there are fewer than two points, or if an index is not on the grid or occurs twice.
    """

    grid: Grid
    indices: np.ndarray

    def __post_init__(self) -> None:
        indices = np.array(self.indices)
        if indices.ndim != 1 or not (np.issubdtype(indices.dtype, np.integer) or not indices.size):
            raise InputError(f"indices have shape {indices.shape} and type {indices.dtype}; give whole numbers, (N,)")
        if len(indices) < 2:
            raise InputError(f"there is {len(indices)} sample; at least 2 are needed")
        if indices.min() < 0 or indices.max() >= self.grid.size:
            raise InputError(
                f"indices lie between {indices.min()} and {indices.max()}; give numbers from 0 to {self.grid.size - 1}"
            )
        if (counts := np.bincount(indices)).max() > 1:
            raise InputError(f"the index {counts.argmax()} occurs {counts.max()} times; give each index once")
        indices.flags.writeable = False
        object.__setattr__(self, "indices", indices)

    @property
    def dimension(self) -> int:
        return self.grid.dimension

    @property
    def size(self) -> int:
        return len(self.indices)

    @property
    def volume(self) -> float:
        return self.grid.volume

    @property
    def reach(self) -> np.ndarray:
        return self.grid.reach

    @property
    def span(self) -> np.ndarray:
        return self.grid.span

    @property
    def lattice(self) -> Grid:
        return self.grid

    def positions(self) -> np.ndarray:
        columns = np.unravel_index(self.indices, self.grid.shape)
        return np.stack([axis[column] for axis, column in zip(self.grid.axes(), columns, strict=True)], axis=-1)

    def peak_density(self, frequency: float, *, exclude_coincident: bool = False) -> float:
        """As on the whole grid, or PEAK_SHARE of `closest_density` if that is larger."""
        whole = self.grid.peak_density(frequency, exclude_coincident=exclude_coincident)
        return max(whole, PEAK_SHARE * self.closest_density)

    def embed(self, values: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """Return values on the whole grid, (..., N) -> (..., grid.size), with `fill` at the other points."""
        whole: np.ndarray = np.full((*values.shape[:-1], self.grid.size), fill, dtype=values.dtype)
        whole[..., self.indices] = values
        return whole

    def restrict(self, values: np.ndarray) -> np.ndarray:
        """Return the values at these points, (..., grid.size) -> (..., N). This is the adjoint of `embed` with 0."""
        return values[..., self.indices]


def lattice_indices(sites: Sites) -> np.ndarray:
    """Return the numbers of the sites on their `lattice` in C order, (N,)."""
    assert sites.lattice is not None
    return sites.indices if isinstance(sites, GridSubset) else np.arange(sites.lattice.size)


def subset(sites: Sites, indices: np.ndarray) -> Sites:
    """Return the sites with these indices, (N',), in this order: on a lattice a `GridSubset`, else `Scattered` sites.

    Raises InputError for fewer than two indices.
    """
    if sites.lattice is None:
        return Scattered(sites.positions()[indices])
    return GridSubset(sites.lattice, sites.indices[indices] if isinstance(sites, GridSubset) else indices)
