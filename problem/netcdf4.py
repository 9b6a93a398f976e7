"""netCDF-4 files of this program, written and read with h5py: small files take xarray five times as long.

A netCDF-4 file is an HDF5 file in which dimensions are dimension scales. Source: "NetCDF-4 Format" in the NetCDF User's
Guide, appendix B.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py

PROVENANCE, OWN = "_NCProperties", "version=2,freqbias="  # the attribute that names the program that wrote the file
DIMENSION_ID, DIMENSION_IDS = "_Netcdf4Dimid", "_Netcdf4Coordinates"  # of a dimension; of all dimensions of a variable
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."
HIDDEN = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", DIMENSION_ID, DIMENSION_IDS, "_FillValue"}
DECODED = {"scale_factor", "add_offset", "missing_value", "_Unsigned", "dtype"}  # they change the meaning of the values


LARGE = 2**16  # entries


@dataclass(frozen=True)
class Variable:
    """A variable of a netCDF file. The attributes have the names that they have in xarray, whose import takes long."""

    dims: tuple[str, ...]
    values: np.ndarray
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        return self.values.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def size(self) -> int:
        return self.values.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    def ordered(self, first: str, last: str = "") -> "Variable":
        """Return the variable with one dimension in the first place, and one in the last if it is named."""
        inner = [dim for dim in self.dims if dim not in (first, last)]
        dims = (first, *inner, *([last] if last else []))
        return Variable(dims, self.values.transpose([self.dims.index(dim) for dim in dims]), self.attrs)


@dataclass(frozen=True)
class Reserved:
    """A variable of a netCDF file whose values are written later, at the place that `write_netcdf4` returns."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """Variables and attributes of a netCDF file."""

    variables: dict[str, Variable]
    attrs: dict[str, Any]

    def close(self) -> None:
        """Do nothing: no file is open. A file that xarray has opened must be closed."""

    def __contains__(self, name: str) -> bool:
        return name in self.variables

    def __getitem__(self, name: str) -> Variable:
        return self.variables[name]


def write_netcdf4(
    path: Path, variables: Mapping[str, Variable | Reserved], attributes: Mapping[str, Any]
) -> dict[str, int]:
    """Write a netCDF-4 file. NaN is the fill value of variables of floating-point numbers.

    No copy of the values is made. Returns the place in the file of the first value of each `Reserved` variable, in
    bytes. Its values have the order of C, and are undefined until they are written there.
    Raises ValueError if a dimension has two lengths, or a variable with its name has other dimensions, and OSError if
    the disk is full.
    """
    import h5py

    with _Target(path, "w+b") as target, h5py.File(target, "w", track_order=True) as file:
        file.attrs[PROVENANCE] = np.bytes_(f"{OWN}{_version()},hdf5={h5py.version.hdf5_version}")
        return _add(file, variables, attributes)


def extend_netcdf4(path: Path, variables: Mapping[str, Variable], attributes: Mapping[str, Any]) -> None:
    """Add variables and attributes to a file of `write_netcdf4`. Raises the same exceptions."""
    import h5py

    with _Target(path, "r+b") as target, h5py.File(target, "r+", track_order=True) as file:
        _add(file, variables, attributes)


def _add(
    file: "h5py.File", variables: Mapping[str, Variable | Reserved], attributes: Mapping[str, Any]
) -> dict[str, int]:
    """Add variables, with their dimensions, and attributes to a file. Return the places of `Reserved` variables."""
    present = {name: len(item) for name, item in file.items() if DIMENSION_ID in item.attrs}
    sizes = dict(present)
    for name, variable in variables.items():
        for dim, size in zip(variable.dims, variable.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise ValueError(f"dimension {dim} of variable {name} has length {size}, elsewhere {sizes[dim]}")
        if name in variable.dims and variable.dims != (name,):
            raise ValueError(f"variable {name} has the dimensions {variable.dims}, but it must have {name} only")
    new = {dim: size for dim, size in sizes.items() if dim not in present}
    ids = {dim: np.int32(file[dim].attrs[DIMENSION_ID]) for dim in present}
    ids |= {dim: np.int32(number) for number, dim in enumerate(new, len(present))}
    _set(file, attributes)
    for dim, size in new.items():
        if dim not in variables:
            file.create_dataset(dim, (size,), ">f4", track_order=True)
            file[dim].make_scale(f"{NO_VARIABLE}{size:10d}")
    places = {}
    for name, variable in variables.items():
        is_float = variable.dtype.kind == "f"
        layout = {"dcpl": _allocated()} if isinstance(variable, Reserved) else {}
        fill = np.nan if is_float else None
        dataset = file.create_dataset(name, variable.shape, variable.dtype, fillvalue=fill, track_order=True, **layout)
        if isinstance(variable, Reserved):
            places[name] = dataset.id.get_offset()
        else:
            for part in _parts(variable.values):
                dataset[part] = variable.values[part]
        _set(dataset, {**({"_FillValue": variable.dtype.type(np.nan)} if is_float else {}), **variable.attrs})
        if name in sizes:
            dataset.make_scale(name)
        dataset.attrs[DIMENSION_IDS] = np.array([ids[dim] for dim in variable.dims], np.int32)
    for dim in new:
        file[dim].attrs[DIMENSION_ID] = ids[dim]
    for name, variable in variables.items():
        for axis, dim in enumerate(variable.dims):
            if dim != name:
                file[name].dims[axis].attach_scale(file[dim])
    return places


def _allocated() -> Any:
    """Return HDF5's properties of a dataset whose place in the file is known before it has values."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties


