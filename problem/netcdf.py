"""netCDF files with variables over output times: those of this program, and those of others, which xarray reads."""

import warnings
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.files import why_no_file
from freqbias.problem.hdf5 import check_hdf5
from freqbias.problem.netcdf4 import Contents, Reserved, Variable, extend_netcdf4, read_netcdf4, write_netcdf4
from freqbias.problem.variables import describe_variable

if TYPE_CHECKING:
    import xarray as xr

FORMAT_VERSION = 1
NETCDF_3 = b"CDF"  # first bytes of such a file
FORMAT = "docs/formats.md describes the format"


def save_netcdf(
    path: Path,
    variables: Mapping[str, Any],
    time: np.ndarray,
    attributes: Mapping[str, Any],
    reserved: Mapping[str, Reserved] = MappingProxyType({}),
) -> dict[str, int]:
    """Write variables with units and long names, and the output times.

    variables: for each name, (dims, values). time: the output times, (T,). reserved: variables whose values are written
    later, at the places in the file that are returned, in bytes (`write_netcdf4`).
    Raises OSError if the disk is full.
    """
    unit = str(attributes.get("unit", ""))
    described = _described_variables({**variables, "time": (("time",), time)}, unit)
    later = {name: replace(each, attrs=describe_variable(name, unit)) for name, each in reserved.items()}
    return write_netcdf4(path, {**described, **later}, {**attributes, "format_version": FORMAT_VERSION})


