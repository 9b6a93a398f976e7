"""Densities of one's own, as Python functions. `freqbias.problem.density` documents the methods, with shapes and units.

The function is checked and its transform computed numerically (`freqbias.problem.panels`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import pi

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.density import Density, Planes, invert_tail, polar, squared
from freqbias.problem.panels import ORDER, POINTS, Panels, evaluate
from freqbias.problem.section import error_prefix

INTEGRAL = 1e-8  # largest distance of the integral from 1
EVENNESS = 1e-9  # largest |p(xi) - p(-xi)|, relative to the maximum
KINK = 1e-4  # slope at 0 that counts as a kink, in units of maximum / half width
MARGINAL_TOLERANCE = 1e-11  # of the panels of a marginal, whose values have rounding errors
UNBOUNDED = 1.5  # growth over 15 octaves of the distance to an edge; x^-0.05 grows by more
SPHERE = {1: 2.0, 2: 2 * pi, 3: 4 * pi}  # surface of the unit sphere, by dimension


class _Profile:
    """p on x >= 0, with the maximum, the largest values beyond each place, and the kind of the support.

    panels: panels of p, or of p times a power of x.
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], edges: Sequence[float], panels: Panels) -> None:
        self._function = function
        ends = panels.edges
        inner, outer = np.nextafter(ends, -np.inf)[1:], np.nextafter(ends, np.inf)[:-1]
        middle, half = (ends[:-1] + ends[1:]) / 2, (ends[1:] - ends[:-1]) / 2
        t = np.concatenate([POINTS, np.cos(pi * np.arange(4 * ORDER) / (4 * ORDER))])
        x = np.unique(np.concatenate([outer, inner, (middle[:, None] + half[:, None] * t).ravel()]))
        values = self(x)
        for edge in (0.0, *edges):
            self._check_bounded(edge, edge or float(panels.quantile(np.array([0.5]))[0]))
        if not np.isfinite(values).all():
            raise InputError(f"it is NaN or infinite at |xi| = {x[~np.isfinite(values)][0]:.6g}")
        self._x, self._largest = x, np.maximum.accumulate(values[::-1])[::-1]
        self.maximum = float(max(self._largest[0], self(np.zeros(1))[0]))
        outside = np.concatenate([x[x > max(edges, default=np.inf)], x[-1] * 2.0 ** np.arange(1, 30)])
        self.compact = bool(edges) and not self(outside).any()
        half_width = x[np.argmax(self._largest <= self.maximum / 2)]
        near_0 = self(half_width * np.array([0.0, 2.0**-20]))
        self.kink_at_0 = bool(abs(near_0[1] - near_0[0]) * 2.0**20 > KINK * self.maximum)

    def _check_bounded(self, edge: float, scale: float) -> None:
        """Raise InputError if p seems to grow without a bound towards an edge."""
        for side in (-1, 1) if edge else (1,):
            values = self(edge + side * scale * 2.0 ** np.array([-20, -35, -50]))
            if not np.isfinite(values).all() or (values[1:] > UNBOUNDED * values[:-1]).all() and values[0] > 0:
                raise InputError(f"it grows to infinity at |xi| = {edge:.6g}, but the equation needs a bounded density")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return evaluate(self._function, x)

    def tail(self, radius: float) -> float:
        """sup p over x > radius."""
        beyond = int(np.searchsorted(self._x, radius, side="right"))
        largest = float(self._largest[beyond]) if beyond < len(self._x) else 0.0
        return max(largest, float(self(np.nextafter(np.array([radius]), np.inf))[0]))

    def tail_radius(self, level: float, edges: Sequence[float]) -> float:
        upper = float(self._x[-1])
        while self.tail(upper) > level:
            upper *= 2
        return invert_tail(self.tail, level, sorted({*edges, upper}))


def _check_integral(panels: Panels) -> None:
    if abs(panels.integral - 1) > INTEGRAL:
        raise InputError(f"it integrates to {panels.integral:.9g} instead of 1; divide it by its integral")


