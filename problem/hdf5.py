"""Functions that read arrays of MATLAB (.mat) and HDF5 (.h5, .hdf5) files by name.

Nothing outside the file is ever read: links to other files, external storage and virtual data sets are refused.
"""

import struct
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.arrays import chosen
from freqbias.problem.contents import check_size

MATLAB_NUMBERS = {
    "double",
    "single",
    "logical",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}
COMPRESSED = 15  # the type of a packed element of a .mat file
NUMBERS = range(6, 16)  # the classes from double to uint64
LONGEST_NAME = 2**16
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
    from scipy.io import loadmat, whosmat

    with path.open("rb") as file:
        file.seek(512)
        is_hdf5 = file.read(8) == HDF5_SIGNATURE
    if is_hdf5:
        with h5py.File(path) as archive:
            values = _read(path, archive, key, dimension, reverse=True)
    else:
        _refuse_excess(path)
        shapes = {name: shape for name, shape, kind in whosmat(str(path), appendmat=False) if kind in MATLAB_NUMBERS}
        key = chosen(path, key, list(shapes))
        check_size(path, shapes[key], dimension)
        values = loadmat(str(path), variable_names=[key], appendmat=False)[key]
    return values.ravel() if values.ndim == 2 and 1 in values.shape else values


def _refuse_excess(path: Path) -> None:
    """Raise ValueError if a packed array of numbers unpacks to more than its shape declares.

    In such an array, flags of 16 bytes and the shape follow a tag of 8 bytes. SciPy unpacks all of it at once.
    """
    content, place = path.read_bytes(), 128
    order = "<" if content[126:128] == b"IM" else ">"
    while place + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, place)
        packed, place = content[place + 8 : place + 8 + size], place + 8 + size
        if kind != COMPRESSED:
            continue
        unpacker = zlib.decompressobj()
        head = unpacker.decompress(packed, 512)
        flags, bytes_of_shape = struct.unpack_from(f"{order}8xI8xI", head, 8)
        if flags & 0xFF not in NUMBERS:
            continue
        shape = struct.unpack_from(f"{order}{min(bytes_of_shape // 4, 32)}i", head, 32)
        most, unpacked = 16 * prod(shape) + LONGEST_NAME, len(head)
        while unpacked <= most and (more := unpacker.decompress(unpacker.unconsumed_tail, 2**20)):
            unpacked += len(more)
        if unpacked > most:
            raise ValueError("an array unpacks to more than its shape declares")


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
