"""Samples of the target f*, synthetic waves, and operations on samples. `freqbias.problem.files` reads data files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, SMALLEST, Grid, Scattered, Sites, check_kind, subset
from freqbias.problem.held_out import choose_held_out
from freqbias.problem.normalisation import Normalisation
from freqbias.problem.summary import counted

NOISE_STREAM = 2  # a random stream that is independent of the streams for the network and the held-out samples


@dataclass(frozen=True)
class Samples:
    """Values f*(x_j) of C channels at N sites.

    sites: the positions x_j: a grid, a part of a grid, or scattered points.
    values: (C, N), in the order of the sites. The equation treats each channel separately.
    held_out: whether these samples are used only for the held-out error. If so, all values may be 0.
    normalisation: how values and positions differ from those of the user. By default they do not.
    Raises InputError if an axis of the grid has a single point, if the values have another shape, are not real numbers,
    or contain NaN or infinity, or if training values are all 0, too small or too large.
    """

    sites: Sites
    values: np.ndarray
    held_out: bool = False
    normalisation: Normalisation = None  # type: ignore[assignment]  # __post_init__ fills it in

    def __post_init__(self) -> None:
        remedy = "Samples(sites, values), with a Grid or Scattered sites, and an array (channels, samples)"
        check_kind("Samples: sites", self.sites, Sites, remedy=remedy)
        if (lattice := self.sites.lattice) is not None and min(lattice.shape) < 2:
            # Cell sizes and folded laws are relative to the width of the samples, which would be 0.
            raise InputError(
                f"samples: the grid has the shape {lattice.shape}; give at least 2 points on every axis, or leave the "
                "axis out"
            )
        values = np.asarray(self.values)
        if values.dtype.kind not in "fiub":
            raise InputError(f"samples: the values have the type {values.dtype}; give real numbers")
        object.__setattr__(self, "values", values.astype(float, copy=False))
        if self.values.ndim != 2 or self.values.shape[1] != self.sites.size:
            raise InputError(
                f"samples: values have shape {self.values.shape}; give shape (channels, {self.sites.size}), one value "
                "for each site and channel"
            )
        if not np.isfinite(self.values).all():
            bad = np.argwhere(~np.isfinite(self.values))
            channel, sample = bad[0]
            verb = "is" if len(bad) == 1 else "are"
            raise InputError(
                f"samples: {len(bad)} of {self.values.size} values {verb} NaN or infinite, the first in channel "
                f"{channel + 1} of {len(self.values)} at x = {self.sites.positions()[sample].tolist()}; fill or crop "
                "these values"
            )
        if self.normalisation is None:
            object.__setattr__(self, "normalisation", Normalisation.identity(len(self.values), self.sites.dimension))
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

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return values that the network sees or predicts, (..., C, n), in the user's units: `standardize` undone."""
        return self.normalisation.restore(values)

    def prediction(self, error: np.ndarray) -> np.ndarray:
        """Return the output of the network in the user's units, f = f* + u with `standardize` undone, (..., C, N).

        error: u on these samples, (..., C, N), as in `ErrorHistory.error`.
        """
        return self.restore(self.values + error)

    def original_positions(self) -> np.ndarray:
        """Return the positions of the user, (N, d) [length]: `center` undone."""
        return self.normalisation.restore_positions(self.sites.positions())

    def centered(self, reference: "Samples | None" = None) -> "Samples":
        """Shift the positions so that the centre of the box around the samples is x = 0.

        reference: the samples whose box is used. By default they are these samples.
        Raises InputError for samples on a grid, which are centred already.
        """
        if self.sites.lattice is not None:
            raise InputError("samples: the samples of a grid are centred already; leave center out")
        box = (reference or self).sites.positions()
        shift = (box.min(axis=0) + box.max(axis=0)) / 2
        total = tuple((np.array(self.normalisation.position_shift) + shift).tolist())
        moved = replace(self.normalisation, position_shift=total)
        return replace(self, sites=Scattered(self.sites.positions() - shift), normalisation=moved)

    def standardized(self, reference: "Samples | None" = None) -> "Samples":
        """Shift and scale each channel to mean 0 and variance 1.

        reference: the samples whose mean and variance are used. By default they are these samples.
        Raises InputError for a constant channel.
        """
        values = (reference or self).values
        mean, deviation = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
        if (constant := deviation[:, 0] <= 1e-12 * np.abs(values).max()).any():
            raise InputError(
                f"samples: channel {int(constant.argmax()) + 1} of {len(values)} is constant and cannot be "
                "standardized; leave standardize out, or leave this channel out"
            )
        scaled = replace(
            self.normalisation,
            value_mean=tuple(self.restore(mean)[:, 0].tolist()),
            value_scale=tuple((np.array(self.normalisation.value_scale) * deviation[:, 0]).tolist()),
        )
        return replace(self, values=(self.values - mean) / deviation, normalisation=scaled)

    def split(self, fraction: float, seed: int) -> tuple["Samples", "Samples"]:
        """Return the training samples and the held-out samples, both in the original order.

        The samples of a grid give two parts of that grid.
        fraction: the fraction of the samples that is held out. The seed determines which samples these are.
        Raises InputError if one of the two sets has fewer than two samples.
        """
        return self.split_at(choose_held_out(fraction, self.sites, seed))

    def split_at(self, held_out: np.ndarray) -> tuple["Samples", "Samples"]:
        """Return the training samples and the held-out samples. held_out: whether each sample is held out, (N,)."""
        for chosen, purpose in ((~held_out, "training"), (held_out, "the held-out error")):
            if (count := int(chosen.sum())) < 2:
                raise InputError(
                    f"{counted(count, 'sample')} of {held_out.size} would be left for {purpose}; at least 2 are needed"
                )
        return self.subset(np.flatnonzero(~held_out)), self.subset(np.flatnonzero(held_out), held_out=True)

    def subset(self, indices: np.ndarray, *, held_out: bool = False) -> "Samples":
        """Return the samples with these indices, (N',). Raises InputError for fewer than two samples."""
        return replace(self, sites=subset(self.sites, indices), values=self.values[:, indices], held_out=held_out)

    def with_noise(self, deviation: float, seed: int) -> "Samples":
        """Add independent normal noise with this standard deviation to every value."""
        noise = np.random.default_rng([seed, NOISE_STREAM]).standard_normal(self.values.shape)
        return replace(self, values=self.values + deviation * noise)


