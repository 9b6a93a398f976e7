"""Densities rho_w that are positive everywhere: Gaussian, Laplace, Student's t.

`freqbias.problem.density` documents the methods, with shapes and units.
"""

from dataclasses import dataclass
from math import exp, expm1, lgamma, log, pi, sqrt

import numpy as np

from freqbias.numerics import check_number
from freqbias.problem.density import Density, Planes, polar, squared

FREEDOM = (1.0, 100.0)  # smallest and largest
LARGEST_ARGUMENT = 1e3  # of Bessel functions, whose product with exp(-t) is then 0; scipy's kve is NaN above 2^31


@dataclass(frozen=True)
class Gaussian(Density):
    """rho_w(xi) = (2 pi sigma^2)^(-d/2) exp(-|xi|^2 / (2 sigma^2)),  k(z) = exp(-2 pi^2 sigma^2 |z|^2)."""

    sigma: float  # cycles/length

    def density(self, xi: np.ndarray) -> np.ndarray:
        return self.maximum(xi.shape[-1]) * np.exp(-squared(xi) / (2 * self.sigma**2))

    def transform(self, z: np.ndarray) -> np.ndarray:
        return np.exp(-2 * (pi * self.sigma) ** 2 * squared(z))

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        from scipy.special import ndtri  # takes half a second, which only drawing a network needs

        return self.sigma * ndtri(unit)

    def maximum(self, dimension: int) -> float:
        return (2 * pi * self.sigma**2) ** (-dimension / 2)

    def tail_radius(self, level: float, dimension: int) -> float:
        return self.sigma * sqrt(2 * max(0.0, log(self.maximum(dimension) / level)))


@dataclass(frozen=True)
class Laplace(Density):
    """rho_w(xi) = prod_i exp(-|xi_i| / b) / (2b),  k(z) = prod_i 1 / (1 + (2 pi b z_i)^2)."""

    scale: float  # b, cycles/length

    def density(self, xi: np.ndarray) -> np.ndarray:
        return self.maximum(xi.shape[-1]) * np.exp(-np.abs(xi).sum(axis=-1) / self.scale)

    def transform(self, z: np.ndarray) -> np.ndarray:
        return np.prod(1 / (1 + (2 * pi * self.scale * z) ** 2), axis=-1)

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        centred = 2 * unit - 1
        return -self.scale * np.sign(centred) * np.log1p(-np.abs(centred))

    def maximum(self, dimension: int) -> float:
        return (2 * self.scale) ** -dimension

    def tail_radius(self, level: float, dimension: int) -> float:
        return self.scale * max(0.0, log(self.maximum(dimension) / level))

    def break_planes(self, dimension: int) -> Planes:
        return ((0.0,),) * dimension


@dataclass(frozen=True)
class StudentT(Density):
    """rho_w(xi) = Gamma((nu+d)/2) / (Gamma(nu/2) (nu pi sigma^2)^(d/2)) (1 + |xi|^2 / (nu sigma^2))^(-(nu+d)/2),
    k(z) = 2^(1-v) / Gamma(v) s^v K_v(s)  with  v = nu/2, s = 2 pi sqrt(nu) sigma |z|, in every dimension d.

    K_v is a modified Bessel function. sigma: the scale.
    freedom: nu, the degrees of freedom, from 1 (Cauchy: k = exp(-s)) to 100 (nearly normal).
    The tails fall as |xi|^-(nu+d). |xi|^2 / (d sigma^2) has the F distribution with d and nu degrees of freedom.
    Source: Kotz and Nadarajah, Multivariate t Distributions and Their Applications (2004).
    """

    sigma: float  # cycles/length
    freedom: float  # nu

    def __post_init__(self) -> None:
        super().__post_init__()
        remedy = "a number from 1 (heaviest tails) to 100 (nearly Gaussian)"
        check_number("StudentT: freedom", self.freedom, *FREEDOM, remedy=remedy)

    def density(self, xi: np.ndarray) -> np.ndarray:
        d = xi.shape[-1]
        return self.maximum(d) * (1 + squared(xi) / (self.freedom * self.sigma**2)) ** (-(self.freedom + d) / 2)

    def transform(self, z: np.ndarray) -> np.ndarray:
        v = self.freedom / 2
        s = 2 * pi * sqrt(self.freedom) * self.sigma * np.sqrt(squared(z))
        t = np.where(s > 0, np.minimum(s, LARGEST_ARGUMENT), 1.0)
        from scipy.special import kve

        bessel = kve(v, t)  # exp(t) K_v(t); if it overflows, k = 1 - s^2 / (4 (v-1)) + ...
        large = (s > 0) & np.isfinite(bessel)
        closed = v * np.log(t) - t + np.log(np.where(large, bessel, 1.0)) - lgamma(v) - (v - 1) * log(2)
        return np.where(large, np.exp(np.minimum(closed, 0.0)), 1 - (s**2 / (4 * (v - 1)) if v > 1 else 0.0))

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        probability, direction = polar(unit)
        d = unit.shape[-1]
        from scipy.special import fdtri

        return self.sigma * np.sqrt(d * fdtri(d, self.freedom, probability))[..., None] * direction

    def maximum(self, dimension: int) -> float:
        nu = self.freedom
        return exp(lgamma((nu + dimension) / 2) - lgamma(nu / 2)) / (nu * pi * self.sigma**2) ** (dimension / 2)

    def tail_radius(self, level: float, dimension: int) -> float:
        excess = expm1(2 / (self.freedom + dimension) * max(0.0, log(self.maximum(dimension) / level)))
        return self.sigma * sqrt(self.freedom * excess)
