"""The draw of a two-layer network: w ~ rho_w, output weights a and b."""

from dataclasses import dataclass
from math import log2
from typing import Literal

import numpy as np

from problem.density import Density
from problem.settings import Network


@dataclass(frozen=True)
class Neurons:
    """f_c(x) = 1/sqrt(m) sum_k [a_ck cos(2 pi w_k.x) + b_ck sin(2 pi w_k.x)] for each channel c.

    frequencies w: (m, d) [cycles/length], shared by the channels; cosine a, sine b: (C, m).
    """

    frequencies: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray

    @property
    def width(self) -> int:
        return len(self.frequencies)

    def __getitem__(self, part: slice) -> "Neurons":
        """Some of them."""
        return Neurons(self.frequencies[part], self.cosine[:, part], self.sine[:, part])


def draw(density: Density, network: Network, *, dimension: int, channels: int = 1, seed: int = 0) -> Neurons:
    """Draw the network's neurons in double precision; the seed fixes them.

    sampling "iid": w_k ~ rho_w, a_k and b_k normal of variance sigma_a^2, all independent.
    sampling "sobol": (w_k, phase_k) from one scrambled Sobol sequence, and (a_k, b_k) of the fixed modulus
    a_k^2 + b_k^2 = 2 sigma_a^2: the same kernel at infinite width, a smaller sampling error at finite width.
    symmetric: every neuron has its negative (same w, opposite a and b), so that f = 0 at the start; width counts all
    of them and is even.
    """
    count = network.width // 2 if network.symmetric else network.width
    rng = np.random.default_rng(seed)
    if network.sampling == "sobol":
        unit = unit_points(rng, "sobol", count, dimension + channels)
        angle = 2 * np.pi * unit[:, dimension:].T
        weights = np.sqrt(2) * network.sigma_a * np.stack([np.cos(angle), np.sin(angle)])
    else:
        unit = unit_points(rng, "iid", count, dimension)
        weights = network.sigma_a * rng.standard_normal((2, channels, count))
    frequencies = density.warp(unit[:, :dimension])
    if network.symmetric:
        frequencies, weights = np.concatenate([frequencies, frequencies]), np.concatenate([weights, -weights], axis=2)
    return Neurons(frequencies, weights[0], weights[1])


def unit_points(rng: np.random.Generator, sampling: Literal["iid", "sobol"], count: int, axes: int) -> np.ndarray:
    """Points (count, axes) inside the unit cube: independent ones, or those of a scrambled Sobol sequence."""
    if sampling == "iid":
        points = rng.random((count, axes))
    else:
        from scipy.stats import qmc  # takes a second to import

        sequence = qmc.Sobol(axes, scramble=True, rng=rng)
        points = sequence.random_base2(int(np.ceil(log2(count))))[:count]  # whole powers of 2: Sobol's balance
    return np.clip(points, 2.0**-54, 1 - 2.0**-53)  # off 0 and 1, where quantiles are infinite
