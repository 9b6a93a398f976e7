"""The effect of label noise on a predicted training, and the variables that store it in result files."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from freqbias.problem.netcdf4 import Contents

NOISE_DIMENSIONS = {
    "noise_level": ("channel",),
    "clean_loss": ("time",),
    "clean_loss_standard_error": ("time",),
    "clean_loss_standard_deviation": ("time",),
    "held_out_clean_loss": ("time",),
    "held_out_clean_loss_standard_deviation": ("time",),
    "held_out_noise": ("time", "channel"),
    "prediction_noise": ("time", "channel"),
}


@dataclass(frozen=True, kw_only=True)
class NoisePrediction:
    """The expected loss against the labels without noise, and the noise in the predicted values.

    noise_level: the standard deviation s of the noise of the training samples, (C,).
    clean_loss: an unbiased estimate of the loss against the labels without noise, on the training samples, (T,).
    clean_loss_standard_error: that of the random vectors in this estimate, (T,).
    clean_loss_standard_deviation: that of the difference of clean_loss and the loss which it estimates, over normal
    noise of the labels, (T,), or None for other losses than the mean square.
    held_out_clean_loss: the held-out loss less the part of the noise in the held-out labels, (T,), or None.
    held_out_clean_loss_standard_deviation: as clean_loss_standard_deviation, over noise of the held-out labels.
    held_out_noise, prediction_noise: the standard deviation of the values f at the held-out samples and at the
    positions of `Problem.predict_at` due to the noise of the training samples, the root mean square over the positions,
    (T, C), or None.
    All values are in the units of the network.
    """

    noise_level: np.ndarray
    clean_loss: np.ndarray
    clean_loss_standard_error: np.ndarray
    clean_loss_standard_deviation: np.ndarray | None = None
    held_out_clean_loss: np.ndarray | None = None
    held_out_clean_loss_standard_deviation: np.ndarray | None = None
    held_out_noise: np.ndarray | None = None
    prediction_noise: np.ndarray | None = None

    @property
    def noise_loss(self) -> float:
        """Half the sum of s^2 over channels: the loss of the labels themselves against those without noise."""
        return 0.5 * float(np.square(self.noise_level).sum())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that are known, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in found.items() if array is not None}

    def variables(self) -> dict[str, Any]:
        """Return the variables for `save_netcdf`."""
        return {name: (NOISE_DIMENSIONS[name], array) for name, array in self.arrays().items()}

    @classmethod
    def of_file(cls, data: Contents) -> Self | None:
        """Return the prediction in a result file, or None if the file has none."""
        names = [name for name in NOISE_DIMENSIONS if name in data]
        required = {"noise_level", "clean_loss", "clean_loss_standard_error"}
        return cls(**{name: data[name].values for name in names}) if required <= set(names) else None
