"""TIFF files for tests, and the array that a reader must return."""

import struct

import numpy as np
import tifffile

RNG = np.random.default_rng(0)
SHAPE = (4, 6)  # rows and columns
ORIENTATIONS = {  # what a viewer shows of the rows in the file
    1: lambda rows: rows,
    2: np.fliplr,
    3: lambda rows: np.rot90(rows, 2),
    4: np.flipud,
    5: lambda rows: rows.T,
    6: lambda rows: np.rot90(rows, -1),
    7: lambda rows: np.rot90(rows, 2).T,
    8: np.rot90,
}


def written(tmp_path, values, **options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, **options)
    return path


def upright(rows):
    """(x_1, x_2, ...) from rows from the top: x_1 is the column, and x_2 counts rows from the bottom."""
    return np.array([[rows[-1 - j, i] for j in range(rows.shape[0])] for i in range(rows.shape[1])], dtype=float)


def numbers(dtype, shape=SHAPE):
    """Numbers that include the smallest and the largest of their type."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    values = RNG.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    values.flat[:2] = limits.min, limits.max
    return values


def hand_made(width, height, data, *, bits=8, more=()):
    """A TIFF file of one strip with these tags, from the specification. more: pairs of a tag and a short value."""
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 277: 1, 278: height, **dict(more)}
    entries |= {273: 8, 279: len(data)}
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(entries)) + tags + bytes(4)
