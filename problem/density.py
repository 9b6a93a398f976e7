"""The interface of a density rho_w of the first-layer frequencies, and functions that several densities share.

`xi`, `z` and `unit` are arrays (..., d); their last axis sets d. Frequencies xi are in cycles per unit length, lags z
in units of length.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

Planes = tuple[tuple[float, ...], ...]  # for each axis i, the b of the planes |xi_i| = b


class Density(ABC):
    """An even probability density on frequency space."""

    constant: ClassVar[bool] = False  # whether rho_w has a single value on its support

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The dimensions d in which it is defined."""
        return (1, 2, 3)

    @abstractmethod
    def density(self, xi: np.ndarray) -> np.ndarray:
        """rho_w(xi), shape (...) [length^d]."""

    @abstractmethod
    def transform(self, z: np.ndarray) -> np.ndarray:
        """k(z) = integral rho_w(xi) cos(2 pi xi.z) dxi, shape (...); k(0) = 1."""

    @abstractmethod
    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        """Map uniform points of the unit cube (0, 1)^d to points distributed as rho_w, shape (..., d)."""

    @abstractmethod
    def maximum(self, dimension: int) -> float:
        """sup rho_w in this dimension [length^d]."""

    def tail_maximum(self, radius: float, dimension: int) -> float:
        """sup of rho_w(xi) over all xi with some |xi_i| > radius [length^d].

        This default is for continuous densities that are largest on the axes and decrease along them.
        """
        return float(self.density(np.array([radius, 0.0, 0.0])[:dimension]))

    @abstractmethod
    def tail_radius(self, level: float, dimension: int) -> float:
        """The smallest R with tail_maximum(R) <= level [cycles/length]; 0 < level < maximum."""

    def compact(self, dimension: int) -> bool:
        """Whether rho_w vanishes outside a bounded support; break_planes and break_radii give its boundary."""
        return False

    def break_planes(self, dimension: int) -> Planes:
        """For each axis i, the increasing b >= 0 such that rho_w or its gradient jumps across the planes |xi_i| = b
        [cycles/length]."""
        return ((),) * dimension

    def break_radii(self, dimension: int) -> tuple[float, ...]:
        """The increasing r > 0 such that rho_w jumps across |xi| = r, for d >= 2 [cycles/length].

        Away from these spheres and from `break_planes`, rho_w is smooth.
        """
        return ()


def squared(x: np.ndarray) -> np.ndarray:
    """|x|^2, shape (...)."""
    return np.sum(np.square(x), axis=-1)


def polar(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map uniform points of the unit cube to s, uniform on (0, 1), and an independent uniform direction.

    Shapes: s (...), direction (..., d) on the unit sphere.
    """
    if unit.shape[-1] == 1:
        centred = 2 * unit - 1
        return np.abs(centred[..., 0]), np.sign(centred)
    angle = 2 * np.pi * unit[..., 1]
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    if unit.shape[-1] == 2:
        return unit[..., 0], circle
    height = 2 * unit[..., 2:] - 1  # Archimedes: the height of a uniform point on the sphere is uniform
    return unit[..., 0], np.concatenate([np.sqrt(1 - height**2) * circle, height], axis=-1)


def invert_tail(tail: Callable[[float], float], level: float, edges: Sequence[float]) -> float:
    """The smallest R >= 0 with tail(R) <= level.

    tail: a non-increasing function, continuous except at the `edges`.
    edges: increasing; tail <= level at the last. If R is one of them, it is returned exactly.
    """
    from scipy.optimize import brentq

    if tail(0.0) <= level:
        return 0.0
    upper = next(edge for edge in edges if tail(edge) <= level)
    lower = max((edge for edge in edges if edge < upper), default=0.0)
    inside = float(np.nextafter(upper, 0))
    if tail(inside) > level:
        return upper
    return float(brentq(lambda radius: tail(radius) - level, lower, inside, xtol=1e-300, rtol=1e-14, maxiter=2000))