def _checked_edges(breaks: Sequence[float]) -> tuple[float, ...]:
    edges = tuple(sorted({float(b) for b in breaks if b != 0}))
    if not all(np.isfinite(b) and b > 0 for b in edges):
        raise InputError(f"breaks = {tuple(breaks)}: give finite numbers of at least 0")
    return edges


@dataclass(frozen=True, eq=False)
class FunctionDensity(Density):
    """rho_w(xi) = prod_i p(xi_i),  k(z) = prod_i integral p(x) cos(2 pi x z_i) dx, for a function p of one variable.

    pdf: p, an even density on the line [length]. It maps x (n,) [cycles/length] to (n,).
    breaks: the places x >= 0 where p or its derivative jumps, without 0. The mesh follows these places.
    Raises InputError, which says what is wrong, if p is negative, NaN or unbounded, if it is not even, if it does not
    integrate to 1, if it is not smooth between the breaks, or if its tail is too heavy to resolve.
    """

    pdf: Callable[[np.ndarray], np.ndarray]
    breaks: tuple[float, ...] = ()
    _panels: Panels = field(init=False, repr=False)
    _profile: _Profile = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with error_prefix("the density: "):
            edges = _checked_edges(self.breaks)
            panels = Panels(lambda x: 2 * self.pdf(x), edges)
            profile = _Profile(self.pdf, edges, panels)
            self._check_even(panels, profile.maximum)
            _check_integral(panels)
        for name, value in (("breaks", edges), ("_panels", panels), ("_profile", profile)):
            object.__setattr__(self, name, value)

    def _check_even(self, panels: Panels, maximum: float) -> None:
        x = panels.points
        with np.errstate(all="ignore"):
            right, left = (np.asarray(self.pdf(side), dtype=float) for side in (x, -x))
        wrong = ~(np.abs(left - right) <= EVENNESS * maximum)
        if wrong.any():
            first = int(np.argmax(np.where(np.isnan(left), np.inf, np.abs(left - right))))
            raise InputError(
                f"it is not even: {right[first]:.6g} at xi = {x[first]:.6g}, but {left[first]:.6g} at "
                f"xi = {-x[first]:.6g}; give an even density, for example (p(x) + p(-x)) / 2"
            )

    def density(self, xi: np.ndarray) -> np.ndarray:
        return np.asarray(np.prod(self._profile(xi.ravel()).reshape(xi.shape), axis=-1))

    def transform(self, z: np.ndarray) -> np.ndarray:
        factors = self._panels.cosine_transform(z.ravel()).reshape(z.shape)
        return np.asarray(np.prod(np.where(z == 0, 1.0, np.clip(factors, -1, 1)), axis=-1))

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        centred = 2 * unit - 1
        return np.sign(centred) * self._panels.quantile(np.abs(centred).ravel()).reshape(unit.shape)

    def maximum(self, dimension: int) -> float:
        return self._profile.maximum**dimension

    def tail_maximum(self, radius: float, dimension: int) -> float:
        return self._profile.tail(radius) * self._profile.maximum ** (dimension - 1)

    def tail_radius(self, level: float, dimension: int) -> float:
        return self._profile.tail_radius(level / self._profile.maximum ** (dimension - 1), self.breaks)

    def compact(self, dimension: int) -> bool:
        return self._profile.compact

    def break_planes(self, dimension: int) -> Planes:
        origin = (0.0,) if self._profile.kink_at_0 else ()
        return ((*origin, *self.breaks),) * dimension


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
    _profile: _Profile = field(init=False, repr=False)

    def __post_init__(self) -> None:
        d = self.dimension
        if d not in (2, 3):
            raise InputError(f"dimension = {d}: give 2 or 3; in one dimension use FunctionDensity")
        with error_prefix("the density: "):
            edges = _checked_edges(self.breaks)
            shells = Panels(lambda r: SPHERE[d] * r ** (d - 1) * self.profile(r), edges)
            profile = _Profile(self.profile, edges, shells)
            _check_integral(shells)
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


def _marginal(profile: _Profile, x: np.ndarray, dimension: int, edges: np.ndarray) -> np.ndarray:
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
