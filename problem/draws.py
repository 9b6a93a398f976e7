"""Predictions for several random draws of the same network, and the band that contains a further draw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.problem.loss import squared_loss
from freqbias.problem.netcdf import check_shapes, load_netcdf, save_netcdf

ROUNDING = 1e-6
LEVEL = 0.95  # of the band, if there are enough draws


@dataclass(frozen=True)
class Band:
    """The range of a quantity over draws, which contains that of a further draw with probability `level`.

    low, high: the j-th smallest and the j-th largest of n draws. level = 1 - 2 j / (n + 1), at most LEVEL for n < 39.
    """

    low: np.ndarray
    high: np.ndarray
    level: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Band":
        """Return the band over the first axis, (n, ...) -> (...). It holds for each entry by itself."""
        count = len(values)
        order = max(1, int((count + 1) * (1 - LEVEL) / 2))
        ordered = np.sort(values, axis=0)
        return cls(ordered[order - 1], ordered[-order], 1 - 2 * order / (count + 1))

    def contains(self, values: np.ndarray) -> np.ndarray:
        """Return whether values lie in the band, up to the rounding of single precision."""
        room = ROUNDING * np.maximum(np.abs(self.low), np.abs(self.high))
        return np.asarray((values >= self.low - room) & (values <= self.high + room))


@dataclass(frozen=True)
class Draws:
    """The errors u of n draws, as their kernels predict them.

    time: (T,). error: on the training samples, (n, T, C, N). held_out_error: on the held-out samples, (n, T, C, N'), or
    None. seed: of each draw, (n,). Both errors are in single precision, and in the order of the problem's samples.
    feature_learning: |f_1 - f_0| over the spread of the draws at each time, (T,). f_0 is the linearised network of the
    first draw, and f_1 the network itself with the parameters that the linearised training reaches.
    """

    time: np.ndarray
    error: np.ndarray
    held_out_error: np.ndarray | None
    seed: np.ndarray
    feature_learning: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def loss(self) -> np.ndarray:
        """Half the mean square of the error, summed over channels, (n, T)."""
        return squared_loss(self.error.astype(float))

    @property
    def held_out_loss(self) -> np.ndarray | None:
        """Half the mean square of the held-out error, summed over channels, (n, T); None without held-out samples."""
        return None if self.held_out_error is None else squared_loss(self.held_out_error.astype(float))

    @property
    def error_over_start(self) -> np.ndarray:
        """|u(t)| / |u(0)|, (n, T)."""
        return np.sqrt(self.loss / self.loss[:, :1])

    def save(self, path: Path) -> None:
        """Write `draws.nc` with dims draw, time, channel, sample and held_out."""
        variables: dict[str, Any] = {
            "draw_error": (("draw", "time", "channel", "sample"), self.error),
            "draw_loss": (("draw", "time"), self.loss),
            "seed": (("draw",), self.seed),
            "feature_learning": (("time",), self.feature_learning),
        }
        if self.held_out_error is not None and self.held_out_loss is not None:
            variables["draw_held_out_error"] = (("draw", "time", "channel", "held_out"), self.held_out_error)
            variables["draw_held_out_loss"] = (("draw", "time"), self.held_out_loss)
        save_netcdf(path, variables, self.time, dict(self.attributes))

    @classmethod
    def load(cls, path: Path) -> "Draws":
        """Read `draws.nc`. Raises InputError if the file is not in this format."""
        data = load_netcdf(path, {"draw_error": 4, "seed": 1, "feature_learning": 1}, {"draw_held_out_error": 4})
        check_shapes(path, data, {"draw_error": ("seed", "time", None, None)})
        held_out = data["draw_held_out_error"].values if "draw_held_out_error" in data else None
        learned, attributes = data["feature_learning"].values, dict(data.attrs)
        return cls(data["time"].values, data["draw_error"].values, held_out, data["seed"].values, learned, attributes)
