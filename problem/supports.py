"""Densities rho_w that are uniform on a bounded support: box, ball, annulus.

`freqbias.problem.density` documents the methods, with shapes and units.
"""

from abc import abstractmethod
from dataclasses import dataclass
from math import gamma, pi
from typing import ClassVar

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.density import Density, Planes, polar, squared

SURFACE = 1e-10  # relative to the radius; nodes on the surface of a support belong to it, whatever their rounding
THICKEST_INNER = 0.999  # of the radius; a thinner annulus suffers from rounding, and no mesh would resolve it


class ConstantOnSupport(Density):
    """rho_w(xi) = 1 / volume on the support, and 0 elsewhere. radius: the largest |xi_i| on the support."""

    constant: ClassVar[bool] = True
    radius: float  # cycles/length

    @abstractmethod
    def inside(self, xi: np.ndarray) -> np.ndarray:
        """Whether xi is in the support, shape (...)."""

    @abstractmethod
    def volume(self, dimension: int) -> float:
        """The volume of the support [1/length^d]."""

    def density(self, xi: np.ndarray) -> np.ndarray:
        return np.where(self.inside(xi), self.maximum(xi.shape[-1]), 0.0)

    def maximum(self, dimension: int) -> float:
        return 1 / self.volume(dimension)

    def tail_maximum(self, radius: float, dimension: int) -> float:
        return self.maximum(dimension) if radius < self.radius else 0.0

    def tail_radius(self, level: float, dimension: int) -> float:
        return self.radius

    def compact(self, dimension: int) -> bool:
        return True


@dataclass(frozen=True)
class Uniform(ConstantOnSupport):
    """rho_w(xi) = (2R)^-d if every |xi_i| <= R, else 0;  k(z) = prod_i sin(2 pi R z_i) / (2 pi R z_i)."""

    radius: float  # cycles/length

    def inside(self, xi: np.ndarray) -> np.ndarray:
        return np.all(np.abs(xi) <= self.radius * (1 + SURFACE), axis=-1)

    def volume(self, dimension: int) -> float:
        return (2 * self.radius) ** dimension

    def transform(self, z: np.ndarray) -> np.ndarray:
        return np.prod(np.sinc(2 * self.radius * z), axis=-1)

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        return self.radius * (2 * unit - 1)

    def break_planes(self, dimension: int) -> Planes:
        return ((self.radius,),) * dimension


@dataclass(frozen=True)
class Ball(ConstantOnSupport):
    """rho_w(xi) = 1 / (volume of the ball of radius R) if |xi| <= R, else 0.

    With s = 2 pi R |z|:  k(z) = sin s / s (d = 1),  2 J_1(s) / s (d = 2),  3 (sin s - s cos s) / s^3 (d = 3).
    """

    radius: float  # cycles/length

    def inside(self, xi: np.ndarray) -> np.ndarray:
        return squared(xi) <= (self.radius * (1 + SURFACE)) ** 2

    def volume(self, dimension: int) -> float:
        return pi ** (dimension / 2) / gamma(dimension / 2 + 1) * self.radius**dimension

    def transform(self, z: np.ndarray) -> np.ndarray:
        s = 2 * pi * self.radius * np.sqrt(squared(z))
        # For small s, the closed forms for d = 2, 3 lose digits, but the first terms of the power series do not.
        small = s < 1e-2
        t = np.where(small, 1.0, s)
        match z.shape[-1]:
            case 1:
                return np.sinc(s / pi)
            case 2:
                from scipy.special import j1

                return np.where(small, 1 - s**2 / 8 + s**4 / 192, 2 * j1(t) / t)
            case _:
                return np.where(small, 1 - s**2 / 10 + s**4 / 280, 3 * (np.sin(t) - t * np.cos(t)) / t**3)

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        probability, direction = polar(unit)
        return (self.radius * probability ** (1 / unit.shape[-1]))[..., None] * direction

    def break_planes(self, dimension: int) -> Planes:
        return ((self.radius,),) if dimension == 1 else ((),) * dimension

    def break_radii(self, dimension: int) -> tuple[float, ...]:
        return () if dimension == 1 else (self.radius,)


@dataclass(frozen=True)
class Annulus(ConstantOnSupport):
    """rho_w(xi) = 1 / (V_R - V_q) if q <= |xi| <= R, else 0;  k(z) = (V_R k_R(z) - V_q k_q(z)) / (V_R - V_q).

    V_r and k_r are the volume and the transform of the ball with radius r. q is `inner`, and R is `radius`.
    """

    inner: float  # cycles/length
    radius: float  # cycles/length

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inner > THICKEST_INNER * self.radius:
            raise InputError(
                f"Annulus: inner = {self.inner} is not less than {THICKEST_INNER} radius = "
                f"{THICKEST_INNER * self.radius:.6g}; use a smaller inner radius, or Ball for a ball"
            )

    def inside(self, xi: np.ndarray) -> np.ndarray:
        return Ball(self.radius).inside(xi) & (squared(xi) >= (self.inner * (1 - SURFACE)) ** 2)

    def volume(self, dimension: int) -> float:
        return Ball(self.radius).volume(dimension) - Ball(self.inner).volume(dimension)

    def transform(self, z: np.ndarray) -> np.ndarray:
        outer, inner = (Ball(r).volume(z.shape[-1]) * Ball(r).transform(z) for r in (self.radius, self.inner))
        return (outer - inner) / self.volume(z.shape[-1])

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        probability, direction = polar(unit)
        d = unit.shape[-1]
        r = (self.inner**d + probability * (self.radius**d - self.inner**d)) ** (1 / d)
        return r[..., None] * direction

    def break_planes(self, dimension: int) -> Planes:
        return ((self.inner, self.radius),) if dimension == 1 else ((),) * dimension

    def break_radii(self, dimension: int) -> tuple[float, ...]:
        return () if dimension == 1 else (self.inner, self.radius)
