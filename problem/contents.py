"""The content of a data file, and the largest size of the content."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.data_settings import MOST_SAMPLES

MOST_VALUES = 4 * MOST_SAMPLES  # in all channels; as float64 they need 3.2 GB


@dataclass(frozen=True)
class Contents:
    """The array in a data file, and what the file says about the array.

    values: (n_1, ..., n_d), or (n_1, ..., n_d, C) with channels. Missing values are NaN.
    dimension: d, or None if the format leaves d open, as .npy does.
    spacing: the distance between neighbouring values along each axis, (d,), or None if the file does not state it.
    unit: the unit of the spacing, or "" if unknown.
    missing: how the file marks missing values, for messages. notes: what was left out, for the log.
    """

    values: np.ndarray
    dimension: int | None = None
    spacing: tuple[float, ...] | None = None
    unit: str = ""
    missing: str = ""
    notes: tuple[str, ...] = ()


def check_size(path: Path, shape: tuple[int, ...], dimension: int | None = None) -> None:
    """Refuse an array that is too large, before anything is unpacked.

    shape: the shape in the header of the file. dimension: d, if the axes after the first d are those of the channels.
    A small file can declare any shape, because zeros compress well.
    """
    if min(shape, default=0) < 0:
        raise ValueError(f"the header states the shape {shape}")
    if prod(shape[:dimension]) > MOST_SAMPLES or prod(shape) > MOST_VALUES:
        size = f"{8 * prod(shape) / 2**30:,.1f} GiB"
        raise InputError(
            f"path = {str(path)!r}: the array has {' x '.join(f'{n:,}' for n in shape)} values, which need {size} of "
            f"memory; crop or average the data to at most {MOST_SAMPLES:,} samples"
        )
