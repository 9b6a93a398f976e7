"""The interface of a density rho_w of the first-layer frequencies, and functions that several densities share.

`xi`, `z` and `unit` are arrays (..., d), where d is the dimension. Frequencies xi are in cycles per unit length. Lags z
are in units of length.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import ClassVar

import numpy as np

from freqbias.numerics import TINY, check_number

Planes = tuple[tuple[float, ...], ...]  # for each axis i, the b of the planes |xi_i| = b
PEAK_LEVEL = 1e-2  # a peak extends to where the density falls to this fraction of its maximum


class Density(ABC):
    """An even probability density on frequency space.

    Raises InputError if a parameter that is a number is not positive and finite.
    """

    constant: ClassVar[bool] = False  # whether rho_w has a single value on its support

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every density is a dataclass
            if field.type is float:
                name = f"{type(self).__name__}: {field.name}"
                check_number(name, getattr(self, field.name), TINY, remedy="a positive number, in cycles/length")

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The dimensions d in which the density is defined."""
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
        """The smallest R with tail_maximum(R) <= level [cycles/length]. level: between 0 and the maximum."""

    def widths(self, dimension: int) -> tuple[float, ...]:
        """The distance from 0 to which the peak of each part extends, ascending [cycles/length]."""
        return (self.tail_radius(PEAK_LEVEL * self.maximum(dimension), dimension),)

    def compact(self, dimension: int) -> bool:
        """Whether rho_w vanishes outside a bounded support. If so, break_planes and break_radii give the boundary."""
        return False

    def break_planes(self, dimension: int) -> Planes:
        """The planes |xi_i| = b across which rho_w or the gradient of rho_w jumps.

        The result has, for each axis i, the values b >= 0 in increasing order [cycles/length].
        """
        return ((),) * dimension

    def break_radii(self, dimension: int) -> tuple[float, ...]:
        """The radii r of the spheres |xi| = r across which rho_w jumps, for d >= 2 [cycles/length].

        The radii are positive and increasing. rho_w is smooth except on these spheres and on the `break_planes`.
        """
        return ()


def squared(x: np.ndarray) -> np.ndarray:
    """|x|^2, shape (...)."""
    return np.einsum("...i,...i->...", x, x)


def polar(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map uniform points of the unit cube to a number s and a direction.

    s (...) is uniform on (0, 1). The direction (..., d) is uniform on the unit sphere and independent of s.
    """
    if unit.shape[-1] == 1:
        centred = 2 * unit - 1
        return np.abs(centred[..., 0]), np.sign(centred)
    angle = 2 * np.pi * unit[..., 1]
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    if unit.shape[-1] == 2:
        return unit[..., 0], circle
    height = 2 * unit[..., 2:] - 1  # the height of a uniform point on the sphere is uniform (Archimedes)
    return unit[..., 0], np.concatenate([np.sqrt(1 - height**2) * circle, height], axis=-1)


def invert_tail(tail: Callable[[float], float], level: float, edges: Sequence[float]) -> float:
    """The smallest R >= 0 with tail(R) <= level.

    tail: a non-increasing function, continuous except at the `edges`.
    edges: increasing, with tail <= level at the last edge. If R is an edge, the result is exactly this edge.
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
