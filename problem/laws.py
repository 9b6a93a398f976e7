"""The laws, damping and diffusion, of the damped heat equation in frequency space:

    dv/dt = -C (damping v - div(diffusion grad v)).

For the data operator, C is the convolution with the transform of the data density. For the local operator, C is the
number 1 / prod extent. `pde` describes both. The laws are all that `pde` uses of a network.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi

import numpy as np

from freqbias.problem.density import PEAK_LEVEL, Density, Planes
from freqbias.problem.rates import DEFAULT_RATES, Rates


class Law(ABC):
    """An even, non-negative function on frequency space, in d dimensions."""

    @abstractmethod
    def value(self, xi: np.ndarray) -> np.ndarray:
        """Return the law's values (n,) at frequencies xi (n, d) [cycles/length]."""

    @abstractmethod
    def transform(self, z: np.ndarray) -> np.ndarray:
        """Return integral value(xi) cos(2 pi xi.z) dxi, (...), at lags z (..., d) [length]."""

    @property
    @abstractmethod
    def maximum(self) -> float:
        """sup value."""

    @property
    @abstractmethod
    def integral(self) -> float:
        """integral value dxi = transform(0)."""

    @abstractmethod
    def tail_radius(self, level: float) -> float:
        """Return R such that value(xi) <= level if some |xi_i| > R [cycles/length].

        If level < maximum, R is the smallest number with this property.
        """

    @property
    def widths(self) -> tuple[float, ...]:
        """The distance from 0 to which the peak of each part extends, ascending [cycles/length]."""
        return (self.tail_radius(PEAK_LEVEL * self.maximum),) if self.maximum > 0 else ()

    @property
    @abstractmethod
    def constant(self) -> bool:
        """Whether the law has a single value on its support."""

    @property
    def numerical(self) -> bool:
        """Whether the values are computed numerically from the transform, which is exact."""
        return False

    @property
    @abstractmethod
    def compact(self) -> bool:
        """Whether the law vanishes outside a bounded support. If so, break_planes and break_radii give the boundary."""

    @property
    @abstractmethod
    def break_planes(self) -> Planes:
        """The planes |xi_i| = b across which the law or the gradient of the law jumps.

        The result has, for each axis i, the values b >= 0 in increasing order [cycles/length].
        """

    @property
    @abstractmethod
    def break_radii(self) -> tuple[float, ...]:
        """The radii r of the spheres |xi| = r across which the law jumps, for d >= 2 [cycles/length].

        The radii are positive and increasing. The law is smooth except on these spheres and on the `break_planes`.
        """


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


@dataclass(frozen=True)
class Laws:
    """The laws of a network with the kernel K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x').

    damping: F[G] without the atom. diffusion: F[H].
    atom: the point mass of F[G] at xi = 0, which is the limit of G(z) for large z.
    """

    damping: Law
    diffusion: Law
    atom: float = 0.0

    @property
    def numerical(self) -> bool:
        """Whether the values are computed numerically from the transforms, which are exact."""
        return self.damping.numerical or self.diffusion.numerical

    def local_rate_bound(self, volume: float, reach: float) -> float:
        """Return an upper bound of the decay rates of the local operator [1/time]:

            (sup damping + (2 pi reach)^2 sup diffusion) / volume.

        volume: the volume of the box of data [length^d]. reach: the largest |x| of the data [length].
        """
        return (self.damping.maximum + (2 * pi * reach) ** 2 * self.diffusion.maximum) / volume

    def kernel_rate_bound(self, reach: float) -> float:
        """Return G(0) + (2 pi reach)^2 H(0), an upper bound of the decay rates on data with |x| <= reach [1/time]."""
        return self.damping.integral + self.atom + (2 * pi * reach) ** 2 * self.diffusion.integral

    def tail_radius(self, level: float, reach: float) -> float:
        """Return R such that damping + (2 pi reach)^2 diffusion <= level if some |xi_i| > R [cycles/length]."""
        relative_level = level / (self.damping.maximum + (2 * pi * reach) ** 2 * self.diffusion.maximum)
        return max(law.tail_radius(relative_level * law.maximum) for law in (self.damping, self.diffusion))


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
    return Laws(ScaledDensity(density, damping, dimension), ScaledDensity(density, diffusion, dimension))
