"""The laws of networks with hidden layers after the Fourier features, at infinite width.

The kernel of a network is K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x'). The first layer depends on x and x' only
through k(x - x'), where k is the transform of the density rho_w. So both G and H are functions of k. With the dual
functions P and Q of the activation (`freqbias.problem.activations`) and L = depth - 2 hidden layers,

    S_0 = k,  S_l = P(S_{l-1}),  D_l = Q(S_{l-1}),
    G = S_L + sigma_a^2 sum_{l=0}^{L-1} S_l prod_{j=l+1}^{L} D_j,    H = sigma_a^2 k prod_{j=1}^{L} D_j.

G and H are power series in k without negative coefficients, and k^n is the transform of the n-fold convolution of
rho_w with itself. So both laws, damping = F[G] and diffusion = F[H], are non-negative.

Each term belongs to one layer: S_L to the output weights, the term of S_l to the hidden layer l + 1, and H to the
frequencies. With the learning rates r of these groups of parameters,

    G = r_output S_L + r_hidden sigma_a^2 sum_{l=0}^{L-1} S_l prod_{j=l+1}^{L} D_j,
    H = r_frequencies sigma_a^2 k prod_{j=1}^{L} D_j.

With biases of standard deviation beta, hidden layer l sees the correlation C_l = (S_{l-1} + beta^2) / (1 + beta^2).
Then S_l = P(C_l) and D_l = Q(C_l) / (1 + beta^2), and r_hidden S_l + r_biases beta^2 takes the place of r_hidden S_l in
the sum. G does not tend to 0 with k, even for odd activations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from freqbias.problem.activations import ACTIVATIONS, Activation
from freqbias.problem.density import Density, Planes, invert_tail
from freqbias.problem.discrete_density import DiscreteDensity
from freqbias.problem.discrete_law import DiscreteLaw
from freqbias.problem.inverse_transform import InverseTransform
from freqbias.problem.laws import Law, Laws
from freqbias.problem.rates import DEFAULT_RATES, Rates
from freqbias.problem.settings import Network
from freqbias.problem.two_layer_law import scaled


def ntk_recursion(
    k: np.ndarray,
    activation: Activation,
    sigma_a: float,
    hidden_layers: int,
    rates: Rates = DEFAULT_RATES,
    bias: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return G(k) and H(k), each with the shape of k, for |k| <= 1.

    hidden_layers: L. For L = 0 the results are exactly k and sigma_a^2 k, if all rates are 1. bias: beta.
    """
    s, weighted_sum, product = np.asarray(k, dtype=float), np.zeros(np.shape(k)), np.ones(np.shape(k))
    for _ in range(hidden_layers):
        c = (s + bias**2) / (1 + bias**2)
        d = activation.dual_derivative(c) / (1 + bias**2)
        own = rates.hidden * s + rates.biases * bias**2  # the terms of this layer's weights and biases
        weighted_sum, product = (weighted_sum + own) * d, product * d  # sum_l own_l prod_{j>l} D_j,  prod_j D_j
        s = activation.dual(c)
    variance = sigma_a**2
    return rates.output * s + variance * weighted_sum, rates.frequencies * variance * k * product


def _g(
    activation: Activation, sigma_a: float, hidden_layers: int, rates: Rates, bias: float, k: np.ndarray
) -> np.ndarray:
    return ntk_recursion(k, activation, sigma_a, hidden_layers, rates, bias)[0]


def _h(
    activation: Activation, sigma_a: float, hidden_layers: int, rates: Rates, bias: float, k: np.ndarray
) -> np.ndarray:
    return ntk_recursion(k, activation, sigma_a, hidden_layers, rates, bias)[1]


def deep_laws(density: Density, network: Network, dimension: int, rates: Rates = DEFAULT_RATES) -> Laws:
    """Return damping = F[G - G_inf], diffusion = F[H], and the atom G_inf.

    G_inf is G at k = 0, and is 0 for odd activations without biases.
    density: rho_w. network: only depth, activation, sigma_a and bias are used. rates: all are 1 by default.
    """
    assert network.activation is not None  # the settings fill it in
    activation = ACTIVATIONS[network.activation]
    arguments = activation, network.sigma_a, network.depth - 2, rates, network.bias or 0.0

    damping, diffusion = (
        law_of_series(density, partial(series, *arguments), dimension, smooth=activation.smooth) for series in (_g, _h)
    )
    return Laws(damping, diffusion, float(_g(*arguments, np.zeros(1))[0]))


