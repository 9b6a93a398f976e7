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
LONGEST_HEADER, LONGEST_REST = 2**26, 2**20  # bytes before and after the values of NIfTI
WIDEST = 16  # bytes of the largest number type
TEXT = ("ascii", "text", "txt")  # encodings of NRRD
OPENERS: dict[str, Any] = {name: lambda file: file for name in (*TEXT, "raw")} | {
    "gzip": gzip.open,
    "gz": gzip.open,
    "bzip2": bz2.open,
    "bz2": bz2.open,
}


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
        if header.get_data_offset() > LONGEST_HEADER:  # gzip would unpack all bytes before
            raise ValueError(f"the header states that the values begin at byte {header.get_data_offset():,}")
        values = np.asarray(header.data_from_fileobj(file))
        if len(file.read(LONGEST_REST)) == LONGEST_REST:  # at the end of the file, gzip compares the checksum
            raise ValueError(f"more than {LONGEST_REST:,} bytes follow the values")
    spacing = tuple(float(h) for h in header.get_zooms()[:3])
    unit = LENGTH_UNITS.get(header.get_xyzt_units()[0], "")
    return _volume(path, values, list(range(len(spacing))), spacing, [unit] * len(spacing))


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
        encoding = header["encoding"].lower()
        if encoding not in OPENERS:
            raise InputError(
                f"path = {str(path)!r}: the encoding {encoding!r} is not supported; save the file with the encoding "
                "raw, gzip, bzip2 or ascii"
            )
        content = OPENERS[encoding](file).read(-1 if encoding in TEXT else WIDEST * prod(shape))
        unpacked = {**header, "encoding": "ascii" if encoding in TEXT else "raw"}
        values = nrrd.read_data(unpacked, io.BytesIO(content))
    return _volume(path, values, inner, spacing, _units(header, inner))


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
    if not inner:
        raise ValueError(f"no axis lies in space, because the kinds of the axes are {', '.join(map(str, kinds))}")
    inner = inner[:3]
    return inner, tuple(float(steps[axis]) for axis in inner)


def _units(header: Any, inner: list[int]) -> list[str]:
    """Return the unit of each of these axes. `space units` belong to the directions of space, `units` to the axes."""
    if (space := header.get("space units")) is not None:
        return [str(space[0])] * len(inner) if len(set(space)) == 1 else [*map(str, space)]
    units = header.get("units")
    return [""] * len(inner) if units is None else [str(units[axis]) for axis in inner]


def _volume(path: Path, values: np.ndarray, inner: list[int], spacing: tuple[float, ...], units: list[str]) -> Contents:
    """Return the contents with the axes `inner` first, without those of length 1, and all other axes as channels."""
    kept = [place for place, axis in enumerate(inner) if values.shape[axis] > 1] or [0]
    axes = [inner[place] for place in kept]
    ordered = np.moveaxis(values, axes, range(len(axes))).reshape(*(values.shape[axis] for axis in axes), -1)
    distances, found = tuple(spacing[place] for place in kept), {units[place] for place in kept}
    if not all(np.isfinite(h) and h > 0 for h in distances):
        return Contents(ordered, len(kept))
    if len(found) > 1:
        note = f"{path.name}: the spacing is not used, because its units differ: {', '.join(sorted(found))}"
        return Contents(ordered, len(kept), notes=(note,))
    return Contents(ordered, len(kept), distances, found.pop())
