"""The laws, damping and diffusion, of the damped heat equation in frequency space:

    dv/dt = -C (damping v - div(diffusion grad v)).

For the data operator, C is the convolution with the transform of the data density. For the local operator, C is the
number 1 / prod extent. `pde` describes both. The laws are all that `pde` uses of a network.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi

import numpy as np

from freqbias.problem.density import PEAK_LEVEL, Planes


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
    def discrete(self) -> bool:
        """Whether the law is a sum of point masses, so that it has no values, and is known by its transform."""
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

    @property
    def discrete(self) -> bool:
        """Whether the laws are sums of point masses."""
        return self.damping.discrete

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
