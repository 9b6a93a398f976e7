"""Functions that read arrays of MATLAB (.mat) and HDF5 (.h5, .hdf5) files by name.

Nothing outside the file is ever read: links to other files, external storage and virtual data sets are refused.
"""

from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.arrays import chosen
from freqbias.problem.contents import check_size
from freqbias.problem.matlab import read_matlab

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_hdf5(path: Path, key: str | None, dimension: int | None) -> np.ndarray:
    """Return a data set. key: its path in the file, "group/name"."""
    import h5py

    with h5py.File(path) as file:
        return _read(path, file, key, dimension)


def read_mat(path: Path, key: str | None, dimension: int | None) -> np.ndarray:
    """Return an array of MATLAB, with axes in MATLAB's order. A matrix with one row or column has one axis.

    Objects, cells, structs and sparse matrices are never read. Version 7.3 is HDF5 and stores the axes in reverse.
    """
    import h5py

    with path.open("rb") as file:
        file.seek(512)
        is_hdf5 = file.read(8) == HDF5_SIGNATURE
    if is_hdf5:
        with h5py.File(path) as archive:
            values = _read(path, archive, key, dimension, reverse=True)
    else:
        values = read_matlab(path, key, dimension)
    return values.ravel() if values.ndim == 2 and 1 in values.shape else values


def _read(path: Path, file: Any, key: str | None, dimension: int | None, *, reverse: bool = False) -> np.ndarray:
    key = chosen(path, key if key is None else key.strip("/"), _names(file))
    dataset = file[key]
    if dataset.external or dataset.is_virtual:
        raise InputError(f"key = {key!r}: the values are in another file; save them in {path.name}")
    shape = dataset.shape[::-1] if reverse else dataset.shape
    check_size(path, shape, dimension)
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
