"""Write the values of a network as netCDF, as a table, as an array, or as a picture."""

import csv
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import xarray as xr

from freqbias.errors import InputError

COLOURS = "viridis"  # of values that are no image
FULL = 1 + 1e-9  # the largest value of an image


def write_values(data: xr.Dataset, path: Path, ending: str) -> None:
    """Write the result of `evaluate` to a file. ending: of ENDINGS, whatever the name of the file ends in.

    Raises InputError if the values cannot be a picture.
    """
    ENDINGS[ending](data, path)


def _write_netcdf(data: xr.Dataset, path: Path) -> None:
    data.to_netcdf(path, engine="h5netcdf")


def _write_table(data: xr.Dataset, path: Path) -> None:
    """A row for each position: x_1, ..., and `value`, or value_1, ... for several channels."""
    value, axes = data["value"], [name for name in data.coords if str(name).startswith("x_")]
    names = ["value"] if value.sizes["channel"] == 1 else [f"value_{c + 1}" for c in range(value.sizes["channel"])]
    columns = np.broadcast_arrays(*(data[axis].variable.set_dims(value.isel(channel=0).sizes) for axis in axes))
    rows = np.stack([*(column.ravel() for column in columns), *(row.values.ravel() for row in value)], axis=1)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*axes, *names])
        table.writerows(map(repr, row) for row in rows.tolist())


def _write_array(data: xr.Dataset, path: Path) -> None:
    """The channels are the last axis, as in a data file."""
    with path.open("wb") as file:  # np.save would add an ending
        np.save(file, np.moveaxis(data["value"].values, 0, -1), allow_pickle=False)


def _write_picture(data: xr.Dataset, path: Path) -> None:
    """One pixel for each point, with x_1 to the right and x_2 up: the image itself if it is one, else colours."""
    from PIL import Image

    value = data["value"]
    channels = value.sizes["channel"]
    if value.dims[1:] != ("x_1", "x_2") or channels not in (1, 3):
        raise InputError("a picture needs a grid of points in 2-D, and one or three channels; write .nc, .csv or .npy")
    low, high = value.attrs["valid_range"]
    is_image = low >= 0 and high <= FULL
    if not is_image and channels == 3:
        raise InputError(f"three channels make a picture if they are from 0 to 1, not from {low:.3g} to {high:.3g}")
    pixels = value.values.T[::-1]  # rows from the top, (x_2, x_1, channel)
    if not is_image:
        pixels = matplotlib.colormaps[COLOURS]((pixels[..., 0] - low) / max(high - low, np.finfo(float).tiny))[..., :3]
    levels = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels).save(path, format="PNG")


ENDINGS: dict[str, Callable[[xr.Dataset, Path], None]] = {
    ".nc": _write_netcdf,
    ".csv": _write_table,
    ".npy": _write_array,
    ".png": _write_picture,
}
