"""netCDF files over output times, through xarray and h5netcdf."""

import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.variables import describe_variable

if TYPE_CHECKING:
    import xarray as xr

FORMAT_VERSION = 1
FORMAT = "docs/formats.md describes the format"


def save_netcdf(path: Path, variables: dict[str, Any], time: np.ndarray, attributes: dict[str, Any]) -> None:
    """Write variables, given as (dims, values), over the output times (T,), each with its units and long name.

    Raises OSError if the disk is full. The file is made in memory, since HDF5 crashes the process when it cannot write.
    """
    import xarray as xr

    data = xr.Dataset(variables, {"time": ("time", time)}, {**attributes, "format_version": FORMAT_VERSION})
    for name, variable in data.variables.items():
        variable.attrs = describe_variable(str(name), str(attributes.get("unit", "")))
    file = io.BytesIO()
    data.to_netcdf(file, engine="h5netcdf")
    path.write_bytes(file.getbuffer())


def load_netcdf(
    path: Path, expected: Mapping[str, int], optional: Mapping[str, int] = MappingProxyType({})
) -> "xr.Dataset":
    """Read a file written by `save_netcdf`, or one like it.

    expected, optional: the variables, each with its number of dimensions. Every file also has `time`, increasing, and
    may have `loss`. Raises InputError for a file that is not netCDF, lacks a variable, or holds values that are
    not finite numbers.
    """
    import xarray as xr

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as file:  # a unit "s" must not make dates
            data = file.load()
    except Exception as failure:  # h5netcdf and HDF5 raise exceptions of any type for files that are not netCDF
        raise InputError(f"{path}: not a netCDF file: {failure}") from failure
    present = {name: dims for name, dims in {"loss": 1, **optional}.items() if name in data.variables}
    for name, dims in {"time": 1, **expected, **present}.items():
        if name not in data.variables or data[name].ndim != dims or data[name].dtype.kind not in "fiu":
            raise InputError(f"{path}: no variable {name} of numbers in {dims} dimension(s); {FORMAT}")
        if not data[name].size:
            raise InputError(f"{path}: variable {name} is empty, shape {data[name].shape}; {FORMAT}")
        if not np.isfinite(data[name].values).all():
            raise InputError(
                f"{path}: variable {name} has values that are NaN or infinite; write it from a run that converged"
            )
    if not (np.diff(data["time"].values) > 0).all():
        raise InputError(f"{path}: the values of time do not increase; sort the output times, and give each once")
    version = data.attrs.pop("format_version", FORMAT_VERSION)
    if not np.array_equal(version, FORMAT_VERSION):
        raise InputError(f"{path}: format_version = {version}; this version of freqbias reads {FORMAT_VERSION}")
    return data


def check_shapes(path: Path, data: "xr.Dataset", leading: dict[str, tuple[str | None, ...]]) -> None:
    """Check that each axis of a variable is as long as the first axis of its partner.

    leading: by variable, the partner of each axis, or None. Raises InputError.
    """
    for name, partners in leading.items():
        for axis, partner in enumerate(partners):
            if partner is not None and data[name].shape[axis] != data[partner].shape[0]:
                raise InputError(
                    f"{path}: {name} has shape {data[name].shape} and {partner} {data[partner].shape}; axis {axis + 1} "
                    f"of {name} must be as long as {partner}; {FORMAT}"
                )
    if "loss" in data.variables and data["loss"].shape != data["time"].shape:
        raise InputError(f"{path}: loss has shape {data['loss'].shape}; give one value for each time, or leave it out")
