"""The random initial weights of a two-layer network: frequencies w ~ rho_w, and output weights a and b."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Literal

import numpy as np

from freqbias.problem.density import Density
from freqbias.problem.discrete_density import DiscreteDensity
from freqbias.problem.settings import Network

ALL = slice(None)
CHUNK = 2**16  # rows drawn at a time when only some of them are kept


@dataclass(frozen=True)
class Neurons:
    """The weights of f_c(x) = 1/sqrt(m) sum_k [a_ck cos(2 pi w_k.x) + b_ck sin(2 pi w_k.x)], where c is the channel.

    frequencies: w, (m, d) [cycles/length], shared by the channels. cosine: a, (C, m). sine: b, (C, m).
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
    shard: slice = ALL,
) -> Neurons:
    """Draw the network's m = `width` neurons in double precision. The seed determines all neurons.

    If sampling = "iid", w_k ~ rho_w, a_k and b_k are normal with variance sigma_a^2, and all are independent.
    If sampling = "sobol", w_k and a phase come from one scrambled Sobol sequence. The vector (a_k, b_k) has this phase
    and the fixed squared modulus a_k^2 + b_k^2 = 2 sigma_a^2. The kernel at infinite width is the same as for "iid",
    and the sampling error at finite width is smaller.
    If the network is symmetric, neuron k + m/2 is the negative of neuron k: w is the same, and a and b have opposite
    signs. So f = 0 before training.
    shard: the slice of neurons to return. No memory is allocated for the weights of the other neurons.
    """
    signs = (1, -1) if network.symmetric else (1,)
    count = network.width // len(signs)  # neurons that are drawn; the others are their negatives
    begin, end, _ = shard.indices(network.width)
    bounds = [(max(begin - half * count, 0), min(end - half * count, count)) for half in range(len(signs))]
    pieces = [(sign, first, last) for sign, (first, last) in zip(signs, bounds, strict=True) if first < last]
    kept = slice(min(first for _, first, _ in pieces), max(last for _, _, last in pieces))
    rng = np.random.default_rng(seed)
    if network.sampling == "sobol":
        unit = unit_cube_points(rng, "sobol", count, dimension + channels, kept)
        phase = 2 * np.pi * unit[:, dimension:].T
        weights = np.sqrt(2) * network.sigma_a * np.stack([np.cos(phase), np.sin(phase)])
    else:
        unit = unit_cube_points(rng, "iid", count, dimension, kept)
        rows = [_draw_rows(rng.standard_normal, count, kept) for _ in range(2 * channels)]
        weights = network.sigma_a * np.stack(rows).reshape(2, channels, -1)
    frequencies = frequencies_from(density, unit[:, :dimension], range(kept.start, kept.stop), count)
    places = [(sign, slice(first - kept.start, last - kept.start)) for sign, first, last in pieces]
    cosine, sine = np.concatenate([sign * weights[:, :, place] for sign, place in places], axis=2)
    return Neurons(np.concatenate([frequencies[place] for _, place in places]), cosine, sine)


def frequencies_from(density: Density, unit: np.ndarray, neurons: range, count: int) -> np.ndarray:
    """Return the frequencies of these neurons out of `count`, (len(neurons), d), from points of the unit cube.

    The frequencies of a discrete density are not random: each belongs to the same number of neurons, up to one.
    """
    if isinstance(density, DiscreteDensity):
        strata = np.zeros_like(unit)
        strata[:, 0] = (np.array(neurons) + 0.5) / count
        unit = strata
    return density.from_unit_cube(unit)


def unit_cube_points(
    rng: np.random.Generator, sampling: Literal["iid", "sobol"], count: int, axes: int, kept: slice = ALL
) -> np.ndarray:
    """Draw `count` points (count, axes) in the open unit cube, and return the `kept` rows.

    The points are independent if sampling = "iid", and a scrambled Sobol sequence if sampling = "sobol".
    """
    first, last, _ = kept.indices(count)
    if sampling == "iid":
        points = _draw_rows(lambda rows: rng.random((rows, axes)), count, kept)
    else:
        from scipy.stats import qmc  # this import takes a second

        sequence = qmc.Sobol(axes, scramble=True, rng=rng)
        if first > 0:
            points = sequence.fast_forward(first).random(last - first)
        else:
            points = sequence.random_base2(int(np.ceil(log2(last))))[:last]  # Sobol points are balanced at powers of 2
    return np.clip(points, 2.0**-54, 1 - 2.0**-53)  # quantiles are infinite at 0 and 1


def _draw_rows(draw_next: Callable[[int], np.ndarray], count: int, kept: slice) -> np.ndarray:
    """Draw `count` rows in chunks, and return only the `kept` rows. draw_next(n) draws the next n rows."""
    start, stop, _ = kept.indices(count)
    chunks = []
    for first in range(0, count, CHUNK):
        rows = draw_next(min(CHUNK, count - first))
        chunks.append(rows[max(start - first, 0) : max(stop - first, 0)].copy())
    return np.concatenate(chunks)
