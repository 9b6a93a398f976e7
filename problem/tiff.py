"""Functions that read TIFF images: of any number type, with pages, bands, palettes, missing data and orientation.

Unsigned integers of up to 16 bits become [0, 1]. All other values stay as they are.
"""

import logging
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.contents import Contents, check_size
from freqbias.problem.images import upright

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6  # values of PhotometricInterpretation
COLOURS = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}
ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2  # values of ExtraSamples
JPEG = 7  # a value of Compression
GDAL_NODATA = 42113
LARGE_TILE = 2**22  # pixels; the edges of an image need only a part of a tile
CODECS = {1, 2, 3, 4, 5, JPEG, 8, 32773, 32946, 34925, 50000}  # and fax, LZW, deflate, PackBits, LZMA, Zstandard
METADATA = ("<tifffile.TiffTag", "GeoKeyDirectoryTag", "GDAL_NODATA")  # complaints that do not concern the pixels


def read_tiff(path: Path) -> Contents:
    """Read a TIFF file. Pages of equal shape are the third axis. Missing values are NaN."""
    import tifffile

    # Parts of the same data set in other files are never opened.
    apart: dict[str, Any] = {"_multifile": False, "is_ndtiff": False, "is_mmstack": False}
    with path.open("rb") as file, _damage_is_an_error(), tifffile.TiffFile(file, **apart) as tiff:
        _check_chain(file, tiff.tiff)
        if tiff.is_ome and tiff.series[0].kind != "ome":
            raise _refusal(path, "the file is a part of an OME-TIFF of several files; save the array as one file")
        series, mask, notes = _choose(path, tiff.series)
        page = series.keyframe
        shape, order, names = _axes(path, series)
        check_size(path, shape, 2 + len(names))
        _check_pixels(path, page)
        raw = series.asarray().transpose(order).reshape(shape)
        missing, marker = _missing(raw, page)
        if mask is not None:
            masked = mask.asarray() == 0
            if masked.shape != raw.shape[:2]:
                raise _refusal(path, f"the mask has shape {masked.shape}; save the array without a mask")
            missing, marker = missing | masked.reshape(*masked.shape, *(1,) * (raw.ndim - 2)), "by a mask"
        values, more_notes = _colours(path, raw, missing, page)
        orientation = page.tags.valueof(274, 1)
    values = upright(values, orientation)
    values = values.reshape(*values.shape[: 2 + len(names)], -1)
    return Contents(values, 2 + len(names), missing=marker, notes=(*notes, *more_notes))


def _refusal(path: Path, text: str) -> InputError:
    return InputError(f"path = {str(path)!r}: {text}")


@contextmanager
def _damage_is_an_error() -> Iterator[None]:
    """Raise ValueError if tifffile complains about anything but metadata, since it then replaces pixels by zeros."""
    complaints: list[str] = []
    logger, handler = logging.getLogger("tifffile"), logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
    for complaint in complaints:
        if not any(words in complaint for words in METADATA):
            raise ValueError(complaint)


