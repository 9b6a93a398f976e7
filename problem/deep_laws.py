"""The laws of networks with hidden layers after the Fourier features, at infinite width.

The first layer sees x through k(x - x') alone, so that in K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x') both G and H are
functions of k. With the dual functions P and Q of the activation (`freqbias.problem.activations`) and L = depth - 2,

    S_0 = k,  S_l = P(S_{l-1}),  D_l = Q(S_{l-1}),
    G = S_L + sigma_a^2 sum_{l=0}^{L-1} S_l prod_{j=l+1}^{L} D_j,    H = sigma_a^2 k prod_{j=1}^{L} D_j.

Both are power series in k without negative coefficients, and k^n is the transform of the n-fold convolution of rho_w:
the laws are not negative.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from freqbias.problem.activations import ACTIVATIONS, Activation
from freqbias.problem.density import Density, smallest_radius
from freqbias.problem.inverse_transform import InverseTransform
from freqbias.problem.laws import Law, Laws, Scaled
from freqbias.problem.settings import Network

Series = Callable[[np.ndarray], np.ndarray]


def recursion(
    k: np.ndarray, activation: Activation, sigma_a: float, hidden_layers: int
) -> tuple[np.ndarray, np.ndarray]:
    """G and H of k, |k| <= 1, of any shape; hidden_layers = L. For L = 0 exactly k and sigma_a^2 k."""
    covariance, tail, slopes = np.asarray(k, dtype=float), np.zeros(np.shape(k)), np.ones(np.shape(k))
    for _ in range(hidden_layers):
        slope = activation.dual_derivative(covariance)
        tail, slopes = (tail + covariance) * slope, slopes * slope
        covariance = activation.dual(covariance)
    return covariance + sigma_a**2 * tail, sigma_a**2 * k * slopes


def deep(density: Density, network: Network, dimension: int) -> Laws:
    """damping = F[G - G_inf], diffusion = F[H], and the atom G_inf = G at k = 0, which is 0 for odd activations.

    network: its depth, activation and sigma_a.
    """
    assert network.activation is not None  # the settings fill it in
    activation = ACTIVATIONS[network.activation]

    def law(index: int) -> DeepLaw:
        series = partial(_part, index, activation, network.sigma_a, network.depth - 2)
        return DeepLaw(density, series, dimension, activation.smooth)

    damping = law(0)
    diffusion = law(1) if network.sigma_a > 0 else Scaled(density, 0.0, dimension)
    return Laws(damping, diffusion, float(damping.series(np.zeros(1))[0]))


def _part(index: int, activation: Activation, sigma_a: float, hidden_layers: int, k: np.ndarray) -> np.ndarray:
    """G (0) or H (1) of `recursion`; a function of the module, so that laws can be sent to other processes."""
    return recursion(k, activation, sigma_a, hidden_layers)[index]


@dataclass(frozen=True, eq=False)
class DeepLaw(Law):
    """transform = g(k) - g(0) with g(k) = sum_n g_n k^n, all g_n >= 0: value = sum_{n>0} g_n rho_w * ... * rho_w.

    `transform` is exact; `value`, `maximum` and `tail_radius` are numerical, but for the linear term: see
    `freqbias.problem.inverse_transform`. It reaches everywhere, whatever rho_w does, and jumps where rho_w does. Where rho_w jumps, its
    convolution with itself, which odd activations lack, bends at sums of such places; `breaks` leave those out.
    """

    density: Density
    series: Series  # g
    dimension: int
    smooth: bool  # g up to k = 1; else a root of 1 - k there, as relu has it, makes tails that fall as |xi|^-(d+1)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process without what is worked out on demand."""
        return DeepLaw, (self.density, self.series, self.dimension, self.smooth)

    def transform(self, z: np.ndarray) -> np.ndarray:
        return self._of(self.density.transform(z))

    def _of(self, k: np.ndarray) -> np.ndarray:
        return self.series(k) - self.series(np.zeros(1))

    @cached_property
    def _linear(self) -> float:
        """g_1, by Chebyshev interpolation: g is analytic for |k| < 1."""
        polynomial = np.polynomial.Chebyshev.interpolate(self._of, 24, domain=[-0.5, 0.5])
        return float(polynomial.deriv()(0.0))

    @cached_property
    def _rest(self) -> InverseTransform:
        """All but g_1 rho_w, which alone jumps where rho_w does."""
        slowest = np.inf if self.smooth else self.dimension + 1
        return InverseTransform(lambda k: self._of(k) - self._linear * k, self.density, self.dimension, slowest=slowest)

    def value(self, xi: np.ndarray) -> np.ndarray:
        return self._linear * self.density.density(xi) + self._rest.value(xi)

    @property
    def maximum(self) -> float:
        """Exact where rho_w and its convolution powers are largest at the same place, else an upper bound."""
        return self._linear * self.density.maximum(self.dimension) + self._rest.maximum

    def tail_radius(self, level: float) -> float:
        def tail(radius: float) -> float:
            return self._linear * self.density.tail(radius, self.dimension) + self._rest.tail(radius)

        level, enough = min(level, self.maximum / 2), self._rest.reach
        while tail(enough) > level:
            enough *= 2
        return smallest_radius(tail, level, sorted({*sum(self.breaks, ()), *self.radii, enough}))

    @property
    def integral(self) -> float:
        return float(self._of(np.ones(1))[0])

    @property
    def constant(self) -> bool:
        return False

    @property
    def numerical(self) -> bool:
        return True

    @property
    def compact(self) -> bool:
        return False

    @property
    def breaks(self) -> tuple[tuple[float, ...], ...]:
        return self.density.breaks(self.dimension)

    @property
    def radii(self) -> tuple[float, ...]:
        return self.density.radii(self.dimension)
