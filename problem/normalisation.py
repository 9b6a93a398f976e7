"""The shift and the scale between the data of the user and the data that the network sees."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.netcdf4 import Contents

DIMENSIONS = {"value_mean": "channel", "value_scale": "channel", "position_shift": "axis"}  # in result files


@dataclass(frozen=True)
class Normalisation:
    """The change by `standardize` and `center`: value = value_mean + value_scale v,  position = position_shift + x.

    v and x are the values and positions that the network sees.
    value_mean, value_scale: one number for each of C channels. position_shift: one number for each axis [length].
    """

    value_mean: tuple[float, ...]
    value_scale: tuple[float, ...]
    position_shift: tuple[float, ...]

    @classmethod
    def identity(cls, channels: int, dimension: int) -> "Normalisation":
        """Return the normalisation that changes nothing."""
        return cls((0.0,) * channels, (1.0,) * channels, (0.0,) * dimension)

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return values of the network, (..., C, n), in the user's units."""
        mean, scale = np.array(self.value_mean), np.array(self.value_scale)
        return np.asarray(mean[:, None] + scale[:, None] * values)

    def restore_positions(self, positions: np.ndarray) -> np.ndarray:
        """Return positions that the network sees, (n, d), at the places where the user has them."""
        return np.asarray(positions + np.array(self.position_shift))

    def variables(self) -> dict[str, Any]:
        """Return the variables for `save_netcdf`."""
        return {name: ((axis,), np.array(getattr(self, name))) for name, axis in DIMENSIONS.items()}

    @classmethod
    def of_file(cls, path: Path, data: Contents, channels: int, dimension: int) -> "Normalisation":
        """Return the normalisation in a result file. A file of an earlier version has none, so nothing was changed.

        Raises InputError if a variable has another length than the channels or the axes.
        """
        identity = cls.identity(channels, dimension)
        given = {name: tuple(data[name].values.astype(float).tolist()) for name in DIMENSIONS if name in data}
        for name, numbers in given.items():
            if len(numbers) != len(getattr(identity, name)):
                raise InputError(
                    f"{path}: {name} has {len(numbers)} numbers; give {len(getattr(identity, name))}, one for each "
                    f"{DIMENSIONS[name]}"
                )
        return cls(**{name: given.get(name, getattr(identity, name)) for name in DIMENSIONS})
