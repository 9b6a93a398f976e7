"""SIREN: the random initial weights, and the values of the drawn network. Sitzmann et al., Implicit neural
representations with periodic activation functions, NeurIPS 2020, arXiv 2006.09661.

    y_1 = sin(omega_0 (W x + b_1)),    y_l = sin(omega_0 (V_l y_{l-1} + b_l)),  l = 2, ..., L,    f = c y_L + b,

with L = depth - 1 layers of n = width sines. Training changes all parameters as they stand here. The frequencies
omega_0 W / (2 pi) of the first layer are drawn from rho_w. V_l is uniform on (-sqrt(6 / n), sqrt(6 / n)) / omega_0, and
c on sigma_a (-sqrt(6 / n), sqrt(6 / n)), with sigma_a = 1 / omega_0 by default. Biases of layers with F inputs are
uniform on (-F^(-1/2), F^(-1/2)), as in torch's Linear layers.
"""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from freqbias.problem.density import Density
from freqbias.problem.neurons import frequencies_from, unit_cube_points
from freqbias.problem.settings import Network
from freqbias.problem.supports import Uniform

CHUNK = 2**23  # numbers in memory for the values of one layer


def siren_density(omega_0: float, dimension: int) -> Uniform:
    """Return the density rho_w of SIREN's frequencies: uniform on |xi_i| < omega_0 / (2 pi d).

    So W is uniform on (-1/d, 1/d), as SIREN's authors draw it for coordinates in [-1, 1].
    """
    return Uniform(omega_0 / (2 * pi * dimension))


@dataclass(frozen=True)
class SirenWeights:
    """The initial weights of SIREN.

    first: W, (n, d) [1/length]. hidden: V_2, ..., V_L, each (n, n). output: c, (C, n), for C channels.
    biases: b_1, ..., b_L, (L, n). output_bias: b, (C,).
    """

    first: np.ndarray
    hidden: tuple[np.ndarray, ...]
    output: np.ndarray
    biases: np.ndarray
    output_bias: np.ndarray


def draw_siren(density: Density, network: Network, *, dimension: int, channels: int = 1, seed: int = 0) -> SirenWeights:
    """Draw the weights in double precision. The seed determines all weights, which are independent.

    With sampling = "sobol", the frequencies and the phases omega_0 b_1 come from a scrambled Sobol sequence.
    A symmetric network is f = (f_1 - f_2) / sqrt(2). f_1 and f_2 are networks of half the width that have the same
    initial weights and are trained separately. The result contains the initial weights of f_1.
    """
    assert network.omega_0 is not None
    n, layers = network.width // (2 if network.symmetric else 1), network.depth - 1
    rng = np.random.default_rng(seed)
    unit = unit_cube_points(rng, network.sampling, n, dimension + 1)
    frequencies = frequencies_from(density, unit[:, :dimension], range(n), n)
    hidden = tuple(sqrt(6 / n) / network.omega_0 * rng.uniform(-1, 1, (n, n)) for _ in range(layers - 1))
    output = sqrt(6 / n) * network.sigma_a * rng.uniform(-1, 1, (channels, n))
    biases = np.vstack([(2 * unit[:, dimension] - 1) / sqrt(dimension), rng.uniform(-1, 1, (layers - 1, n)) / sqrt(n)])
    output_bias = rng.uniform(-1, 1, channels) / sqrt(n)
    return SirenWeights(2 * pi / network.omega_0 * frequencies, hidden, output, biases, output_bias)


def siren_values(weights: SirenWeights, omega_0: float, positions: np.ndarray) -> np.ndarray:
    """Return f (C, N) at positions (N, d) [length], in chunks of positions."""
    count = max(1, CHUNK // len(weights.first))
    chunks = [positions[first : first + count] for first in range(0, len(positions), count)]
    return np.concatenate([_forward(weights, omega_0, chunk) for chunk in chunks], axis=1)


def _forward(weights: SirenWeights, omega_0: float, positions: np.ndarray) -> np.ndarray:
    y = positions.T
    for matrix, bias in zip((weights.first, *weights.hidden), weights.biases, strict=True):
        y = np.sin(omega_0 * (matrix @ y + bias[:, None]))
    return np.asarray(weights.output @ y + weights.output_bias[:, None])
