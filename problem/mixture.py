"""A mixture of densities. What the methods mean, their shapes and units: `freqbias.problem.density`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.problem.density import Density, Planes, smallest_radius


@dataclass(frozen=True)
class Mixture(Density):
    """rho_w(xi) = sum_k p_k rho_k(xi),  k(z) = sum_k p_k k_k(z),  p = weights / sum of weights.

    `maximum` and `tail` are sums of those of the parts: exact where the parts are largest at the same points, as all
    but annuli and tables are, else upper bounds; `tail_radius` is that of this `tail`.
    """

    weights: tuple[float, ...]  # positive, of any sum
    parts: tuple[Density, ...]

    @property
    def shares(self) -> np.ndarray:
        """p, shape (parts,)."""
        return np.array(self.weights) / np.sum(self.weights)

    @property
    def dimensions(self) -> tuple[int, ...]:
        return tuple(d for d in super().dimensions if all(d in part.dimensions for part in self.parts))

    def density(self, xi: np.ndarray) -> np.ndarray:
        return np.asarray(self._sum(lambda part: part.density(xi)))

    def transform(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(self._sum(lambda part: part.transform(z)))

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        """The first coordinate chooses the part and, spread out again over (0, 1), its point."""
        edges = np.cumsum(self.shares)
        chosen = np.minimum(np.searchsorted(edges, unit[..., 0], side="right"), len(edges) - 1)
        points = np.empty(unit.shape)
        for index, (share, part) in enumerate(zip(self.shares, self.parts, strict=True)):
            here = unit[chosen == index].copy()
            first = (here[:, 0] - edges[index] + share) / share
            here[:, 0] = np.clip(first, 2.0**-54, 1 - 2.0**-53)  # off 0 and 1, where quantiles are infinite
            points[chosen == index] = part.from_unit_cube(here)
        return points

    def maximum(self, dimension: int) -> float:
        return float(self._sum(lambda part: part.maximum(dimension)))

    def tail(self, radius: float, dimension: int) -> float:
        return float(self._sum(lambda part: part.tail(radius, dimension)))

    def tail_radius(self, level: float, dimension: int) -> float:
        # Where no part is above the level the mixture is not either; twice as far, rounding does not matter.
        enough = max(part.tail_radius(level, dimension) for part in self.parts if part.maximum(dimension) > level)
        edges = {*sum(self.breaks(dimension), ()), *self.radii(dimension), 2 * enough}
        return smallest_radius(lambda radius: self.tail(radius, dimension), level, sorted(edges))

    def compact(self, dimension: int) -> bool:
        return all(part.compact(dimension) for part in self.parts)

    def breaks(self, dimension: int) -> Planes:
        of_axis = zip(*(part.breaks(dimension) for part in self.parts), strict=True)
        return tuple(tuple(sorted(set(sum(planes, ())))) for planes in of_axis)

    def radii(self, dimension: int) -> tuple[float, ...]:
        return tuple(sorted({radius for part in self.parts for radius in part.radii(dimension)}))

    def _sum(self, term: Callable[[Density], np.ndarray | float]) -> np.ndarray | float:
        return sum((share * term(part) for share, part in zip(self.shares, self.parts, strict=True)), 0.0)
