"""Data files that are unusual and valid, each with the values that they hold."""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import imagecodecs
import numpy as np
import soundfile
import tifffile
from scipy.io import savemat

Odd = tuple[dict[str, Any], np.ndarray]  # the keys of [data], and the values (n_1, ..., n_d)
TYPES = ["f8", "f4", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


def values_of(random: Random, kinds: list[str], *, least: int = 2, axes: int = 3) -> np.ndarray:
    """Return an array of random shape, type and byte order that is not zero everywhere."""
    rng = np.random.default_rng(random.randrange(2**32))
    shape = tuple(rng.integers(least, 9, rng.integers(1, axes + 1)))
    dtype = np.dtype(random.choice("<>") + random.choice(kinds))
    if dtype.kind == "f":
        values = rng.standard_normal(shape)
    elif dtype.kind == "b":
        values = rng.random(shape) < 0.5
    else:
        limits = np.iinfo(dtype)
        values = rng.integers(max(limits.min, -(2**39)), min(limits.max, 2**39), shape, endpoint=True)
    values.flat[0] = 1
    return values.astype(dtype)


def npy(path: Path, random: Random) -> Odd:
    values = values_of(random, TYPES)
    with path.open("wb") as file:
        ordered = np.asfortranarray(values) if random.random() < 0.5 else values
        np.lib.format.write_array(file, ordered, version=random.choice([(1, 0), (2, 0), (3, 0)]))
    return {}, values


def npz(path: Path, random: Random) -> Odd:
    values = values_of(random, TYPES)
    names = random.choice([["a"], ["a", "b"], ["arr_0"], ["Höhe", "x y"], ["a/b", "c"]])
    packing = random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name in names:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, values if name == names[0] else np.ones(3))
    return ({"key": names[0]} if len(names) > 1 else {}), values


def hdf5(path: Path, random: Random) -> Odd:
    values = values_of(random, TYPES[:-1])
    options = random.choice([{}, {"chunks": True, "compression": "gzip", "shuffle": True}, {"fletcher32": True}])
    with h5py.File(path, "w", libver=random.choice(["earliest", "latest"])) as file:
        file.create_dataset("group/a", data=values, **options)
        file["b"] = h5py.SoftLink("/group/a")
    return {"key": random.choice(["group/a", "/group/a"])}, values


def mat(path: Path, random: Random) -> Odd:
    values = values_of(random, ["f8", "f4", "i2", "u1", "i4"], axes=2).astype("=f8")
    savemat(path, {"a": values, "text": "abc"}, do_compression=random.random() < 0.5)
    return {"key": "a"}, values if values.ndim > 1 else values[None]  # MATLAB has no vectors


def raw(path: Path, random: Random) -> Odd:
    dtype = random.choice(["float32", "float64", "int16", "int32", "uint8", "uint16"])
    values = values_of(random, ["i1"], axes=1).astype(dtype)
    values.tofile(path)
    return {"dtype": dtype}, values


def png(path: Path, random: Random) -> Odd:
    rows = values_of(random, ["u1", "u2"], axes=1).astype(f"=u{random.choice([1, 2])}")
    rows = np.stack([rows, rows[::-1], rows])
    path.write_bytes(imagecodecs.png_encode(rows, level=random.randrange(10)))
    return {}, _upright(rows / np.iinfo(rows.dtype).max)


def tiff(path: Path, random: Random) -> Odd:
    rows = values_of(random, ["f8", "f4", "f2", "i1", "i2", "i4", "u4"], axes=1)
    rows = np.stack([rows, rows[::-1], rows])
    compression = random.choice([None, "zlib", "lzw", "zstd", "packbits"])
    layout: dict[str, Any] = random.choice([{}, {"tile": (16, 16)}, {"rowsperstrip": 1}])
    tifffile.imwrite(
        path, rows, byteorder=random.choice("<>"), bigtiff=random.random() < 0.3, compression=compression, **layout
    )
    return {}, _upright(rows.astype(float))


def _upright(rows: np.ndarray) -> np.ndarray:
    """x_1 points right and x_2 points up, as docs/run-file.md says."""
    return rows[::-1].T


def sound(path: Path, random: Random) -> Odd:
    numbers = values_of(random, ["i2"], axes=1).astype("=i2")
    soundfile.write(path, numbers, random.choice([8000, 44100, 48000]), subtype="PCM_16")
    return {}, numbers / 2**15


def table(path: Path, random: Random) -> Odd:
    """A table as people have them: marks, header, quotes, blank lines, comments, line ends and encodings."""
    rng = np.random.default_rng(random.randrange(2**32))
    rows, columns = int(rng.integers(3, 12)), int(rng.integers(1, 5))
    values = np.round(rng.standard_normal((rows, columns)) * 10 ** rng.uniform(-3, 5), 4)
    values[0] = 0.5  # a decimal mark in every column
    decimal = random.choice(".,")
    delimiter = random.choice([each for each in ",;\t| " if each != decimal])
    quoting = random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]) if delimiter != " " else csv.QUOTE_MINIMAL
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=random.choice(["\n", "\r\n"]))
    if random.random() < 0.3:
        text.write("# written by an instrument\n")
    if random.random() < 0.5:
        writer.writerow([f"{random.choice(['Höhe', 'x', 'depth_m'])}{i}" for i in range(columns)])
    for row in values.tolist():
        form = random.choice(["{!r}", "{:+.6f}", "{:.10e}"])
        writer.writerow([form.format(number).replace(".", decimal) for number in row])
    content = text.getvalue() + random.choice(["", "\n", "\n\n"])
    path.write_bytes(content.encode(random.choice(["utf-8", "utf-8-sig", "latin-1", "utf-16"])))
    keys = {"delimiter": delimiter, "decimal": decimal} if decimal == "," or random.random() < 0.5 else {}
    return keys | {"dimension": 2 if columns > 1 else 1}, values if columns > 1 else values[:, 0]


WRITERS: dict[str, Callable[[Path, Random], Odd]] = {
    ".npy": npy, ".npz": npz, ".h5": hdf5, ".mat": mat, ".dat": raw, ".png": png, ".tif": tiff, ".wav": sound,
    ".flac": sound, ".csv": table, ".txt": table,
}  # fmt: skip
