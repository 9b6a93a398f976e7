"""Mixtures of densities. `freqbias.problem.density` documents the methods, with shapes and units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import TINY, check_kind, check_number
from freqbias.problem.density import Density, Planes, invert_tail
from freqbias.problem.discrete_density import DiscreteDensity


@dataclass(frozen=True)
class Mixture(Density):
    """rho_w(xi) = sum_k p_k rho_k(xi),  k(z) = sum_k p_k k_k(z),  p = weights / sum of weights.

    `maximum` and `tail_maximum` are weighted sums over the parts. They are exact if all parts are largest at the same
    points. Otherwise, for example with annuli or tables, they are upper bounds. `tail_radius` is the
    radius at which `tail_maximum` falls to the level.
    Raises InputError unless there are as many positive weights as parts, and at least one.
    """

    weights: tuple[float, ...]  # positive; normalised to p
    parts: tuple[Density, ...]

    def __post_init__(self) -> None:
        for name, values in (("weights", self.weights), ("parts", self.parts)):
            check_kind(f"Mixture: {name}", values, Sequence, np.ndarray, remedy="Mixture(weights, parts), two tuples")
            object.__setattr__(self, name, tuple(values))
        for weight in self.weights:
            remedy = "positive numbers as weights, and then the parts"
            check_number("Mixture: a weight", weight, TINY, remedy=remedy)
        for part in self.parts:
            check_kind("Mixture: a part", part, Density, remedy="densities as parts, such as Gaussian(10.0)")
            if isinstance(part, DiscreteDensity):
                raise InputError(f"Mixture: the part {part} is a set of frequencies; give parts that are densities")
        if not self.weights or len(self.weights) != len(self.parts):
            raise InputError(
                f"Mixture: there are {len(self.weights)} weights and {len(self.parts)} parts; give one weight for each "
                "part"
            )

    @property
    def probabilities(self) -> np.ndarray:
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
        """The first coordinate chooses the part. Rescaled to (0, 1), this coordinate is also used within the part."""
        edges = np.cumsum(self.probabilities)
        chosen = np.minimum(np.searchsorted(edges, unit[..., 0], side="right"), len(edges) - 1)
        points = np.empty(unit.shape)
        for index, (p, part) in enumerate(zip(self.probabilities, self.parts, strict=True)):
            here = unit[chosen == index].copy()
            first = (here[:, 0] - edges[index] + p) / p
            here[:, 0] = np.clip(first, 2.0**-54, 1 - 2.0**-53)  # quantiles are infinite at 0 and 1
            points[chosen == index] = part.from_unit_cube(here)
        return points

    def maximum(self, dimension: int) -> float:
        return float(self._sum(lambda part: part.maximum(dimension)))

    def tail_maximum(self, radius: float, dimension: int) -> float:
        return float(self._sum(lambda part: part.tail_maximum(radius, dimension)))

    def tail_radius(self, level: float, dimension: int) -> float:
        # If every part is at most the level, the mixture is too. The factor 2 allows for rounding.
        enough = max(part.tail_radius(level, dimension) for part in self.parts if part.maximum(dimension) > level)
        edges = {*sum(self.break_planes(dimension), ()), *self.break_radii(dimension), 2 * enough}
        return invert_tail(lambda radius: self.tail_maximum(radius, dimension), level, sorted(edges))

    def widths(self, dimension: int) -> tuple[float, ...]:
        return tuple(sorted({width for part in self.parts for width in part.widths(dimension)}))

    def compact(self, dimension: int) -> bool:
        return all(part.compact(dimension) for part in self.parts)

    def break_planes(self, dimension: int) -> Planes:
        by_axis = zip(*(part.break_planes(dimension) for part in self.parts), strict=True)
        return tuple(tuple(sorted(set(sum(planes, ())))) for planes in by_axis)

    def break_radii(self, dimension: int) -> tuple[float, ...]:
        return tuple(sorted({radius for part in self.parts for radius in part.break_radii(dimension)}))

    def _sum(self, term: Callable[[Density], np.ndarray | float]) -> np.ndarray | float:
        return sum((p * term(part) for p, part in zip(self.probabilities, self.parts, strict=True)), 0.0)