def law_of_series(density: Density, series: Callable[[np.ndarray], np.ndarray], dimension: int, *, smooth: bool) -> Law:
    """Return the law with transform = g(k) - g(0) for a power series g: see `DeepLaw` for series and smooth."""
    if series(np.ones(1)) == 0:
        return scaled(density, 0.0, dimension)
    if isinstance(density, DiscreteDensity):
        return DiscreteLaw(density, series, dimension)
    return DeepLaw(density, series, dimension, smooth)


@dataclass(frozen=True, eq=False)
class DeepLaw(Law):
    """A law with transform = g(k) - g(0) for a power series g(k) = sum_n g_n k^n, where g_n >= 0.

    value = sum_{n>0} g_n (n-fold convolution of rho_w with itself).
    series: g, a function that can be pickled.
    smooth: whether g is smooth up to k = 1. If not, as for relu, g contains a root of 1 - k, and the law has tails that
    fall as |xi|^-(d+1).

    `transform` and the linear term g_1 rho_w of `value` are exact. The other terms, `maximum` and `tail_radius` are
    numerical (see `freqbias.problem.inverse_transform`). The law is positive everywhere, for any rho_w, and jumps where
    rho_w jumps. If rho_w jumps, the convolution of rho_w with itself also has kinks at sums of the points of the jumps.
    `break_planes` does not contain these kinks. For odd activations, g_2 = 0 and the law has no such kinks.
    """

    density: Density
    series: Callable[[np.ndarray], np.ndarray]
    dimension: int
    smooth: bool

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without the cached properties, which hold functions that cannot be pickled."""
        return DeepLaw, (self.density, self.series, self.dimension, self.smooth)

    def transform(self, z: np.ndarray) -> np.ndarray:
        return self._without_atom(self.density.transform(z))

    def _without_atom(self, k: np.ndarray) -> np.ndarray:
        """g(k) - g(0)."""
        return self.series(k) - self.series(np.zeros(1))

    @cached_property
    def _linear_coefficient(self) -> float:
        """g_1, by Chebyshev interpolation, since g is analytic for |k| < 1."""
        polynomial = np.polynomial.Chebyshev.interpolate(self._without_atom, 24, domain=[-0.5, 0.5])
        return float(polynomial.deriv()(0.0))

    @cached_property
    def _nonlinear_terms(self) -> InverseTransform:
        """sum_{n>1} g_n (n-fold convolution of rho_w). This part is smoother, since only the linear term jumps."""
        return InverseTransform(
            lambda k: self._without_atom(k) - self._linear_coefficient * k,
            self.density,
            self.dimension,
            max_power=np.inf if self.smooth else self.dimension + 1,
        )

    def value(self, xi: np.ndarray) -> np.ndarray:
        return self._linear_coefficient * self.density.density(xi) + self._nonlinear_terms.value(xi)

    @property
    def maximum(self) -> float:
        """sup value. This is an upper bound only, unless rho_w and the convolutions are largest at the same point."""
        return self._linear_coefficient * self.density.maximum(self.dimension) + self._nonlinear_terms.maximum

    def _tail_maximum(self, radius: float) -> float:
        linear = self._linear_coefficient * self.density.tail_maximum(radius, self.dimension)
        return linear + self._nonlinear_terms.tail_maximum(radius)

    def tail_radius(self, level: float) -> float:
        level, upper = min(level, self.maximum / 2), self._nonlinear_terms.cutoff
        while self._tail_maximum(upper) > level:
            upper *= 2
        return invert_tail(self._tail_maximum, level, sorted({*sum(self.break_planes, ()), *self.break_radii, upper}))

    @property
    def integral(self) -> float:
        return float(self._without_atom(np.ones(1))[0])

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
    def break_planes(self) -> Planes:
        return self.density.break_planes(self.dimension)

    @property
    def break_radii(self) -> tuple[float, ...]:
        return self.density.break_radii(self.dimension)
