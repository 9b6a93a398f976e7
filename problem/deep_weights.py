"""The random initial weights of a network with hidden layers."""

from dataclasses import dataclass

import numpy as np

from freqbias.problem.density import Density
from freqbias.problem.neurons import frequencies_from, unit_cube_points
from freqbias.problem.settings import Network


@dataclass(frozen=True)
class DeepWeights:
    """The initial weights of a network with L hidden layers of width n, in NTK parametrisation:

        x_1 = [cos 2 pi W x, sin 2 pi W x] / sqrt(m),    x_{l+1} = phi(V_l x_l) / sqrt(p(1) n),    f = c x_{L+1},

    with p(1) = E phi(y)^2 for unit normal y. Each layer divides its output by sqrt(n). So V_l x_l has variance |x_l|^2,
    which is close to 1, in every layer. With biases of standard deviation beta, (V_l x_l + beta b_l) / sqrt(1 + beta^2)
    takes the place of V_l x_l.

    frequencies: W, (m, d) [cycles/length]. hidden: V_1 (n, 2m), V_2 (n, n), ... output: c, (C, n), for C channels.
    biases: b_1, ..., b_L, (L, n), unit normal, or None.
    """

    frequencies: np.ndarray
    hidden: tuple[np.ndarray, ...]
    output: np.ndarray
    biases: np.ndarray | None = None


def draw_deep(density: Density, network: Network, *, dimension: int, channels: int = 1, seed: int = 0) -> DeepWeights:
    """Draw the weights in double precision. The seed determines all weights.

    The frequencies w_k ~ rho_w are independent, or from a scrambled Sobol sequence if sampling = "sobol". Hidden
    weights are unit normal. Output weights are normal with standard deviation sigma_a. All weights are independent.
    A symmetric network is f = (f_1 - f_2) / sqrt(2). f_1 and f_2 are networks of half the widths that have the same
    initial weights and are trained separately. The result contains the initial weights of f_1.
    """
    assert network.hidden_width is not None  # the settings fill it in
    copies = 2 if network.symmetric else 1
    m, n = network.width // copies, network.hidden_width // copies
    rng = np.random.default_rng(seed)
    frequencies = frequencies_from(density, unit_cube_points(rng, network.sampling, m, dimension), range(m), m)
    inputs = [2 * m, *[n] * (network.depth - 3)]
    hidden = tuple(rng.standard_normal((n, count)) for count in inputs)
    output = network.sigma_a * rng.standard_normal((channels, n))
    biases = None if network.bias is None else rng.standard_normal((network.depth - 2, n))
    return DeepWeights(frequencies, hidden, output, biases)
