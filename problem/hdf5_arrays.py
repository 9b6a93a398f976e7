"""Functions that read arrays of MATLAB (.mat) and HDF5 (.h5, .hdf5) files by name. Nothing outside the file is read."""

from pathlib import Path
from typing import Any

import numpy as np

from freqbias.problem.arrays import chosen
from freqbias.problem.contents import Contents, check_size
from freqbias.problem.hdf5 import check_hdf5
from freqbias.problem.matlab import read_matlab
from freqbias.problem.section import error_prefix

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ATTRIBUTES = (
    "_FillValue",
    "missing_value",
    "scale_factor",
    "add_offset",
)  # of netCDF; the first two mark missing values


def read_hdf5(path: Path, key: str | None, dimension: int | None) -> Contents:
    """Return a data set. key: its path in the file, "group/name".

    Its attributes count as in netCDF: `_FillValue` and `missing_value` mark missing values, and any other value is
    scale_factor x + add_offset for the stored x. Source: CF conventions, sections 2.5.1 and 8.1.
    """
    values, numbers = _read(path, key, dimension)
    if not numbers:
        return Contents(values)
    marks = np.concatenate([np.empty(0), *(numbers[name] for name in ATTRIBUTES[:2] if name in numbers)])
    with np.errstate(over="ignore"):
        missing = np.isin(values, marks.astype(values.dtype) if values.dtype.kind == "f" else marks)
    (scale,), (offset,) = numbers.get("scale_factor", [1.0]), numbers.get("add_offset", [0.0])
    note = f"{path.name}: value = {scale:.6g} x + {offset:.6g} for a number x in the file, as its attributes say"
    return Contents(
        np.where(missing, np.nan, scale * values.astype(float) + offset),
        missing=" or ".join(f"{mark:.6g}" for mark in dict.fromkeys(marks)),
        notes=(note,) * bool((scale, offset) != (1, 0)),
    )


def read_mat(path: Path, key: str | None, dimension: int | None) -> np.ndarray:
    """Return an array of MATLAB, with axes in MATLAB's order. A matrix with one row or column has one axis.

    Objects, cells, structs and sparse matrices are never read. Version 7.3 is HDF5 and stores the axes in reverse.
    """
    with path.open("rb") as file:
        file.seek(512)
        is_hdf5 = file.read(8) == HDF5_SIGNATURE
    values = _read(path, key, dimension, reverse=True)[0] if is_hdf5 else read_matlab(path, key, dimension)
    return values.ravel() if values.ndim == 2 and 1 in values.shape else values


def _read(
    path: Path, key: str | None, dimension: int | None, *, reverse: bool = False
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the values of a data set, and those ATTRIBUTES that it has, as arrays of one axis."""
    import h5py

    with error_prefix(f"path = {str(path)!r}: "):
        check_hdf5(path)
    with h5py.File(path, "r") as file:
        dataset = file[chosen(path, key if key is None else key.strip("/"), _names(file))]
        check_size(path, dataset.shape[::-1] if reverse else dataset.shape, dimension)
        values = np.asarray(dataset[()])
        present = [name for name in ATTRIBUTES if name in dataset.attrs]
        attributes = {name: np.asarray(dataset.attrs[name], dtype=float).ravel() for name in present}
    return values.T if reverse else values, attributes


def _names(file: Any) -> list[str]:
    """Return the names of all data sets of numbers. Links are not followed. Texts of MATLAB are stored as numbers."""
    names: list[str] = []

    def add(name: str, item: Any) -> None:
        is_array = getattr(item, "shape", None) is not None and item.dtype.kind in "fiub"
        if not is_array or name.startswith("#") or "MATLAB_empty" in item.attrs:
            return
        if item.attrs.get("MATLAB_class") != b"char" and "MATLAB_sparse" not in item.parent.attrs:
            names.append(name)

    file.visititems(add)
    return names