def _check_chain(file: IO[bytes], layout: Any) -> None:
    """Raise ValueError if a page follows itself or lies outside the file. tifffile would read such pages for ever."""
    seen, place = set[int](), layout.offsetsize  # the first offset follows 4 bytes, in BigTIFF 8 bytes
    while True:
        file.seek(place)
        (offset,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
        if offset == 0:
            return
        if offset in seen:
            raise ValueError(f"the page at byte {offset} follows itself")
        seen.add(offset)
        file.seek(offset)
        (tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
        place = offset + layout.tagnosize + tags * layout.tagsize


def _choose(path: Path, series: Sequence[Any]) -> tuple[Any, Any, list[str]]:
    """Return the image, the mask of the image or None, and notes. Copies at a lower resolution are left out."""
    if not series:
        raise ValueError("there is no image in the file")
    masks = [one for one in series if one.keyframe.is_mask]
    reduced = [one for one in series if one.keyframe.is_reduced and one not in masks]
    images = [one for one in series if one not in masks + reduced] or [series[0]]
    if len(images) != 1:
        shapes = ", ".join(" x ".join(map(str, one.shape)) for one in images[:5])
        raise _refusal(
            path, f"the file has {len(images)} images of different shape or type ({shapes}); save one image as a file"
        )
    (image,) = images
    notes = [f"{path.name}: copies of the image at a lower resolution are left out"] * bool(
        reduced or len(image.levels) > 1
    )
    own_masks = [mask for mask in masks if not mask.keyframe.is_reduced]
    return image, own_masks[0] if own_masks else None, notes


def _axes(path: Path, series: Any) -> tuple[tuple[int, ...], list[int], list[str]]:
    """Return the shape (height, width, pages, channels, samples), the order of the axes, and the names of page axes."""
    from tifffile import TIFF

    lengths = series.shape
    place = {code: [axis for axis, met in enumerate(series.axes) if met == code] for code in "YXCS"}
    pages = [axis for axis, code in enumerate(series.axes) if code not in place and lengths[axis] > 1]
    names = [f"{TIFF.AXES_NAMES.get(series.axes[axis], 'other')} ({lengths[axis]})" for axis in pages]
    if len(names) > 1:
        raise _refusal(path, f"beside height and width the file has the axes {', '.join(names)}; save one of them")
    ones = [axis for axis, code in enumerate(series.axes) if code not in place and lengths[axis] == 1]
    order = [*place["Y"], *place["X"], *pages, *place["C"], *place["S"], *ones]
    count = {code: int(np.prod([lengths[axis] for axis in axes])) for code, axes in place.items()}
    return (count["Y"], count["X"], *(lengths[axis] for axis in pages), count["C"], count["S"]), order, names


def _check_pixels(path: Path, page: Any) -> None:
    """Refuse colours and compressions that cannot be read safely."""
    photometric, compression = page.photometric, page.compression
    if compression not in CODECS:
        name = getattr(compression, "name", compression)
        raise _refusal(path, f"the compression {name} is not supported; use LZW, deflate or no compression")
    tile = page.tilelength * page.tilewidth * page.tiledepth
    if page.is_tiled and tile > max(LARGE_TILE, page.imagelength * page.imagewidth):
        raise ValueError(f"the tiles have {page.tilelength} x {page.tilewidth} pixels, more than the image")
    if photometric not in COLOURS or (photometric in (CMYK, YCBCR) and (compression == JPEG) != (photometric == YCBCR)):
        name = getattr(photometric, "name", photometric)
        raise _refusal(path, f"the colours are {name}; save the image as grey or RGB")
    if not isinstance(page.bitspersample, int):
        raise _refusal(path, f"the bands have {page.bitspersample} bits; save it with 8 or 16 bits in every band")


def _missing(raw: np.ndarray, page: Any) -> tuple[np.ndarray, str]:
    """Return where values are missing, by the tag GDAL_NODATA, and the text of this tag."""
    text = str(page.tags.valueof(GDAL_NODATA, "")).strip("\0 ").replace(",", ".")
    try:
        mark = float(text)
    except ValueError:
        return np.zeros(raw.shape, bool), ""
    with np.errstate(over="ignore"):
        return raw == (raw.dtype.type(mark) if raw.dtype.kind == "f" else mark), f"GDAL_NODATA = {text}"


def _colours(path: Path, raw: np.ndarray, missing: np.ndarray, page: Any) -> tuple[np.ndarray, list[str]]:
    """Return grey values or red, green and blue, and bands, as float64 with NaN where values are missing.

    raw: (height, width, ..., samples), as stored.
    """
    if raw.dtype.kind not in "fiub":
        raise _refusal(path, f"the file holds {raw.dtype} values; convert them to real numbers")
    unsigned = raw.dtype.kind in "ub"
    full = float(2**page.bitspersample - 1)
    scale = full if unsigned and page.bitspersample <= 16 else 1.0
    values = raw.astype(float)
    if page.photometric == MIN_IS_WHITE:
        if not unsigned:
            raise _refusal(path, f"white is 0 in an image of {raw.dtype} values; save the image with black as 0")
        inks = values[..., :1]
        np.subtract(full, inks, out=inks)
    if page.photometric == PALETTE:
        table = page.colormap.T / (65535 if page.colormap.max() > 255 else 255)  # some programs write 8 bits
        values = np.where(missing[..., :1], np.nan, table[raw[..., 0]])
        return values, []
    values /= scale
    values[np.broadcast_to(missing, values.shape)] = np.nan
    colours = COLOURS[page.photometric]
    alpha = [colours + i for i, kind in enumerate(page.extrasamples) if kind in (ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA)]
    if ASSOCIATED_ALPHA in page.extrasamples:
        opacity = values[..., [colours + page.extrasamples.index(ASSOCIATED_ALPHA)]]
        inks = values[..., :colours]
        np.divide(inks, opacity, out=inks, where=opacity > 0)
        np.minimum(inks, 1.0, out=inks)
    kept = np.delete(values, alpha, axis=-1)
    if page.photometric == CMYK:
        kept = np.concatenate([(1 - kept[..., :3]) * (1 - kept[..., 3:4]), kept[..., 4:]], axis=-1)
    return kept, [f"{path.name}: the transparency of the image is left out"] * bool(alpha)
