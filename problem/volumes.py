"""Functions that read volumes with the distances between their voxels: NIfTI (.nii, .nii.gz) and NRRD (.nrrd).

The axes of the array are those of the file, the fastest first. A patient's orientation is not used.
"""

import bz2
import gzip
import io
import logging
from math import prod
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.contents import Contents, check_size

_SILENT = logging.Logger("nibabel")  # what nibabel cannot mend is an error
_SILENT.addHandler(logging.NullHandler())
LENGTH_UNITS = {"meter": "m", "mm": "mm", "micron": "um", "unknown": ""}  # of NIfTI
MOST_BEHIND = 2**20  # bytes behind the values, which are not used
WIDEST = 16  # bytes of the largest number type


def read_nifti(path: Path) -> Contents:
    """Read a NIfTI volume, scaled by its slope and intercept. The axes after the third are channels."""
    from nibabel import Nifti1Header, Nifti2Header

    with _unpacked(path) as file:
        block = file.read(540)
        model = Nifti2Header if int.from_bytes(block[:4], "little") in (540, 0x1C020000) else Nifti1Header
        header = model(block[: model.template_dtype.itemsize], check=False)
        header.check_fix(_SILENT)
        shape = tuple(int(n) for n in header.get_data_shape())
        check_size(path, shape, 3)
        if header["magic"].item()[:2] != b"n+":
            raise InputError(
                f"path = {str(path)!r}: the values are in another file; save header and values as one file"
            )
        values = np.asarray(header.data_from_fileobj(file))
        if len(file.read(MOST_BEHIND)) == MOST_BEHIND:  # at the end of the file, gzip compares the checksum
            raise InputError(f"path = {str(path)!r}: the file has far more values than its header states")
    spacing = tuple(float(h) for h in header.get_zooms()[:3])
    return _volume(values, list(range(min(len(shape), 3))), spacing, LENGTH_UNITS.get(header.get_xyzt_units()[0], ""))


def read_nrrd(path: Path) -> Contents:
    """Read an NRRD volume. Axes without a position in space are channels."""
    import nrrd

    with path.open("rb") as file:
        header = nrrd.read_header(file)
        skipped = {"data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip"} & header.keys()
        if skipped:
            raise InputError(f"path = {str(path)!r}: the header has {min(skipped)}; save header and values as one file")
        shape = tuple(int(n) for n in header["sizes"])
        inner, spacing = _space(header, len(shape))
        check_size(path, tuple(shape[axis] for axis in inner), len(inner))
        check_size(path, shape, len(shape) - (len(inner) < len(shape)))
        open_packed: Any = {"gzip": gzip.open, "gz": gzip.open, "bzip2": bz2.open, "bz2": bz2.open}.get(
            header["encoding"]
        )
        unpacked = open_packed(file) if open_packed else file
        text = header["encoding"].lower() in ("ascii", "text", "txt")
        content = file.read() if text else unpacked.read(WIDEST * prod(shape))
        raw = header if text else {**header, "encoding": "raw"}
        values = nrrd.read_data(raw, io.BytesIO(content))
    units = header.get("space units", header.get("units", [""]))
    return _volume(values, inner, spacing, str(units[inner[0] if len(units) == len(shape) else 0]))


def _unpacked(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb"))


def _space(header: Any, dimension: int) -> tuple[list[int], tuple[float, ...]]:
    """Return the axes of an NRRD array in space, and the distance between values along each of them."""
    steps = np.full(dimension, np.nan)
    if header.get("space directions") is not None:
        directions = [row if row is not None else [np.nan] for row in header["space directions"]]
        steps = np.array([np.linalg.norm(np.asarray(row, dtype=float)) for row in directions])
    elif header.get("spacings") is not None:
        steps = np.asarray(header["spacings"], dtype=float)
    kinds = header.get("kinds", ["domain"] * dimension)
    inner = [axis for axis, kind in enumerate(kinds) if kind in ("domain", "space", "time", "???", "none")]
    if np.isfinite(steps).any():
        inner = [axis for axis in inner if np.isfinite(steps[axis])]
    inner = inner[:3] if len(inner) > 3 else inner
    return inner, tuple(float(steps[axis]) for axis in inner)


def _volume(values: np.ndarray, inner: list[int], spacing: tuple[float, ...], unit: str) -> Contents:
    """Return the contents with the axes `inner` first, without those of length 1, and all other axes as channels."""
    kept = [(axis, h) for axis, h in zip(inner, spacing, strict=True) if values.shape[axis] > 1]
    rest = [axis for axis in range(values.ndim) if axis not in [axis for axis, _ in kept]]
    shape = [values.shape[axis] for axis, _ in kept]
    ordered = values.transpose([axis for axis, _ in kept] + rest).reshape(*shape, -1)
    distances = tuple(h for _, h in kept)
    known = all(np.isfinite(h) and h > 0 for h in distances)
    return Contents(ordered, len(kept), distances if known else None, unit if known else "")
