"""The laws that set the damped heat equation in frequency space: dv/dt = -C (damping v - div(diffusion grad v)).

C is the convolution with the transform of the data density (data operator) or 1 / prod extent (local operator); see
`pde`. A network of any depth enters `pde` through its laws alone, never through rho_w.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import pi

import numpy as np

from freqbias.problem.density import Density


class Law(ABC):
    """An even, non-negative law on frequency space, in d dimensions."""

    @abstractmethod
    def value(self, xi: np.ndarray) -> np.ndarray:
        """xi (n, d) [cycles/length] -> (n,)."""

    @abstractmethod
    def transform(self, z: np.ndarray) -> np.ndarray:
        """z (..., d) [length] -> integral value(xi) cos(2 pi xi.z) dxi, (...)."""

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
        """An R with value(xi) <= level wherever some |xi_i| > R [cycles/length]: the smallest for level < maximum."""

    @property
    @abstractmethod
    def constant(self) -> bool:
        """Whether the value is constant on its support."""

    @property
    def numerical(self) -> bool:
        """Whether its transform is what is known exactly, and its value is computed from that."""
        return False

    @property
    @abstractmethod
    def compact(self) -> bool:
        """Whether the law vanishes outside a bounded set: its support, which breaks and radii bound."""

    @property
    @abstractmethod
    def breaks(self) -> tuple[tuple[float, ...], ...]:
        """For each axis i the b >= 0, increasing, such that the law or its gradient jumps across the planes
        |xi_i| = b [cycles/length]."""

    @property
    @abstractmethod
    def radii(self) -> tuple[float, ...]:
        """The r > 0, increasing, such that the law jumps across |xi| = r, for d >= 2 [cycles/length]; off these and
        the planes of `breaks` it is smooth."""


@dataclass(frozen=True)
class Scaled(Law):
    """value = factor rho_w(xi), transform = factor k(z)."""

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
        # A level above the maximum would not bound the reach at all: half the maximum does.
        return self.density.tail_radius(min(level, self.maximum / 2) / self.factor, self.dimension)

    @property
    def constant(self) -> bool:
        return self.density.constant

    @property
    def compact(self) -> bool:
        return self.density.compact(self.dimension)

    @property
    def breaks(self) -> tuple[tuple[float, ...], ...]:
        return self.density.breaks(self.dimension)

    @property
    def radii(self) -> tuple[float, ...]:
        return self.density.radii(self.dimension)


@dataclass(frozen=True)
class Laws:
    """damping = F[G], diffusion = F[H] of the kernel K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x').

    atom: of the damping at xi = 0, the limit of G(z) for large z.
    """

    damping: Law
    diffusion: Law
    atom: float = 0.0

    @property
    def numerical(self) -> bool:
        """Whether the laws are known by their transforms."""
        return self.damping.numerical

    def local_rate(self, volume: float, reach: float) -> float:
        """An upper bound of the decay rates of the local operator for data of |x| <= reach in a box of this volume
        [1/time]: (sup damping + (2 pi reach)^2 sup diffusion) / volume."""
        return (self.damping.maximum + (2 * pi * reach) ** 2 * self.diffusion.maximum) / volume

    def kernel_rate(self, reach: float) -> float:
        """An upper bound of the decay rates on any data of |x| <= reach [1/time]: G(0) + (2 pi reach)^2 H(0)."""
        return self.damping.integral + self.atom + (2 * pi * reach) ** 2 * self.diffusion.integral

    def tail_radius(self, level: float, reach: float) -> float:
        """An R with damping + (2 pi reach)^2 diffusion <= level wherever some |xi_i| > R [cycles/length]."""
        strongest = self.damping.maximum + (2 * pi * reach) ** 2 * self.diffusion.maximum
        share = level / strongest  # of its own maximum, for each law
        return max(law.tail_radius(share * law.maximum) for law in (self.damping, self.diffusion))


def two_layer(density: Density, sigma_a: float, dimension: int, *, diagonal: bool = False) -> Laws:
    """damping = rho_w, diffusion = sigma_a^2 rho_w, no atom: arXiv 2405.14957, with G = k and H = sigma_a^2 k.

    sigma_a: standard deviation of the output weights (dimensionless). diagonal: with a diagonal layer (p, q), whose
    derivatives a cos, b sin of the features add E[a^2 cos cos' + b^2 sin sin'] = sigma_a^2 k to G, so that
    damping = (1 + sigma_a^2) rho_w.
    """
    damping = 1 + sigma_a**2 if diagonal else 1.0
    return Laws(Scaled(density, damping, dimension), Scaled(density, sigma_a**2, dimension))
