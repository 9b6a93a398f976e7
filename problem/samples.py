"""Samples of a target f*: the built-in waves, and resampling of the user's own arrays. Reading files:
`freqbias.problem.files`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, SMALLEST, Grid, Scattered, Sites

SPLIT, NOISE = 1, 2  # streams of random numbers beside that of the network's draw


@dataclass(frozen=True)
class Samples:
    """Values f*(x_j), shape (C, N), of C channels at N sites, in their order. Channels never mix in the equation.

    held_out: not learnt from, so that they may well be 0.
    """

    sites: Sites
    values: np.ndarray
    held_out: bool = False

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != self.sites.size:
            raise InputError(
                f"samples: values have shape {self.values.shape}; expected (channels, {self.sites.size}), one value "
                "for each site"
            )
        if not np.isfinite(self.values).all():
            bad = np.argwhere(~np.isfinite(self.values))
            channel, sample = bad[0]
            raise InputError(
                f"samples: {len(bad)} of {self.values.size} values are NaN or infinite, the first in channel {channel} "
                f"at x = {self.sites.positions()[sample].tolist()}; fill or crop them first"
            )
        if self.held_out:
            return
        if not self.values.any():
            raise InputError("samples: every value is 0; there is nothing to learn, give a target that is not zero")
        if not SMALLEST <= (peak := np.abs(self.values).max()) <= LARGEST:
            raise InputError(
                f"samples: the largest magnitude is {peak:.3g}; give the target in units in which it lies between "
                f"{SMALLEST:.0e} and {LARGEST:.0e}"
            )

    @property
    def channels(self) -> int:
        return len(self.values)

    def standardized(self, by: "Samples | None" = None) -> "Samples":
        """Each channel shifted and scaled to mean 0 and variance 1 of these samples, or of the others they are to be
        standardized `by`; raises InputError for a constant channel."""
        values = (by or self).values
        mean, deviation = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
        if (deviation <= 1e-12 * np.abs(values).max()).any():
            raise InputError("samples: a channel is constant and cannot be standardized; leave standardize out")
        return replace(self, values=(self.values - mean) / deviation)

    def split(self, share: float, seed: int) -> tuple["Samples", "Samples"]:
        """Those that are left and those that are held out, both scattered, in their order: a share of all, drawn by the
        seed. Raises InputError where that leaves fewer than two for either."""
        held_out = np.zeros(self.sites.size, dtype=bool)
        chosen = np.random.default_rng([seed, SPLIT]).permutation(self.sites.size)[: round(share * self.sites.size)]
        held_out[chosen] = True
        positions = self.sites.positions()
        return (
            Samples(Scattered(positions[~held_out]), self.values[:, ~held_out]),
            Samples(Scattered(positions[held_out]), self.values[:, held_out], held_out=True),
        )

    def with_noise(self, deviation: float, seed: int) -> "Samples":
        """Independent normal noise of this standard deviation added to every value, drawn by the seed."""
        noise = np.random.default_rng([seed, NOISE]).standard_normal(self.values.shape)
        return Samples(self.sites, self.values + deviation * noise)


def waves(grid: Grid, frequencies: Sequence[Sequence[float]], *, window: float | None = None) -> Samples:
    """f*(x) = sum_k sin(2 pi nu_k.x) exp(-|x|^2 / (2 window^2)) on the grid, one channel.

    frequencies nu_k: (K, d) [cycles/length]; window: standard deviation of the Gaussian window [length], None for none.
    """
    positions = grid.positions()
    values = np.sin(2 * np.pi * positions @ np.asarray(frequencies, dtype=float).T).sum(axis=1)
    if window is not None:
        values = values * np.exp(-np.sum(positions**2, axis=1) / (2 * window**2))
    return Samples(grid, values[None, :])


def area_average(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resample an array (n_1, ..., n_d, C) to (shape..., C): each new cell takes the average over its area of the old
    cells.

    Raises InputError where an axis would have to grow: that would invent detail.
    """
    for axis, n in enumerate(shape):
        if n > values.shape[axis]:
            raise InputError(
                f"[data] points = {list(shape)}: axis {axis + 1} of the file has only {values.shape[axis]} "
                f"points; ask for at most that many"
            )
        if n < values.shape[axis]:
            values = np.moveaxis(np.tensordot(_overlap(values.shape[axis], n), values, axes=(1, axis)), 0, axis)
    return values


def _overlap(old: int, new: int) -> np.ndarray:
    """Share of each old cell in the average over each new cell, shape (new, old); rows sum to 1."""
    old_edges, new_edges = np.linspace(0, 1, old + 1), np.linspace(0, 1, new + 1)
    upper = np.minimum(old_edges[None, 1:], new_edges[1:, None])
    lower = np.maximum(old_edges[None, :-1], new_edges[:-1, None])
    return np.clip(upper - lower, 0, None) * new