def extend_netcdf(path: Path, variables: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    """Add variables and attributes to a file of `save_netcdf`. variables: as there."""
    extend_netcdf4(path, _described_variables(variables, str(attributes.get("unit", ""))), attributes)


def _described_variables(variables: Mapping[str, Any], unit: str) -> dict[str, Variable]:
    return {
        name: Variable(dims, np.asarray(values), describe_variable(name, unit))
        for name, (dims, values) in variables.items()
    }


def load_netcdf(
    path: Path, expected: Mapping[str, int], optional: Mapping[str, int] = MappingProxyType({})
) -> Contents:
    """Read a file with the format of `save_netcdf`.

    expected, optional: the names of the variables, each with the number of dimensions. Every file must also have the
    increasing variable `time`, and may have `loss`.
    Raises InputError if the file is not netCDF, lacks a variable, or has values that are not finite numbers.
    """
    with closing(_opened(path, {"time", "loss", *expected, *optional})) as file:
        present = {name: dims for name, dims in {"loss": 1, **optional}.items() if name in file.variables}
        wanted = {"time": 1, **expected, **present}
        for name, dims in wanted.items():
            if name not in file.variables or file[name].ndim != dims or file[name].dtype.kind not in "fiu":
                met = f": it has {_described(file[name])}" if name in file.variables else ""
                raise InputError(
                    f"{path}: there is no variable {name} with {dims} dimension(s) and numbers as values{met}; {FORMAT}"
                )
            if not file[name].size:
                raise InputError(f"{path}: variable {name} is empty: it has shape {file[name].shape}; {FORMAT}")
        data = _contents(path, file, wanted)
    for name in wanted:
        if not np.isfinite(data[name].values).all():
            raise InputError(
                f"{path}: variable {name} has values that are NaN or infinite{_where_not_finite(data, name)}; "
                "leave these times out, or write the file from a run that converged"
            )
    if not (np.diff(data["time"].values) > 0).all():
        raise InputError(
            f"{path}: the values of time do not increase; sort the output times, and give each time only once"
        )
    version = data.attrs.pop("format_version", FORMAT_VERSION)
    if not np.array_equal(version, FORMAT_VERSION):
        raise InputError(
            f"{path}: format_version = {version}, but this version of freqbias reads {FORMAT_VERSION}; use the version "
            "of freqbias that wrote this file"
        )
    return data


def _contents(path: Path, file: "xr.Dataset | Contents", names: Iterable[str]) -> Contents:
    """Read the values of these variables, which xarray does only now. Raises InputError if the file is damaged."""
    try:
        found = {name: file[name] for name in names}
        variables = {name: Variable(tuple(map(str, v.dims)), v.values, dict(v.attrs)) for name, v in found.items()}
    except Exception as failure:
        raise _unreadable(path, failure) from failure
    return Contents(variables, dict(file.attrs))


def _described(variable: "xr.DataArray | Variable") -> str:
    return f"the dimension(s) {', '.join(map(str, variable.dims)) or 'none'} and values of type {variable.dtype}"


def _where_not_finite(data: Contents, name: str) -> str:
    """Return in words the first time at which a variable has NaN or infinity, if it depends on time."""
    (time,) = data["time"].dims
    if name == "time" or time not in data[name].dims:
        return ""
    bad = ~np.isfinite(data[name].ordered(time).values)
    return f", the first at t = {data['time'].values[int(np.argwhere(bad)[0, 0])]:.6g}"


def read_netcdf(path: Path, names: Collection[str]) -> Contents:
    """Read those variables `names` that are in a netCDF file. Raises InputError as `open_netcdf` does."""
    with closing(_opened(path, names)) as file:
        return _contents(path, file, [name for name in names if name in file.variables])


def open_netcdf(path: Path) -> "xr.Dataset":
    """Open a netCDF file from anywhere: netCDF-4, which is HDF5, or netCDF-3. Times stay numbers.

    Use it in a `with` statement, because the values in files of other programs are read at their first use.
    Raises InputError if the file is not netCDF, brings in other files, or declares far more data than it holds.
    """
    import xarray as xr

    file = _opened(path, None)
    if isinstance(file, xr.Dataset):
        return file
    variables = {name: (each.dims, each.values, each.attrs) for name, each in file.variables.items()}
    return xr.Dataset(variables, attrs=file.attrs)


def _opened(path: Path, names: Collection[str] | None) -> "xr.Dataset | Contents":
    """Open a netCDF file: one of this program with the values of the variables `names`, another with xarray.

    names: None stands for all variables.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: {why_no_file(Path(path))}; give the path of a netCDF file")
    try:
        with Path(path).open("rb") as file:
            engine: Literal["scipy", "h5netcdf"] = "scipy" if file.read(3) == NETCDF_3 else "h5netcdf"
        if engine == "h5netcdf":
            check_hdf5(path)
            if (own := read_netcdf4(path, names)) is not None:
                return own
        import xarray as xr  # slow to import

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of half precision, of names and attributes that nothing here reads
            # Decoded, the unit "s" would make dates. Plain HDF5 files have no names of dimensions. A damaged netCDF-3
            # file that is mapped into memory cannot be closed, of which SciPy warns.
            options: dict[str, Any] = {"phony_dims": "access"} if engine == "h5netcdf" else {"mmap": False}
            return xr.open_dataset(path, engine=engine, decode_times=False, **options)
    except InputError as failure:
        raise InputError(f"{path}: {failure}") from None
    except Exception as failure:  # h5netcdf and HDF5 raise exceptions of any type for files that are not netCDF
        raise _unreadable(path, failure) from failure


def _unreadable(path: Path, failure: Exception) -> InputError:
    return InputError(f"{path}: the file cannot be read as netCDF: {failure}; give a netCDF file")


def check_shapes(path: Path, data: Contents, leading: dict[str, tuple[str | None, ...]]) -> None:
    """Check the lengths of the axes of variables.

    leading: for each variable and axis, the variable whose first axis must have the same length, or None.
    Raises InputError if the lengths differ.
    """
    for name, partners in leading.items():
        for axis, partner in enumerate(partners):
            if partner is not None and data[name].shape[axis] != data[partner].shape[0]:
                raise InputError(
                    f"{path}: {name} has shape {data[name].shape} and {partner} has shape {data[partner].shape}, but "
                    f"axis {axis + 1} of {name} must be as long as {partner}; {FORMAT}"
                )
    if "loss" in data.variables and data["loss"].shape != data["time"].shape:
        raise InputError(
            f"{path}: loss has shape {data['loss'].shape}; give one value for each time, or leave loss out"
        )
