"""Functions that read TIFF images: of any number type, with pages, bands, palettes, missing data and orientation.

Unsigned integers of up to 16 bits become [0, 1]. All other values stay as they are.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.problem.contents import Contents, check_size
from freqbias.problem.images import upright
from freqbias.problem.tiff_pages import (
    GDAL_NODATA,
    ORIENTATION,
    all_series,
    axes,
    check_alike,
    check_chain,
    choose,
    refusal,
)

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6  # values of PhotometricInterpretation
COLOURS = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}
ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 1, 2  # values of ExtraSamples
JPEG = 7  # a value of Compression
LARGE_TILE = 2**22  # pixels; the edges of an image need only a part of a tile
CODECS = {1, 2, 3, 4, 5, JPEG, 8, 32773, 32946, 34925, 50000}  # and fax, LZW, deflate, PackBits, LZMA, Zstandard
METADATA = ("<tifffile.TiffTag", "GeoKeyDirectoryTag", "GDAL_NODATA")  # complaints that do not concern the pixels


def read_tiff(path: Path) -> Contents:
    """Read a TIFF file. Pages of equal shape are the third axis. Missing values are NaN."""
    import tifffile

    # Parts of the same data set in other files are never opened. Without is_uniform, all pages are compared with the
    # first, and not only some.
    ways: dict[str, Any] = {"_multifile": False, "is_ndtiff": False, "is_mmstack": False, "is_uniform": False}
    with path.open("rb") as file, _damage_is_an_error(), tifffile.TiffFile(file, **ways) as tiff:
        check_chain(path, file, tiff.tiff)
        if tiff.is_ome and tiff.series[0].kind != "ome":
            raise refusal(path, "the file is a part of an OME-TIFF of several files; save the array as one file")
        series, mask, notes = choose(path, all_series(file, tiff, ways))
        page = series.keyframe
        check_alike(path, series)
        shape, order, names = axes(path, series)
        check_size(path, shape, 2 + len(names))
        _check_pixels(path, page)
        raw = series.asarray().transpose(order).reshape(shape)
        missing, marker = _missing(raw, page)
        if mask is not None:
            masked = mask.asarray() == 0
            if masked.shape != raw.shape[:2]:
                raise refusal(path, f"the mask has shape {masked.shape}; save the array without a mask")
            missing, marker = missing | masked.reshape(*masked.shape, *(1,) * (raw.ndim - 2)), "by a mask"
        values, more_notes = _colours(path, raw, missing, page)
        orientation = page.tags.valueof(ORIENTATION, 1)
    values = upright(values, orientation)
    values = values.reshape(*values.shape[: 2 + len(names)], -1)
    return Contents(values, 2 + len(names), missing=marker, notes=(*notes, *more_notes))


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


def _check_pixels(path: Path, page: Any) -> None:
    """Refuse colours and compressions that cannot be read safely."""
    photometric, compression = page.photometric, page.compression
    if compression not in CODECS:
        name = getattr(compression, "name", compression)
        raise refusal(path, f"the compression {name} is not supported; use LZW, deflate or no compression")
    tile = page.tilelength * page.tilewidth * page.tiledepth
    if page.is_tiled and tile > max(LARGE_TILE, page.imagelength * page.imagewidth):
        raise ValueError(f"the tiles have {page.tilelength} x {page.tilewidth} pixels, more than the image")
    if photometric not in COLOURS or (photometric in (CMYK, YCBCR) and (compression == JPEG) != (photometric == YCBCR)):
        name = getattr(photometric, "name", photometric)
        raise refusal(path, f"the colours are {name}; save the image as grey or RGB")
    if not isinstance(page.bitspersample, int):
        raise refusal(path, f"the bands have {page.bitspersample} bits; save it with 8 or 16 bits in every band")


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
        raise refusal(path, f"the file holds {raw.dtype} values; convert them to real numbers")
    unsigned = raw.dtype.kind in "ub"
    full = float(2**page.bitspersample - 1)
    scale = full if unsigned and page.bitspersample <= 16 else 1.0
    values = raw.astype(float)
    if page.photometric == MIN_IS_WHITE:
        if not unsigned:
            raise refusal(path, f"white is 0 in an image of {raw.dtype} values; save the image with black as 0")
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
