"""Files that are made to mislead, to fill the memory, to run commands, or to never end."""

import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import numpy as np


def _npy_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@cache
def _png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 10**7, 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


@cache
def _zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w", force_zip64=True) as a:
        a.write(_npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (200000000,)}"))
        for _ in range(160):
            a.write(b"\0" * 10**7)
    return file.getvalue()


class _Command:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch EXECUTED",)


def _pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([_Command()], dtype=object), allow_pickle=True)
    return file.getvalue()


def _huge_hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as data:
        data.create_dataset("error", (10**6, 1, 10**6), "f8", chunks=(1, 1, 1000))
        data.create_dataset("a", (10**6, 10**6), "f8", chunks=(1, 1000))
    return file.getvalue()


def _linked_hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as data:
        for name in ("a", "error", "position", "time"):
            data[name] = h5py.ExternalLink("secret.h5", "/a")
    return file.getvalue()


@cache
def _gzip_bomb() -> bytes:
    return zlib.compress(zlib.compress(b"\0" * 10**8, 9), 9, wbits=31)


def _xml_bomb() -> bytes:
    entities = "".join(f'<!ENTITY {x} "{f"&{y};" * 10}">' for x, y in zip("bcdefghij", "abcdefghi", strict=True))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">{entities}]><VTKFile>&j;</VTKFile>'.encode()


HOSTILE: dict[str, bytes | Callable[[], bytes]] = {  # what takes long to write is written once it is needed
    "empty": b"",
    "zeros": b"\0" * 10_000,
    "blanks": b" " * 10**6,
    "lines": b"\n" * 10**6,
    "one long line": b"1," * 10**6,
    "one long word": b"a" * 10**7,
    "one long number": b"9" * 10**6,
    "nested": b"[" * 10**6,
    "quotes": b'"' * 10**6,
    "pickle": pickle.dumps(_Command()),
    "pickle in npy": _pickled(),
    "npy of 10^12 values": _npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000)}"),
    "npy of negative length": _npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"),
    "npy that evaluates": _npy_header("{'descr': __import__('os').system('touch EXECUTED'), 'shape': ()}"),
    "npy of records": _npy_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,)}") + b"\0" * 16,
    "npy of times": _npy_header("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (2,)}") + b"\1" * 16,
    "npy nested": _npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 9000 + ")" * 9000 + "}"),
    "zip bomb": _zip_bomb,
    "png bomb": lambda: _png(30_000, 30_000),
    "png of width 0": lambda: _png(0, 1),
    "hdf5 bomb": _huge_hdf5(),
    "hdf5 of links": _linked_hdf5(),
    "gzip bomb": _gzip_bomb,
    "netcdf-3 of 2^31 times": b"CDF\x01\x7f\xff\xff\xff" + b"\0" * 200,
    "nrrd beside": b"NRRD0004\ntype: double\ndimension: 1\nsizes: 4\nencoding: raw\ndata file: /etc/passwd\n\n",
    "nrrd bomb": b"NRRD0004\ntype: double\ndimension: 2\nsizes: 1000000 1000000\nencoding: gzip\n\n\x1f\x8b",
    "msh that executes": b'SystemCall "touch EXECUTED";\n',
    "msh that merges": b'Merge "other.msh";\n',
    "msh of 10^9 nodes": b"$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n1000000000\n1 0 0 0\n$EndNodes\n",
    "xdmf beside": b'<Xdmf><Domain><Grid><Geometry><DataItem Format="XML"><xi:include href="/etc/passwd"/></DataItem>'
    b"</Geometry></Grid></Domain></Xdmf>",
    "xml entities": _xml_bomb(),
    "inp that includes": b"*INCLUDE, INPUT=/etc/passwd\n*NODE\n1,0,0\n",
    "script": b"#!/bin/sh\ntouch EXECUTED\n",
    "utf-7": "+AHs-1,2\n".encode("utf-7") * 99,
    "half a surrogate": b"\xed\xa0\x80,1\n2,3\n",
    "numbers too large": b"1e999\n2e999\n",
    "numbers of other scripts": "१,२\n३,४\n".encode(),
    "formulas": b"=1+1,=cmd|' /C calc'!A0\n1,2\n",
    "columns that differ": b"1,2\n3\n4,5,6\n",
}  # fmt: skip


def hostile(name: str) -> bytes:
    content = HOSTILE[name]
    return content if isinstance(content, bytes) else content()


def odd_places(path: Path) -> dict[str, Callable[[], None]]:
    """Return the things that are no files, by name, each with a function that puts it at the path."""
    return {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "loop": lambda: path.symlink_to(path.name),
        "dangling link": lambda: path.symlink_to("nowhere"),
        "folder": path.mkdir,
    }
