"""Predictions for several random draws of the same network, and the band that contains a further draw."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.problem.ensemble import Ensemble
from freqbias.problem.netcdf import check_shapes, load_netcdf, save_netcdf

DRAW_ACCURACY = 1e-4  # of the predicted u relative to |u(0)|, far below the differences of draws
# Feature learning, in standard deviations of draws, that a band may ignore. If ln |u| is normal, the band of 95 % then
# contains at least 92 % of trained networks. Measured: see `benchmarks/coverage.py`.
SMALL_FEATURE_LEARNING = 0.5
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

    def contains(self, values: np.ndarray, *, accuracy: float | np.ndarray = 0.0) -> np.ndarray:
        """Return whether values lie in the band, up to the accuracy of the band."""
        return np.asarray((values >= self.low - accuracy) & (values <= self.high + accuracy))


@dataclass(frozen=True)
class Draws(Ensemble):
    """The errors u of n draws of the network, each as its own kernel predicts them, and what `Ensemble` holds.

    seed: of each draw, (n,).
    log_error_change: the change of ln |u| of the first draw by feature learning, (T,); NaN in files that lack it.
    distance: |u - u_inf| / |u(0)| of each draw at each time, (n, T), where u_inf is the error at infinite width with
    the same start; None in files that lack it.
    """

    seed: np.ndarray
    log_error_change: np.ndarray
    distance: np.ndarray | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def error_over_start(self) -> np.ndarray:
        """|u(t)| / |u(0)|, (n, T)."""
        return np.sqrt(self.loss / self.loss[:, :1])

    @property
    def feature_learning(self) -> np.ndarray:
        """The change of ln |u| by feature learning, over the standard deviation of ln (|u(t)| / |u(0)|) of draws, (T,).

        A negative number means that trained networks have smaller errors than the band says.
        """
        spread = 0.5 * np.log(self.error_over_start**2 + DRAW_ACCURACY**2).std(axis=0, ddof=1)
        change = self.log_error_change
        return np.divide(change, spread, out=np.zeros_like(change), where=spread > 0)

    def save(self, path: Path) -> None:
        """Write `draws.nc` with dims draw, time, channel, sample and held_out."""
        variables: dict[str, Any] = {
            "draw_error": (("draw", "time", "channel", "sample"), self.error),
            "draw_loss": (("draw", "time"), self.loss),
            "seed": (("draw",), self.seed),
        }
        if np.isfinite(self.log_error_change).all():
            variables["log_error_change"] = (("time",), self.log_error_change)
        if self.distance is not None:
            variables["distance_from_infinite_width"] = (("draw", "time"), self.distance)
        if self.held_out_error is not None and self.held_out_loss is not None:
            variables["draw_held_out_error"] = (("draw", "time", "channel", "held_out"), self.held_out_error)
            variables["draw_held_out_loss"] = (("draw", "time"), self.held_out_loss)
        save_netcdf(path, variables, self.time, dict(self.attributes))

    @classmethod
    def load(cls, path: Path) -> "Draws":
        """Read `draws.nc`. Raises InputError if the file is not in this format."""
        optional = {"draw_held_out_error": 4, "log_error_change": 1, "distance_from_infinite_width": 2}
        data = load_netcdf(path, {"draw_error": 4, "seed": 1}, optional)
        check_shapes(path, data, {"draw_error": ("seed", "time", None, None)})
        held_out, change, distance = (data[name].values if name in data else None for name in optional)
        time = data["time"].values
        change = np.full(len(time), np.nan) if change is None else change
        return cls(
            time,
            data["draw_error"].values,
            held_out,
            data["seed"].values,
            change,
            distance,
            attributes=dict(data.attrs),
        )


def feature_learning_warning(time: np.ndarray, feature_learning: np.ndarray) -> str | None:
    """Return a warning if the band leaves out more feature learning than SMALL_FEATURE_LEARNING, otherwise None.

    feature_learning: as in `Draws`, (T,).
    """
    size = np.abs(feature_learning)
    if not (size > SMALL_FEATURE_LEARNING).any():
        return None
    first, most = int((size > SMALL_FEATURE_LEARNING).argmax()), int(np.nanargmax(size))
    deviations = f"{float(f'{size[most]:.2g}'):,g}"
    verb = "raises" if feature_learning[most] > 0 else "lowers"
    return (
        f"from t = {time[first]:.4g} on, fewer trained networks lie in the band than its level says: feature learning "
        f"{verb} the error by {deviations} standard deviations of the draws at t = {time[most]:.4g}, and more than "
        f"{SMALL_FEATURE_LEARNING:g} is too much; use a larger [network] width, or an earlier [time] end"
    )