def waves(grid: Grid, frequencies: Sequence[Sequence[float]], *, window: float | None = None) -> Samples:
    """Sample f*(x) = sum_k sin(2 pi nu_k.x) exp(-|x|^2 / (2 window^2)) on the grid, as one channel.

    frequencies: nu_k, (K, d) [cycles/length].
    window: the standard deviation of the Gaussian window [length]. If it is None, the Gaussian factor is left out.
    Raises InputError if the frequencies have another shape, or if one is above the Nyquist frequency of the grid.
    """
    check_kind("waves: grid", grid, Grid, remedy="a Grid, for example Grid(shape=(64,), extent=(1.0,))")
    try:
        nu = np.array(frequencies, dtype=float)
    except (TypeError, ValueError):
        nu = np.array([], dtype=float)
    if nu.ndim != 2 or nu.shape[1] != grid.dimension or not nu.size:
        raise InputError(
            f"frequencies = {frequencies}; give a list of frequencies, each a list of {grid.dimension} number(s), for "
            f"example {[[1.0] * grid.dimension]}"
        )
    if not (np.abs(nu) <= grid.nyquist).all():
        raise InputError(
            f"frequencies = {frequencies}: the grid resolves frequencies up to {grid.nyquist.tolist()}, which is "
            "points/(2 extent); use more points or lower frequencies"
        )
    if window is not None and not SMALLEST <= window <= LARGEST:
        raise InputError(f"window = {window}; give a positive number, or None for waves without a window")
    positions = grid.positions()
    values = np.sin(2 * np.pi * positions @ nu.T).sum(axis=1)
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
