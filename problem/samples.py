"""Samples of the target f*, synthetic waves, and operations on samples. `freqbias.problem.files` reads data files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, SMALLEST, Grid, Sites, subset

SPLIT_STREAM, NOISE_STREAM = 1, 2  # random streams that are independent of the stream for the network


@dataclass(frozen=True)
class Samples:
    """Values f*(x_j) of C channels at N sites.

    sites: the positions x_j: a grid, a part of a grid, or scattered points.
    values: (C, N), in the order of the sites. The equation treats each channel separately.
    held_out: whether these samples are used only for the held-out error. If so, all values may be 0.
    Raises InputError if the values have another shape or contain NaN or infinity, or if training values are all 0, too
    small or too large.
    """

    sites: Sites
    values: np.ndarray
    held_out: bool = False

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != self.sites.size:
            raise InputError(
                f"samples: values have shape {self.values.shape}; give shape (channels, {self.sites.size}), one value "
                "for each site and channel"
            )
        if not np.isfinite(self.values).all():
            bad = np.argwhere(~np.isfinite(self.values))
            channel, sample = bad[0]
            raise InputError(
                f"samples: {len(bad)} of {self.values.size} values are NaN or infinite, the first in channel {channel} "
                f"at x = {self.sites.positions()[sample].tolist()}; fill or crop these values"
            )
        if self.held_out:
            return
        if not self.values.any():
            raise InputError("samples: every value is 0; give a target that is not zero everywhere")
        if not SMALLEST <= (peak := np.abs(self.values).max()) <= LARGEST:
            raise InputError(
                f"samples: the largest magnitude is {peak:.3g}; choose units in which it lies between "
                f"{SMALLEST:.0e} and {LARGEST:.0e}"
            )

    @property
    def channels(self) -> int:
        return len(self.values)

    def standardized(self, reference: "Samples | None" = None) -> "Samples":
        """Shift and scale each channel to mean 0 and variance 1.

        reference: the samples whose mean and variance are used. By default they are these samples.
        Raises InputError for a constant channel.
        """
        values = (reference or self).values
        mean, deviation = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
        if (deviation <= 1e-12 * np.abs(values).max()).any():
            raise InputError("samples: a channel is constant and cannot be standardized; leave standardize out")
        return replace(self, values=(self.values - mean) / deviation)

    def split(self, fraction: float, seed: int) -> tuple["Samples", "Samples"]:
        """Return the training samples and the held-out samples, both in the original order.

        The samples of a grid give two parts of that grid.
        fraction: the fraction of the samples that is held out. The seed determines which samples these are.
        Raises InputError if one of the two sets has fewer than two samples.
        """
        held_out = np.zeros(self.sites.size, dtype=bool)
        chosen = np.random.default_rng([seed, SPLIT_STREAM]).permutation(self.sites.size)
        held_out[chosen[: round(fraction * self.sites.size)]] = True
        return self.subset(np.flatnonzero(~held_out)), self.subset(np.flatnonzero(held_out), held_out=True)

    def subset(self, indices: np.ndarray, *, held_out: bool = False) -> "Samples":
        """Return the samples with these indices, (N',). Raises InputError for fewer than two samples."""
        return Samples(subset(self.sites, indices), self.values[:, indices], held_out)

    def with_noise(self, deviation: float, seed: int) -> "Samples":
        """Add independent normal noise with this standard deviation to every value."""
        noise = np.random.default_rng([seed, NOISE_STREAM]).standard_normal(self.values.shape)
        return Samples(self.sites, self.values + deviation * noise)


def waves(grid: Grid, frequencies: Sequence[Sequence[float]], *, window: float | None = None) -> Samples:
    """Sample f*(x) = sum_k sin(2 pi nu_k.x) exp(-|x|^2 / (2 window^2)) on the grid, as one channel.

    frequencies: nu_k, (K, d) [cycles/length].
    window: the standard deviation of the Gaussian window [length]. If it is None, the Gaussian factor is left out.
    """
    positions = grid.positions()
    values = np.sin(2 * np.pi * positions @ np.asarray(frequencies, dtype=float).T).sum(axis=1)
    if window is not None:
        values = values * np.exp(-np.sum(positions**2, axis=1) / (2 * window**2))
    return Samples(grid, values[None, :])


def area_average(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resample an array (n_1, ..., n_d, C) to (shape..., C). Each new value is the average over the new cell.

    Raises InputError if an axis would have more points than before, since their values would be invented.
    """
    for axis, n in enumerate(shape):
        if n > values.shape[axis]:
            raise InputError(
                f"[data] points = {list(shape)}: axis {axis + 1} of the file has only {values.shape[axis]} points; "
                f"use at most {values.shape[axis]} points"
            )
        if n < values.shape[axis]:
            values = np.moveaxis(np.tensordot(_overlap(values.shape[axis], n), values, axes=(1, axis)), 0, axis)
    return values


def _overlap(old: int, new: int) -> np.ndarray:
    """Return the weight of each old cell in the average over each new cell, (new, old). Each row sums to 1."""
    old_edges, new_edges = np.linspace(0, 1, old + 1), np.linspace(0, 1, new + 1)
    upper = np.minimum(old_edges[None, 1:], new_edges[1:, None])
    lower = np.maximum(old_edges[None, :-1], new_edges[:-1, None])
    return np.clip(upper - lower, 0, None) * new
