"""Functions that read arrays of MATLAB (.mat) and HDF5 (.h5, .hdf5) files by name. Nothing outside the file is read."""

from pathlib import Path
from typing import Any

import numpy as np

from freqbias.problem.arrays import chosen
from freqbias.problem.contents import check_size
from freqbias.problem.hdf5 import check_hdf5
from freqbias.problem.matlab import read_matlab
from freqbias.problem.section import error_prefix

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_hdf5(path: Path, key: str | None, dimension: int | None) -> np.ndarray:
    """Return a data set. key: its path in the file, "group/name"."""
    return _read(path, key, dimension)


def read_mat(path: Path, key: str | None, dimension: int | None) -> np.ndarray:
    """Return an array of MATLAB, with axes in MATLAB's order. A matrix with one row or column has one axis.

    Objects, cells, structs and sparse matrices are never read. Version 7.3 is HDF5 and stores the axes in reverse.
    """
    with path.open("rb") as file:
        file.seek(512)
        is_hdf5 = file.read(8) == HDF5_SIGNATURE
    values = _read(path, key, dimension, reverse=True) if is_hdf5 else read_matlab(path, key, dimension)
    return values.ravel() if values.ndim == 2 and 1 in values.shape else values


def _read(path: Path, key: str | None, dimension: int | None, *, reverse: bool = False) -> np.ndarray:
    import h5py

    with error_prefix(f"path = {str(path)!r}: "):
        check_hdf5(path)
    with h5py.File(path, "r") as file:
        dataset = file[chosen(path, key if key is None else key.strip("/"), _names(file))]
        check_size(path, dataset.shape[::-1] if reverse else dataset.shape, dimension)
        values = np.asarray(dataset[()])
    return values.T if reverse else values


def _names(file: Any) -> list[str]:
    """Return the names of all data sets of numbers. Links are not followed."""
    names: list[str] = []

    def add(name: str, item: Any) -> None:
        is_array = getattr(item, "shape", None) is not None and item.dtype.kind in "fiub"
        if is_array and not name.startswith("#") and "MATLAB_empty" not in item.attrs:
            names.append(name)

    file.visititems(add)
    return names
