"""Products of a Python function as densities. `freqbias.problem.density` documents the methods, with shapes and units.

The function is checked and its transform computed numerically (`freqbias.problem.panels`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.density import Density, Planes
from freqbias.problem.panels import Panels, evaluate
from freqbias.problem.profile import Profile, check_integral, checked_edges
from freqbias.problem.section import error_prefix

EVENNESS = 1e-9  # largest |p(xi) - p(-xi)|, relative to the maximum


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
    _profile: Profile = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with error_prefix("the density: "):
            edges = checked_edges(self.breaks)
            panels = Panels(lambda x: 2 * self.pdf(x), edges)
            profile = Profile(self.pdf, edges, panels)
            self._check_even(panels, profile.maximum)
            check_integral(panels)
        for name, value in (("breaks", edges), ("_panels", panels), ("_profile", profile)):
            object.__setattr__(self, name, value)

    def _check_even(self, panels: Panels, maximum: float) -> None:
        x = panels.points
        right, left = (evaluate(self.pdf, side) for side in (x, -x))
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
