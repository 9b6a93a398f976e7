"""The draw of a network with hidden layers: frequencies, hidden weights and output weights."""

from dataclasses import dataclass

import numpy as np

from freqbias.problem.density import Density
from freqbias.problem.neurons import unit_points
from freqbias.problem.settings import Network


@dataclass(frozen=True)
class DeepWeights:
    """The weights at the start of the network with L hidden layers of width n,

        x_1 = [cos 2 pi W x, sin 2 pi W x] / sqrt(m),    x_{l+1} = phi(V_l x_l) / sqrt(p(1) n),    f = c x_{L+1},

    p(1) = E phi(y)^2 for unit normal y. The width n of a layer divides what the layer gives, not what it takes, so that
    V_l x_l has variance |x_l|^2, near 1, in every layer; this is the NTK parametrisation.

    frequencies W: (m, d) [cycles/length]; hidden V: (n, 2m), (n, n), ...; output c: (C, n).
    """

    frequencies: np.ndarray
    hidden: tuple[np.ndarray, ...]
    output: np.ndarray


def draw_deep(density: Density, network: Network, *, dimension: int, channels: int = 1, seed: int = 0) -> DeepWeights:
    """Draw the weights in double precision; the seed fixes them.

    w_k ~ rho_w, independent or from a scrambled Sobol sequence (sampling "sobol"); hidden weights unit normal, output
    weights normal of standard deviation sigma_a, all independent.
    symmetric: the network is (f_1 - f_2) / sqrt(2), two networks of half the widths with the same weights at the start,
    trained apart; these are the weights of one of them.
    """
    assert network.hidden_width is not None  # the settings fill it in
    halves = 2 if network.symmetric else 1
    m, n = network.width // halves, network.hidden_width // halves
    rng = np.random.default_rng(seed)
    frequencies = density.from_unit_cube(unit_points(rng, network.sampling, m, dimension))
    inputs = [2 * m, *[n] * (network.depth - 3)]
    hidden = tuple(rng.standard_normal((n, count)) for count in inputs)
    return DeepWeights(frequencies, hidden, network.sigma_a * rng.standard_normal((channels, n)))
