"""Files with the errors of a network, in the format of `error.nc`, which users also write themselves."""

from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST
from freqbias.problem.netcdf import check_shapes, load_netcdf
from freqbias.problem.netcdf4 import Contents
from freqbias.problem.noise_prediction import NOISE_DIMENSIONS
from freqbias.problem.normalisation import DIMENSIONS
from freqbias.problem.summary import counted
from freqbias.problem.targets import TARGET_DIMENSIONS

UNNAMED = "phony_dim"  # h5netcdf names the dimensions of plain HDF5 files by their lengths, which says nothing


def load_errors(path: Path) -> Contents:
    """Read and check a file with the format of `error.nc`. Named dimensions may have any order.

    Raises InputError if the file is not in this format, if values are too large or not finite, or if the times are not
    increasing numbers from 0 on.
    """
    optional = {name: len(dims) for name, dims in TARGET_DIMENSIONS.items()}
    optional |= {"step_time": 1} | dict.fromkeys(DIMENSIONS, 1)
    optional |= {name: len(dims) for name, dims in NOISE_DIMENSIONS.items()}
    data = load_netcdf(path, {"position": 2, "error": 3}, optional=optional)
    _check_times(path, data)
    data = _in_order(data)
    check_shapes(path, data, {"error": ("time", None, "position")})
    timed = [name for name, dims in NOISE_DIMENSIONS.items() if name in data and dims[0] == "time"]
    check_shapes(path, data, {name: ("time", None)[: data[name].ndim] for name in timed})
    for names in (("held_out_position", "held_out_error"), ("point_position", "prediction")):
        _check_targets(path, data, *names)
    if not (peak := float(np.abs(data["error"].values.astype(float)).max())) <= LARGEST:
        raise InputError(
            f"{path}: variable error reaches {peak:.3g}, above {LARGEST:.0e}; write it from a run that converged"
        )
    return data


def _check_targets(path: Path, data: Contents, position: str, values: str) -> None:
    found = [name for name in (position, values) if name in data]
    if len(found) == 1:
        raise InputError(f"{path}: {found[0]} is there alone; give {position} and {values}, or neither")
    if not found:
        return
    check_shapes(path, data, {values: ("time", None, position)})
    channels, expected = data[values].shape[1], data["error"].shape[1]
    if channels != expected:
        raise InputError(
            f"{path}: {values} has {counted(channels, 'channel')}, but error has {expected}; give the same channels"
        )


def _in_order(data: Contents) -> Contents:
    """Return the contents with the dimensions (time, channel, sample) of `error`, and (sample, axis) of `position`.

    The names tell which dimension is which: `error` shares one with `time` and one with `position`. The same holds for
    the values and positions of `Targets`. Dimensions without common names stay as they are.
    """
    variables = dict(data.variables)
    for error, position in (
        ("error", "position"), ("held_out_error", "held_out_position"), ("prediction", "point_position"),
    ):  # fmt: skip
        if error not in data or position not in data:
            continue
        (time,), names = data["time"].dims, data[error].dims
        if any(str(name).startswith(UNNAMED) for name in (*names, *data[position].dims)):
            continue
        samples = [name for name in data[position].dims if name in names and name != time]
        if time in names and len(samples) == 1:
            variables[error] = data[error].ordered(time, samples[0])
            variables[position] = data[position].ordered(samples[0])
    return Contents(variables, data.attrs)


def _check_times(path: Path, data: Contents) -> None:
    """Raise InputError if the times are dates or durations, or begin before 0.

    Libraries write dates with a calendar, and durations with a type. A number with any other unit is a number.
    """
    time = data["time"]
    unit = str(time.attrs.get("units", ""))
    if "calendar" in time.attrs or str(time.attrs.get("dtype", "")).startswith("timedelta"):
        raise InputError(
            f"{path}: time has the unit {unit!r}, so its values are dates or durations; give gradient-flow times as "
            "plain numbers without this unit: step s of size eta is at t = s eta"
        )
    if (start := float(time.values[0])) < 0:
        raise InputError(f"{path}: time begins at {start:.6g}; gradient-flow time begins at 0")
