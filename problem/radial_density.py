"""Python functions of the radius as densities. `freqbias.problem.density` documents the methods, with shapes and units.

The function is checked and its transform computed numerically (`freqbias.problem.panels`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import pi

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.density import Density, polar, squared
from freqbias.problem.panels import Panels
from freqbias.problem.profile import Profile, check_integral, checked_edges
from freqbias.problem.section import error_prefix

MARGINAL_TOLERANCE = 1e-11  # of the panels of a marginal, whose values have rounding errors
SPHERE = {2: 2 * pi, 3: 4 * pi}  # circumference of the unit circle, surface of the unit sphere


@dataclass(frozen=True, eq=False)
class RadialDensity(Density):
    """rho_w(xi) = f(|xi|) in d = 2 or 3 dimensions,  k(z) = integral m(x) cos(2 pi x |z|) dx.

    m(x) = integral f(sqrt(x^2 + |y|^2)) dy, over y in d - 1 dimensions, is the density of each coordinate xi_i.

    profile: f [length^d]. It maps r >= 0, (n,) [cycles/length], to (n,), and integral f(|xi|) dxi = 1.
    breaks: the radii where f or its derivative jumps, without 0. The mesh follows these spheres.
    Raises InputError as `FunctionDensity` does.
    """

    profile: Callable[[np.ndarray], np.ndarray]
    dimension: int
    breaks: tuple[float, ...] = ()
    _shells: Panels = field(init=False, repr=False)
    _marginal: Panels = field(init=False, repr=False)
    _profile: Profile = field(init=False, repr=False)

    def __post_init__(self) -> None:
        d = self.dimension
        if d not in (2, 3):
            raise InputError(f"dimension = {d}: give 2 or 3; in one dimension use FunctionDensity")
        with error_prefix("the density: "):
            edges = checked_edges(self.breaks)
            shells = Panels(lambda r: SPHERE[d] * r ** (d - 1) * self.profile(r), edges)
            profile = Profile(self.profile, edges, shells)
            check_integral(shells)
            marginal = Panels(lambda x: _marginal(profile, x, d, shells.edges), edges, tolerance=MARGINAL_TOLERANCE)
        parts = {"breaks": edges, "_shells": shells, "_marginal": marginal, "_profile": profile}
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    @property
    def dimensions(self) -> tuple[int, ...]:
        return (self.dimension,)

    def density(self, xi: np.ndarray) -> np.ndarray:
        return self._profile(np.sqrt(squared(xi)).ravel()).reshape(xi.shape[:-1])

    def transform(self, z: np.ndarray) -> np.ndarray:
        length = np.sqrt(squared(z))
        k = self._marginal.cosine_transform(length.ravel()).reshape(length.shape)
        return np.where(length == 0, 1.0, np.clip(k, -1, 1))

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        probability, direction = polar(unit)
        return self._shells.quantile(probability.ravel()).reshape(probability.shape)[..., None] * direction

    def maximum(self, dimension: int) -> float:
        return self._profile.maximum

    def tail_maximum(self, radius: float, dimension: int) -> float:
        return self._profile.tail(radius)

    def tail_radius(self, level: float, dimension: int) -> float:
        return self._profile.tail_radius(level, self.breaks)

    def compact(self, dimension: int) -> bool:
        return self._profile.compact

    def break_radii(self, dimension: int) -> tuple[float, ...]:
        return self.breaks


def _marginal(profile: Profile, x: np.ndarray, dimension: int, edges: np.ndarray) -> np.ndarray:
    """Return integral f(sqrt(x^2 + |y|^2)) dy over y in dimension - 1 dimensions, (n,), from panels of |y|.

    edges: the ends of panels of the radius on which f is smooth, (P + 1,).
    """
    t, weights = np.polynomial.legendre.leggauss(24)
    result = np.zeros(len(x))
    count = max(1, 2**20 // (len(edges) * len(t)))
    for first in range(0, len(x), count):
        part = x[first : first + count, None]
        ends = np.sqrt(np.maximum((edges - part) * (edges + part), 0.0))
        middle, half = (ends[:, 1:] + ends[:, :-1]) / 2, np.diff(ends, axis=1) / 2
        y = middle[..., None] + half[..., None] * t
        f = profile(np.sqrt(part[..., None] ** 2 + y**2).ravel()).reshape(y.shape)
        shell = 2.0 if dimension == 2 else 2 * pi * y
        result[first : first + count] = ((f * shell) @ weights * half).sum(axis=1)
    return result
