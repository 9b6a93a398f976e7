"""The laws of the two-layer network, which are rho_w times a factor."""

from dataclasses import dataclass
from functools import partial
from operator import mul

import numpy as np

from freqbias.problem.density import Density, Planes
from freqbias.problem.discrete_density import DiscreteDensity
from freqbias.problem.discrete_law import DiscreteLaw
from freqbias.problem.laws import Law, Laws
from freqbias.problem.rates import DEFAULT_RATES, Rates


@dataclass(frozen=True)
class ScaledDensity(Law):
    """value = factor rho_w(xi),  transform = factor k(z)."""

    density: Density
    factor: float
    dimension: int

    def value(self, xi: np.ndarray) -> np.ndarray:
        return self.factor * self.density.density(xi)

    def transform(self, z: np.ndarray) -> np.ndarray:
        return self.factor * self.density.transform(z)

    @property
    def maximum(self) -> float:
        return self.factor * self.density.maximum(self.dimension)

    @property
    def integral(self) -> float:
        return self.factor

    def tail_radius(self, level: float) -> float:
        if self.factor == 0:
            return 0.0
        # The density accepts only levels below its maximum.
        return self.density.tail_radius(min(level, self.maximum / 2) / self.factor, self.dimension)

    @property
    def widths(self) -> tuple[float, ...]:
        return self.density.widths(self.dimension) if self.factor > 0 else ()

    @property
    def constant(self) -> bool:
        return self.density.constant

    @property
    def compact(self) -> bool:
        return self.density.compact(self.dimension)

    @property
    def break_planes(self) -> Planes:
        return self.density.break_planes(self.dimension)

    @property
    def break_radii(self) -> tuple[float, ...]:
        return self.density.break_radii(self.dimension)


def two_layer_laws(
    density: Density, sigma_a: float, dimension: int, *, diagonal: bool = False, rates: Rates = DEFAULT_RATES
) -> Laws:
    """Return the laws of the two-layer network of arXiv 2405.14957.

    The kernel of this network has G = k and H = sigma_a^2 k. So damping = rho_w, diffusion = sigma_a^2 rho_w, and there
    is no atom. With the learning rates r of the groups of parameters, damping = r_output rho_w and
    diffusion = r_frequencies sigma_a^2 rho_w.

    sigma_a: the standard deviation of the output weights.
    diagonal: whether a trained diagonal layer (p, q) follows the Fourier features. The derivatives with respect to p
    and q are a cos and b sin. These derivatives add E[a^2 cos cos' + b^2 sin sin'] = sigma_a^2 k to G. So
    damping = (r_output + r_hidden sigma_a^2) rho_w.
    rates: r. All are 1 by default.
    """
    damping = rates.output + (rates.hidden * sigma_a**2 if diagonal else 0.0)
    diffusion = rates.frequencies * sigma_a**2
    return Laws(scaled(density, damping, dimension), scaled(density, diffusion, dimension))


def scaled(density: Density, factor: float, dimension: int) -> Law:
    """Return the law factor rho_w."""
    if isinstance(density, DiscreteDensity):
        return DiscreteLaw(density, partial(mul, factor), dimension, linear=True)
    return ScaledDensity(density, factor, dimension)
