"""The draw of a two-layer network: w ~ rho_w, output weights a and b."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Literal

import numpy as np

from freqbias.problem.density import Density
from freqbias.problem.settings import Network

ALL = slice(None)
CHUNK = 2**16  # rows drawn at once, where most of them are not to be held


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


def draw(
    density: Density,
    network: Network,
    *,
    dimension: int,
    channels: int = 1,
    seed: int = 0,
    part: slice = ALL,
) -> Neurons:
    """Draw the network's neurons in double precision; the seed fixes them. part: which of them; no others are held.

    sampling "iid": w_k ~ rho_w, a_k and b_k normal of variance sigma_a^2, all independent.
    sampling "sobol": (w_k, phase_k) from one scrambled Sobol sequence, and (a_k, b_k) of the fixed modulus
    a_k^2 + b_k^2 = 2 sigma_a^2: the same kernel at infinite width, a smaller sampling error at finite width.
    symmetric: every neuron has its negative (same w, opposite a and b), so that f = 0 at the start; width counts all
    of them and is even.
    """
    signs = (1, -1) if network.symmetric else (1,)
    count = network.width // len(signs)
    begin, end, _ = part.indices(network.width)
    asked = [(max(begin - half * count, 0), min(end - half * count, count)) for half in range(len(signs))]
    pieces = [(sign, *piece) for sign, piece in zip(signs, asked, strict=True) if piece[0] < piece[1]]
    held = slice(min(first for _, first, _ in pieces), max(last for _, _, last in pieces))  # of the `count` drawn ones
    rng = np.random.default_rng(seed)
    if network.sampling == "sobol":
        unit = unit_points(rng, "sobol", count, dimension + channels, held)
        angle = 2 * np.pi * unit[:, dimension:].T
        weights = np.sqrt(2) * network.sigma_a * np.stack([np.cos(angle), np.sin(angle)])
    else:
        unit = unit_points(rng, "iid", count, dimension, held)
        rows = [_rows(rng.standard_normal, count, held) for _ in range(2 * channels)]
        weights = network.sigma_a * np.stack(rows).reshape(2, channels, -1)
    frequencies = density.from_unit_cube(unit[:, :dimension])
    places = [(sign, slice(first - held.start, last - held.start)) for sign, first, last in pieces]
    cosine, sine = np.concatenate([sign * weights[:, :, place] for sign, place in places], axis=2)
    return Neurons(np.concatenate([frequencies[place] for _, place in places]), cosine, sine)


def unit_points(
    rng: np.random.Generator, sampling: Literal["iid", "sobol"], count: int, axes: int, held: slice = ALL
) -> np.ndarray:
    """Points (count, axes) inside the unit cube, or those of them that are to be held: independent ones, or those of a
    scrambled Sobol sequence."""
    first, last, _ = held.indices(count)
    if sampling == "iid":
        points = _rows(lambda rows: rng.random((rows, axes)), count, held)
    else:
        from scipy.stats import qmc  # takes a second to import

        sequence = qmc.Sobol(axes, scramble=True, rng=rng)
        if first > 0:
            points = sequence.fast_forward(first).random(last - first)
        else:
            points = sequence.random_base2(int(np.ceil(log2(last))))[:last]  # whole powers of 2: Sobol's balance
    return np.clip(points, 2.0**-54, 1 - 2.0**-53)  # off 0 and 1, where quantiles are infinite


def _rows(give: Callable[[int], np.ndarray], count: int, held: slice) -> np.ndarray:
    """Of `count` rows that a generator gives one after the other, those that are to be held."""
    start, stop, _ = held.indices(count)
    kept = []
    for first in range(0, count, CHUNK):
        rows = give(min(CHUNK, count - first))
        kept.append(rows[max(start - first, 0) : max(stop - first, 0)].copy())
    return np.concatenate(kept)
