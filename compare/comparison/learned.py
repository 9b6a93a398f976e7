"""The output f(x, t) = f*(x) + u(x, t) of network and equation on a grid, in the user's units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from freqbias.numerics import Grid, GridSubset, Sites, lattice_indices
from freqbias.problem import Problem, psnr, save_netcdf

SSIM_WINDOW = 7  # points on each side
SOUND_SAMPLES = 1000  # fewer samples are no sound


@dataclass(frozen=True, repr=False)
class Learned:
    """The target and what has been learnt of it, on a grid with shape n_1, ..., n_d.

    time (T,): gradient-flow time. axes: the coordinates x_i (n_i,) of the user on each axis [length].
    target: f* (C, n_1, ..., n_d), in the units of the user's file.
    fields: f(x, t) (T, C, n_1, ..., n_d) of the network ("nn") and, if known on the samples, of the equation ("pde").
    used, held_out: whether each point was used for training, and whether it is a held-out sample, (n_1, ..., n_d).
    target and fields are NaN where they are not known. At held-out samples the errors may be known or not.
    """

    time: np.ndarray
    axes: tuple[np.ndarray, ...]
    target: np.ndarray
    fields: Mapping[str, np.ndarray]
    used: np.ndarray
    held_out: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def on_grid(
        cls,
        problem: Problem,
        time: np.ndarray,
        errors: Mapping[str, np.ndarray | None],
        held_out_errors: Mapping[str, np.ndarray | None] = MappingProxyType({}),
    ) -> "Learned | None":
        """Return what was learnt, or None if the samples are neither a grid nor a part of one.

        errors, held_out_errors: u on the training samples (T, C, N) and on the held-out samples (T, C, N'), by source;
        None if unknown.
        """
        samples, held_out = problem.samples, problem.held_out
        if (grid := samples.sites.lattice) is None:
            return None
        if held_out is not None and held_out.sites.lattice != grid:
            held_out = None

        def on_axes(values: np.ndarray, more: np.ndarray | None) -> np.ndarray:
            """Return values on the whole grid, (..., N) and (..., N') -> (..., n_1, ..., n_d)."""
            whole = samples.sites.embed(values, np.nan) if isinstance(samples.sites, GridSubset) else values
            if more is not None:
                assert held_out is not None
                whole[..., _mask(held_out.sites, grid).ravel()] = more
            return whole.reshape(*values.shape[:-1], *grid.shape)

        fields = {}
        for name, error in errors.items():
            more = held_out_errors.get(name)
            learnt = None if held_out is None or more is None else held_out.prediction(more)
            if error is not None:
                fields[name] = on_axes(samples.prediction(error), learnt)
        known = None if held_out is None or not any(name in fields for name in held_out_errors) else held_out
        shift = samples.normalisation.position_shift
        return cls(
            time,
            tuple(axis + offset for axis, offset in zip(grid.axes(), shift, strict=True)),
            on_axes(samples.restore(samples.values), None if known is None else known.restore(known.values)),
            fields,
            ~np.isnan(on_axes(samples.values[0], None)),
            np.zeros(grid.shape, dtype=bool) if known is None else _mask(known.sites, grid),
            {"name": problem.name, "unit": problem.unit, "seed": problem.seed},
        )

    @property
    def dimension(self) -> int:
        return len(self.axes)

    @property
    def name(self) -> str:
        return str(self.attributes.get("name", ""))

    @property
    def is_whole(self) -> bool:
        """Whether every point of the grid was used for training."""
        return bool(self.used.all())

    @property
    def has_gaps(self) -> bool:
        """Whether target or fields are unknown at some points."""
        return any(bool(np.isnan(values).any()) for values in (self.target, *self.fields.values()))

    def psnr_held_out(self, name: str) -> np.ndarray:
        """Return `psnr` of a source over the held-out samples, (T,) [dB]; NaN if there are none."""
        return psnr(self.fields[name][..., self.held_out], self.target[..., self.held_out])

    def psnr(self, name: str) -> np.ndarray:
        """Return `psnr` of a source over the points that were used for training, (T,) [dB]."""
        return psnr(self.fields[name][..., self.used], self.target[..., self.used])

    def metrics(self) -> dict[str, np.ndarray]:
        """Return `psnr` of each source, and `ssim` of whole images with at least 7 points on each axis, (T,) each.

        `psnr_held_out` only of the sources that are known on the held-out samples.
        """
        found = {f"psnr_{name}": self.psnr(name) for name in self.fields}
        if self.held_out.any():
            ratios = {f"psnr_held_out_{name}": self.psnr_held_out(name) for name in self.fields}
            found |= {name: ratio for name, ratio in ratios.items() if not np.isnan(ratio).any()}
        if self.is_whole and self.dimension == 2 and min(self.target.shape[1:]) >= SSIM_WINDOW:
            found |= {f"ssim_{name}": ssim(values, self.target) for name, values in self.fields.items()}
        return found

    def save(self, path: Path) -> None:
        """Write `learned.nc`, with the dimensions time, channel, x1, x2, x3, and NaN where a value is not known."""
        dims = tuple(f"x{i + 1}" for i in range(self.dimension))
        variables: dict[str, Any] = {dim: ((dim,), axis) for dim, axis in zip(dims, self.axes, strict=True)}
        variables["target"] = (("channel", *dims), self.target)
        variables |= {name: (dims, getattr(self, name).astype(np.int8)) for name in ("used", "held_out")}
        variables |= {name: (("time", "channel", *dims), values) for name, values in self.fields.items()}
        save_netcdf(path, variables, self.time, dict(self.attributes))

    @property
    def is_sound(self) -> bool:
        """Whether the samples are a sound: many samples over time in seconds."""
        return self.dimension == 1 and self.attributes.get("unit") == "s" and len(self.axes[0]) >= SOUND_SAMPLES

    def save_sound(self, path: Path, name: str) -> None:
        """Write f(x, T) of a source at the last time T as a .wav file, in which the largest |f*| is 1.

        All points must have been used for training (`is_whole`).
        """
        from scipy.io import wavfile

        rate = round((len(self.axes[0]) - 1) / float(self.axes[0][-1] - self.axes[0][0]))
        values = self.fields[name][-1] / (np.abs(self.target).max() or 1.0)
        wavfile.write(path, max(1, rate), values.T.astype(np.float32))


def _mask(sites: Sites, grid: Grid) -> np.ndarray:
    mask = np.zeros(grid.shape, dtype=bool)
    mask.flat[lattice_indices(sites)] = True
    return mask


def ssim(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the structural similarity of images, averaged over the image and the channels, (T,).

    values: f (T, C, n_1, n_2). target: f* (C, n_1, n_2). The windows have 7 x 7 points, and the dynamic range is
    max f* - min f* over all channels. NaN for a constant target. Source: Wang, Bovik, Sheikh, Simoncelli, Image quality
    assessment, IEEE Transactions on Image Processing 13 (2004).
    """
    from skimage.metrics import structural_similarity

    if not (peak := float(np.ptp(target))):
        return np.full(len(values), np.nan)
    return np.array(
        [structural_similarity(target, each, win_size=SSIM_WINDOW, data_range=peak, channel_axis=0) for each in values]
    )
