"""Scattered sites: any positions."""

from dataclasses import dataclass
from math import prod

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics.sites import LARGEST, SMALLEST, Sites


@dataclass(frozen=True, eq=False)
class Scattered(Sites):
    """Any positions in any order, with repetitions allowed.

    points: x_j, shape (N, d) [length].
    Raises InputError if there are fewer than two samples, if a coordinate is NaN, infinite or above LARGEST, or if the
    coordinates of an axis differ by less than SMALLEST.
    """

    points: np.ndarray

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=float)
        if points.ndim != 2 or not 1 <= points.shape[1] <= 3:
            raise InputError(f"positions have shape {points.shape}; expected (samples, axes) with 1 to 3 axes")
        self._check(points)
        points.flags.writeable = False
        object.__setattr__(self, "points", points)

    def _check(self, points: np.ndarray) -> None:
        if len(points) < 2:
            raise InputError(f"there is {len(points)} sample; at least 2 are needed")
        self._check_coordinates(points)
        if (flat := np.ptp(points, axis=0) < SMALLEST).any():
            axis = int(flat.argmax())
            raise InputError(
                f"all positions have x_{axis + 1} = {points[0, axis]:.6g} to within {SMALLEST:.0e}; leave that axis "
                "out, or choose a unit in which the positions differ by more"
            )

    def _check_coordinates(self, points: np.ndarray) -> None:
        if not np.isfinite(points).all():
            first = int(np.argmin(np.isfinite(points).all(axis=1)))
            raise InputError(f"the position of sample {first} is {points[first].tolist()}; leave that sample out")
        if not (far := np.abs(points).max()) <= LARGEST:
            raise InputError(
                f"a position has the coordinate {far:.3g}; choose a unit in which no coordinate exceeds {LARGEST:.0e}"
            )

    @property
    def dimension(self) -> int:
        return self.points.shape[1]

    @property
    def size(self) -> int:
        return len(self.points)

    @property
    def extent(self) -> tuple[float, ...]:
        """Length of the smallest box around all samples, per axis [length]."""
        return tuple(self.span.tolist())

    @property
    def volume(self) -> float:
        return prod(self.extent)

    @property
    def reach(self) -> np.ndarray:
        return np.asarray(np.abs(self.points).max(axis=0))

    @property
    def span(self) -> np.ndarray:
        return np.ptp(self.points, axis=0)

    @property
    def lattice(self) -> None:
        return None

    def positions(self) -> np.ndarray:
        return self.points

    def peak_density(self, frequency: float, *, exclude_coincident: bool = False) -> float:
        """Return the larger of 1 / volume and the largest density in a cell of width 1 / frequency.

        The density in a cell is the fraction of the samples in the cell, divided by the volume of the cell.
        """
        positions, weights = self.points, np.ones(self.size, dtype=np.int64)
        if exclude_coincident:
            positions, weights = np.unique(self.points, axis=0, return_counts=True)
        cells = np.floor((positions - self.points.min(axis=0)) * frequency)
        _, cell = np.unique(cells, axis=0, return_inverse=True)
        counts = np.bincount(cell, weights)
        if exclude_coincident:
            fewest = np.full(len(counts), np.inf)
            np.minimum.at(fewest, cell, weights)
            counts -= fewest  # the sample with the fewest coincident samples has the most others in its cell
        return max(1 / self.volume, counts.max() / self.size * frequency**self.dimension)


class Positions(Scattered):
    """Positions at which a network is evaluated, not trained: there may be one only, and all may lie on a line.

    Raises InputError if there are none, or if a coordinate is NaN, infinite or above LARGEST.
    """

    def _check(self, points: np.ndarray) -> None:
        if not len(points):
            raise InputError("there are no positions; give at least one")
        self._check_coordinates(points)