def _parts(values: np.ndarray) -> Iterator[slice | tuple[()]]:
    """Yield parts along the first axis of a large array that is not contiguous. h5py copies what it writes of it."""
    if values.flags.c_contiguous or values.size <= LARGE:
        yield ()
        return
    step = max(1, LARGE * len(values) // values.size)
    for first in range(0, len(values), step):
        yield slice(first, first + step)


class _Target:
    """A file for h5py. It raises the error of a failed write on leaving the `with` block.

    HDF5 would end the process if it met this error.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self._file = FileIO(path, mode)  # closed by __exit__
        self._failure: OSError | None = None

    def __enter__(self) -> "_Target":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._failure is not None:
            raise self._failure

    def write(self, data: memoryview) -> int:
        try:
            view = memoryview(data)
            while self._failure is None and view:
                view = view[self._file.write(view) :]
        except OSError as failure:
            self._failure = failure
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Return the bytes that follow. h5py takes this method as the sign of a file, and calls only `readinto`."""
        return self._file.read(size)

    def readinto(self, data: memoryview) -> int:
        return self._file.readinto(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int) -> int:
        try:
            return self._file.truncate(size)
        except OSError as failure:
            self._failure = self._failure or failure
            return size

    def flush(self) -> None:
        """Do nothing: the file has no buffer."""


def _set(item: "h5py.HLObject", attributes: Mapping[str, Any]) -> None:
    """Set attributes: texts, numbers, or lists of either. A number is an array of length 1, as in all netCDF files."""
    for name, value in attributes.items():
        array = np.asarray(value)
        if array.dtype.kind == "U":
            array = array.astype(object)
        item.attrs[name] = value if isinstance(value, str) else np.atleast_1d(array)


@cache
def _version() -> str:
    try:
        return version("freqbias")
    except PackageNotFoundError:
        return "unknown"


def read_netcdf4(path: Path, names: Collection[str] | None = None) -> Contents | None:
    """Return the variables `names`, as far as they are in the file, or all. Return None for a file of another program.

    Also returns None if another program has added variables, or attributes that change the meaning of values: xarray
    knows how to read them. Raises exceptions of any type for damaged files.
    """
    import h5py

    with h5py.File(path, "r") as file:
        provenance = file.attrs.get(PROVENANCE)  # some programs write a text of variable length, which h5py decodes
        if not isinstance(provenance, bytes) or not provenance.startswith(OWN.encode()):
            return None
        datasets = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        scales = {name: item for name, item in datasets.items() if DIMENSION_ID in item.attrs}
        if any("CLASS" not in item.attrs for item in scales.values()):  # h5netcdf gives it to variables that it adds
            return None
        dims = {int(item.attrs[DIMENSION_ID]): name for name, item in scales.items()}
        variables = {}
        for name, dataset in datasets.items():
            found = set(dataset.attrs)
            is_bare_dimension = name in scales and DIMENSION_IDS not in found
            if is_bare_dimension or (names is not None and name not in names):
                continue
            if DIMENSION_IDS not in found or DECODED & found or not _has_plain_numbers(dataset):
                return None
            its_dims = tuple(dims[number] for number in dataset.attrs[DIMENSION_IDS].tolist())
            if dataset.shape != tuple(len(datasets[dim]) for dim in its_dims) or len(set(its_dims)) < dataset.ndim:
                raise ValueError(f"variable {name} has shape {dataset.shape}, but the dimensions {its_dims}")
            variables[name] = Variable(
                its_dims,
                dataset[...].astype(dataset.dtype.newbyteorder("="), copy=False),
                {key: _get(dataset.attrs[key]) for key in dataset.attrs if key not in HIDDEN},
            )
        return Contents(variables, {name: _get(file.attrs[name]) for name in file.attrs if name != PROVENANCE})


def _has_plain_numbers(dataset: "h5py.Dataset") -> bool:
    """Return whether the values are numbers, with no mark for missing ones but NaN."""
    fill = np.asarray(dataset.attrs.get("_FillValue", np.nan))
    return dataset.dtype.kind in "fiu" and fill.dtype.kind == "f" and bool(np.isnan(fill).all())


def _get(value: Any) -> Any:
    if isinstance(value, bytes):  # a text of fixed length
        return value.decode()
    return value[0] if isinstance(value, np.ndarray) and value.shape == (1,) else value
