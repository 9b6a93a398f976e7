"""The laws, damping and diffusion, of the damped heat equation in frequency space:

    dv/dt = -C (damping v - div(diffusion grad v)).

C is the convolution with the transform of the data density (data operator), or 1 / prod extent (local operator); see
`pde`. `pde` knows a network of any depth only through its laws.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi

import numpy as np

from freqbias.problem.density import Density, Planes


class Law(ABC):
    """An even, non-negative function on frequency space, in d dimensions."""

    @abstractmethod
    def value(self, xi: np.ndarray) -> np.ndarray:
        """value(xi), (n,), at frequencies xi (n, d) [cycles/length]."""

    @abstractmethod
    def transform(self, z: np.ndarray) -> np.ndarray:
        """integral value(xi) cos(2 pi xi.z) dxi, (...), at lags z (..., d) [length]."""

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
        """An R such that value(xi) <= level if some |xi_i| > R [cycles/length]; the smallest one if level < maximum."""

    @property
    @abstractmethod
    def constant(self) -> bool:
        """Whether the law has a single value on its support."""

    @property
    def numerical(self) -> bool:
        """Whether only the transform is exact, and the value is computed from it numerically."""
        return False

    @property
    @abstractmethod
    def compact(self) -> bool:
        """Whether the law vanishes outside a bounded support; break_planes and break_radii give its boundary."""

    @property
    @abstractmethod
    def break_planes(self) -> Planes:
        """For each axis i, the increasing b >= 0 such that the law or its gradient jumps across the planes |xi_i| = b
        [cycles/length]."""

    @property
    @abstractmethod
    def break_radii(self) -> tuple[float, ...]:
        """The increasing r > 0 such that the law jumps across |xi| = r, for d >= 2 [cycles/length].

        Away from these spheres and from `break_planes`, the law is smooth.
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
    """damping = F[G] and diffusion = F[H] of the kernel K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x').

    atom: the point mass of the damping at xi = 0, which is the limit of G(z) for large z.
    """

    damping: Law
    diffusion: Law
    atom: float = 0.0

    @property
    def numerical(self) -> bool:
        """Whether only the transforms are exact, and the values are computed from them numerically."""
        return self.damping.numerical

    def local_rate_bound(self, volume: float, reach: float) -> float:
        """An upper bound of the decay rates of the local operator [1/time]:

            (sup damping + (2 pi reach)^2 sup diffusion) / volume.

        volume: of the box of data. reach: the largest |x| of the data [length].
        """
        return (self.damping.maximum + (2 * pi * reach) ** 2 * self.diffusion.maximum) / volume

    def kernel_rate_bound(self, reach: float) -> float:
        """An upper bound of the decay rates on any data with |x| <= reach [1/time]: G(0) + (2 pi reach)^2 H(0)."""
        return self.damping.integral + self.atom + (2 * pi * reach) ** 2 * self.diffusion.integral

    def tail_radius(self, level: float, reach: float) -> float:
        """An R such that damping + (2 pi reach)^2 diffusion <= level if some |xi_i| > R [cycles/length]."""
        relative_level = level / (self.damping.maximum + (2 * pi * reach) ** 2 * self.diffusion.maximum)
        return max(law.tail_radius(relative_level * law.maximum) for law in (self.damping, self.diffusion))


def two_layer_laws(density: Density, sigma_a: float, dimension: int, *, diagonal: bool = False) -> Laws:
    """damping = rho_w, diffusion = sigma_a^2 rho_w, no atom: the two-layer network of arXiv 2405.14957.

    Its kernel has G = k and H = sigma_a^2 k.

    sigma_a: standard deviation of the output weights.
    diagonal: whether a trained diagonal layer (p, q) follows the Fourier features. The derivatives a cos and b sin in p
    and q add E[a^2 cos cos' + b^2 sin sin'] = sigma_a^2 k to G, so damping = (1 + sigma_a^2) rho_w.
    """
    factor = 1 + sigma_a**2 if diagonal else 1.0
    return Laws(ScaledDensity(density, factor, dimension), ScaledDensity(density, sigma_a**2, dimension))
