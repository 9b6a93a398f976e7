"""Densities rho_w of the first-layer frequencies, all even in xi.

One law, one class. `xi`, `z` and `unit` are arrays (..., d); d is taken from their last axis. Lengths of xi are in
cycles per unit length, of z in that length.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import gamma, log, pi, sqrt
from typing import ClassVar

import numpy as np
from scipy.special import j1, ndtri


class Density(ABC):
    """An even probability density on frequency space."""

    constant: ClassVar[bool] = False  # whether rho_w has one value on its support

    @abstractmethod
    def density(self, xi: np.ndarray) -> np.ndarray:
        """rho_w(xi), shape (...) [length^d]."""

    @abstractmethod
    def transform(self, z: np.ndarray) -> np.ndarray:
        """k(z) = integral rho_w(xi) cos(2 pi xi.z) dxi, shape (...); k(0) = 1."""

    @abstractmethod
    def warp(self, unit: np.ndarray) -> np.ndarray:
        """Map points evenly spread over the unit cube (0, 1)^d to points spread by rho_w, shape (..., d)."""

    @abstractmethod
    def maximum(self, dimension: int) -> float:
        """sup rho_w in this dimension [length^d]."""

    @abstractmethod
    def tail_radius(self, level: float, dimension: int) -> float:
        """The smallest R with rho_w(xi) <= level wherever some |xi_i| > R [cycles/length]; 0 < level < sup rho_w."""

    def compact(self, dimension: int) -> bool:
        """Whether rho_w vanishes outside a bounded set: its support, which breaks and radii bound."""
        return False

    def breaks(self, dimension: int) -> tuple[tuple[float, ...], ...]:
        """For each axis i the b >= 0, increasing, such that rho_w or its gradient jumps across the planes |xi_i| = b
        [cycles/length]."""
        return ((),) * dimension

    def radii(self, dimension: int) -> tuple[float, ...]:
        """The r > 0, increasing, such that rho_w jumps across |xi| = r, for d >= 2 [cycles/length]; off these and the
        planes of `breaks` it is smooth."""
        return ()

    def follows_box(self, dimension: int) -> bool:
        """Whether rho_w is smooth but for the planes of `breaks`, so that the cells of a box mesh can follow it."""
        return not self.radii(dimension)


@dataclass(frozen=True)
class Gaussian(Density):
    """rho_w(xi) = (2 pi sigma^2)^(-d/2) exp(-|xi|^2 / (2 sigma^2)),  k(z) = exp(-2 pi^2 sigma^2 |z|^2)."""

    sigma: float  # cycles/length

    def density(self, xi: np.ndarray) -> np.ndarray:
        return self.maximum(xi.shape[-1]) * np.exp(-_squared(xi) / (2 * self.sigma**2))

    def transform(self, z: np.ndarray) -> np.ndarray:
        return np.exp(-2 * (pi * self.sigma) ** 2 * _squared(z))

    def warp(self, unit: np.ndarray) -> np.ndarray:
        return self.sigma * ndtri(unit)

    def maximum(self, dimension: int) -> float:
        return (2 * pi * self.sigma**2) ** (-dimension / 2)

    def tail_radius(self, level: float, dimension: int) -> float:
        return self.sigma * sqrt(2 * max(0.0, log(self.maximum(dimension) / level)))


@dataclass(frozen=True)
class Uniform(Density):
    """rho_w(xi) = (2R)^-d where every |xi_i| <= R, else 0;  k(z) = prod_i sin(2 pi R z_i) / (2 pi R z_i)."""

    constant: ClassVar[bool] = True
    radius: float  # cycles/length

    def density(self, xi: np.ndarray) -> np.ndarray:
        return np.where(np.all(np.abs(xi) <= self.radius, axis=-1), self.maximum(xi.shape[-1]), 0.0)

    def transform(self, z: np.ndarray) -> np.ndarray:
        return np.prod(np.sinc(2 * self.radius * z), axis=-1)

    def warp(self, unit: np.ndarray) -> np.ndarray:
        return self.radius * (2 * unit - 1)

    def maximum(self, dimension: int) -> float:
        return (2 * self.radius) ** -dimension

    def tail_radius(self, level: float, dimension: int) -> float:
        return self.radius

    def compact(self, dimension: int) -> bool:
        return True

    def breaks(self, dimension: int) -> tuple[tuple[float, ...], ...]:
        return ((self.radius,),) * dimension


@dataclass(frozen=True)
class Ball(Density):
    """rho_w(xi) = 1 / (volume of the ball of radius R) where |xi| <= R, else 0.

    With s = 2 pi R |z|:  k(z) = sin s / s (d = 1),  2 J_1(s) / s (d = 2),  3 (sin s - s cos s) / s^3 (d = 3).
    """

    constant: ClassVar[bool] = True
    radius: float  # cycles/length

    def density(self, xi: np.ndarray) -> np.ndarray:
        return np.where(_squared(xi) <= self.radius**2, self.maximum(xi.shape[-1]), 0.0)

    def transform(self, z: np.ndarray) -> np.ndarray:
        s = 2 * pi * self.radius * np.sqrt(_squared(z))
        small = (
            s < 1e-2
        )  # there the closed forms for d = 2, 3 lose digits, and 1 - s^2 / (2 (d + 2)) is good to s^4 / 200
        t = np.where(small, 1.0, s)
        match z.shape[-1]:
            case 1:
                return np.sinc(s / pi)
            case 2:
                return np.where(small, 1 - s**2 / 8 + s**4 / 192, 2 * j1(t) / t)
            case _:
                return np.where(small, 1 - s**2 / 10 + s**4 / 280, 3 * (np.sin(t) - t * np.cos(t)) / t**3)

    def warp(self, unit: np.ndarray) -> np.ndarray:
        dimension = unit.shape[-1]
        if dimension == 1:
            return self.radius * (2 * unit - 1)
        r = self.radius * unit[..., 0] ** (1 / dimension)
        angle = 2 * pi * unit[..., 1]
        if dimension == 2:
            return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=-1)
        height = 2 * unit[..., 2] - 1  # Archimedes: evenly spread along the axis of the sphere
        across = np.sqrt(1 - height**2)
        return r[..., None] * np.stack([across * np.cos(angle), across * np.sin(angle), height], axis=-1)

    def maximum(self, dimension: int) -> float:
        return gamma(dimension / 2 + 1) / (pi ** (dimension / 2) * self.radius**dimension)

    def tail_radius(self, level: float, dimension: int) -> float:
        return self.radius

    def compact(self, dimension: int) -> bool:
        return True

    def breaks(self, dimension: int) -> tuple[tuple[float, ...], ...]:
        return ((self.radius,),) if dimension == 1 else ((),) * dimension

    def radii(self, dimension: int) -> tuple[float, ...]:
        return () if dimension == 1 else (self.radius,)


def _squared(x: np.ndarray) -> np.ndarray:
    return np.sum(np.square(x), axis=-1)
