"""A reader of MATLAB files of version 6 and 7 (MAT-file level 5), for arrays of numbers only.

A file is a header of 128 bytes and elements. An element is a tag (type, number of bytes), data, and padding to 8 bytes.
The element of an array contains elements with flags, shape, name and values. Objects, cells and structs are skipped.
SciPy's reader is not used, because damaged files crash the process there, and because it unpacks before it compares the
number of values with the shape. Source: MathWorks, MAT-File Format.
"""

import struct
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from freqbias.problem.arrays import chosen
from freqbias.problem.contents import check_size

TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
ARRAY, PACKED = 14, 15  # further types of elements
NUMBERS = range(6, 16)  # classes of arrays, from double to uint64; a logical array has the class uint8
COMPLEX = 0x800  # a bit of the flags
PADDING = 8  # bytes
HEAD = 2**14  # bytes that contain flags, shape and name of an array


class _Tag(NamedTuple):
    kind: int
    size: int
    start: int
    end: int  # with the padding


class _Array(NamedTuple):
    shape: tuple[int, ...]
    values: _Tag
    content: bytes  # the element, perhaps packed
    packed: bool


def read_matlab(path: Path, key: str | None, dimension: int | None) -> np.ndarray:
    """Return an array by its name, with the axes in MATLAB's order. Raises ValueError if the file is damaged."""
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise ValueError("this is no file of version 6, 7 or 7.3; save with -v7")
    arrays = dict(_arrays(content, order))
    array = arrays[chosen(path, key, list(arrays))]
    check_size(path, array.shape, dimension)
    dtype = np.dtype(order + TYPES[array.values.kind])
    if array.values.size != dtype.itemsize * prod(array.shape):
        raise ValueError(f"{array.values.size} bytes are not the size of an array of shape {array.shape}")
    whole = _unpack(array.content, array.values.start + array.values.size) if array.packed else array.content
    return np.frombuffer(whole, dtype, prod(array.shape), array.values.start).reshape(array.shape, order="F")


def _arrays(content: bytes, order: str) -> Iterator[tuple[str, _Array]]:
    """Yield name and description of each array of real numbers."""
    place = 128
    while place < len(content):
        tag = _tag(content, place, order)
        if tag.start + tag.size > len(content):
            raise ValueError("the end of the file is missing")
        element, packed = content[place : tag.start + tag.size], tag.kind == PACKED
        if packed:
            element = content[tag.start : tag.start + tag.size]
        place = tag.start + tag.size if packed else tag.end
        head = zlib.decompressobj().decompress(element, HEAD) if packed else element
        if (outer := _tag(head, 0, order)).kind != ARRAY:
            continue
        flags = _tag(head, outer.start, order)
        bits = struct.unpack_from(f"{order}I", head, flags.start)[0]
        if bits & 0xFF not in NUMBERS or bits & COMPLEX:
            continue
        lengths = _tag(head, flags.end, order)
        shape = struct.unpack_from(f"{order}{lengths.size // 4}i", head, lengths.start)
        name = _tag(head, lengths.end, order)
        values = _tag(head, name.end, order)
        text = head[name.start : name.start + name.size].decode("ascii")
        yield text, _Array(shape, values, element, packed)


def _tag(content: bytes, place: int, order: str) -> _Tag:
    """Return the tag at this place. Elements of at most 4 bytes have a tag of 4 bytes."""
    kind, size = struct.unpack_from(f"{order}II", content, place)
    if kind >> 16:
        return _Tag(kind & 0xFFFF, kind >> 16, place + 4, place + 8)
    return _Tag(kind, size, place + 8, place + 8 + -(-size // 8) * 8)


def _unpack(packed: bytes, size: int) -> bytes:
    """Return a packed element of this size. Raises ValueError if the element is larger or cut short."""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(packed, size)
    unpacker.decompress(unpacker.unconsumed_tail, PADDING + 1)  # at the end, zlib compares the checksum
    if not unpacker.eof:
        raise ValueError("a packed array does not have the size that its shape declares")
    return content
