"""Where the samples lie: what the rest asks of any sites, and those of measurements scattered in space. The uniform
grid: `freqbias.numerics.grid`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import numpy as np

from freqbias.errors import InputError

SMALLEST, LARGEST = 1e-12, 1e12  # of all that has a unit: single precision then holds every product met


class Sites(ABC):
    """The places x_j of N samples in d dimensions, in the coordinates that the network sees."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d."""

    @property
    @abstractmethod
    def size(self) -> int:
        """N, the number of samples."""

    @property
    @abstractmethod
    def volume(self) -> float:
        """Of the box that holds them [length^d]."""

    @property
    @abstractmethod
    def reach(self) -> np.ndarray:
        """max_j |x_j,i| per axis, shape (d,) [length]."""

    @property
    @abstractmethod
    def nyquist(self) -> np.ndarray:
        """Beyond it frequencies alias, shape (d,) [cycles/length]; infinite where the sites form no lattice."""

    @abstractmethod
    def positions(self) -> np.ndarray:
        """All x_j, shape (N, d) [length]."""

    @abstractmethod
    def peak_density(self, frequency: float, *, apart: bool = False) -> float:
        """sup rho_data, rho_data = mean_j delta(x - x_j) as seen by waves up to this frequency [1/length^d].

        apart: as seen from a sample by which those at its own place do not count.
        """


@dataclass(frozen=True, eq=False)
class Scattered(Sites):
    """Any places, in any order; the same one may come several times. How densely they lie is rho_data.

    points: x_j, shape (N, d) [length]. Raises InputError for fewer than two, NaN, and an axis along which all are
    equal.
    """

    points: np.ndarray

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=float)
        if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
            raise InputError(f"positions have shape {points.shape}; expected (samples, axes) with 1 to 3 axes")
        if len(points) < 2:
            raise InputError(f"there is {len(points)} sample; at least 2 are needed")
        if not np.isfinite(points).all():
            first = int(np.argmin(np.isfinite(points).all(axis=1)))
            raise InputError(f"the position of sample {first} is {points[first].tolist()}; leave that sample out")
        if not (far := np.abs(points).max()) <= LARGEST:
            raise InputError(
                f"a position lies at {far:.3g}; give positions in units in which none exceeds {LARGEST:.0e}"
            )
        if (flat := np.ptp(points, axis=0) < SMALLEST).any():
            axis = int(flat.argmax())
            raise InputError(
                f"every position has x_{axis + 1} = {points[0, axis]:.6g}; leave that axis out, or give positions in "
                "units in which they differ"
            )
        points.flags.writeable = False
        object.__setattr__(self, "points", points)

    @property
    def dimension(self) -> int:
        return self.points.shape[1]

    @property
    def size(self) -> int:
        return len(self.points)

    @property
    def extent(self) -> tuple[float, ...]:
        """Length of the smallest box around all positions, per axis [length]."""
        return tuple(np.ptp(self.points, axis=0).tolist())

    @property
    def volume(self) -> float:
        return prod(self.extent)

    @property
    def reach(self) -> np.ndarray:
        return np.asarray(np.abs(self.points).max(axis=0))

    @property
    def nyquist(self) -> np.ndarray:
        return np.full(self.dimension, np.inf)

    def positions(self) -> np.ndarray:
        return self.points

    def peak_density(self, frequency: float, *, apart: bool = False) -> float:
        """The largest share of the sites in one cell of a lattice as wide as the shortest wave, over its volume; no
        less than 1/volume, and N coincident sites count as all in one cell."""
        places, weights = self.points, np.ones(self.size, dtype=np.int64)
        if apart:
            places, weights = np.unique(self.points, axis=0, return_counts=True)
        cells = np.floor((places - self.points.min(axis=0)) * frequency)
        _, cell = np.unique(cells, axis=0, return_inverse=True)
        counts = np.bincount(cell, weights)
        if apart:
            own = np.full(len(counts), np.inf)
            np.minimum.at(own, cell, weights)
            counts -= own
        return max(1 / self.volume, counts.max() / self.size * frequency**self.dimension)
