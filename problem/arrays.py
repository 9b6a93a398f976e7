"""Functions that read arrays of NumPy and raw numbers. Pickled objects are never loaded."""

import io
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.contents import check_size

LONGEST_HEADER = 20_000  # bytes; NumPy reads at most 10,000, but unpacks all bytes that the header asks for


def read_npy(path: Path, dimension: int | None) -> np.ndarray:
    with path.open("rb") as file:
        return _read_array(path, file, dimension)


def read_npz(path: Path, key: str | None, dimension: int | None) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
        with archive.open(names[chosen(path, key, list(names))]) as file:
            return _read_array(path, file, dimension)


def read_raw(path: Path, dtype: str | None, dimension: int | None) -> np.ndarray:
    if dtype is None:
        raise InputError(
            f'dtype is missing: {path.name} is raw binary; give the number type, for example dtype = "float32"'
        )
    count, rest = divmod(path.stat().st_size, np.dtype(dtype).itemsize)
    if rest:
        raise InputError(
            f"dtype = {dtype!r}: the file size of {path.name}, {path.stat().st_size} bytes, is not a multiple of the "
            "size of this number type; use another dtype"
        )
    check_size(path, (count,), dimension)
    return np.fromfile(path, dtype=dtype)


def chosen(path: Path, key: str | None, names: list[str]) -> str:
    """Return the name of the array that `key` chooses. A file with a single array needs no key."""
    if key is None and len(names) == 1:
        return names[0]
    if not names:
        raise InputError(f"path = {str(path)!r}: the file contains no arrays of numbers; give a file with an array")
    if key not in names:
        met = "is missing" if key is None else f"= {key!r} is not in {path.name}"
        raise InputError(f"key {met}; use one of {', '.join(names)}")
    return key


def _read_array(path: Path, file: IO[bytes], dimension: int | None) -> np.ndarray:
    """Return the array of a .npy file. The header is checked before the values are unpacked."""
    header = io.BytesIO(file.read(LONGEST_HEADER))
    version = np.lib.format.read_magic(header)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(header)
    if not dtype.hasobject and dtype.kind not in "fiub":
        raise InputError(f"path = {str(path)!r}: the file holds {dtype} values; convert them to real numbers")
    check_size(path, shape, dimension)
    file.seek(0)
    values: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(1):  # at the end of the file, zipfile compares the checksum
        raise ValueError("more bytes follow the array; save a single array")
    return values
