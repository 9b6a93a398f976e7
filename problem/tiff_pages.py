"""The pages of a TIFF file: which of them are the image, and what their axes are."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from freqbias.errors import InputError

GDAL_NODATA, ORIENTATION = 42113, 274  # tags
MOST_PAGES = 20_000  # each needs about 1 ms
OWN_TAGS = {"mark of missing data": (GDAL_NODATA, ""), "orientation": (ORIENTATION, 1), "palette": (320, None)}


def refusal(path: Path, text: str) -> InputError:
    return InputError(f"path = {str(path)!r}: {text}")


def check_chain(path: Path, file: IO[bytes], layout: Any) -> None:
    """Raise ValueError if a page follows itself or lies outside the file. tifffile would read such pages for ever."""
    seen, place = set[int](), layout.offsetsize  # the first offset follows 4 bytes, in BigTIFF 8 bytes
    while True:
        file.seek(place)
        (offset,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
        if offset == 0:
            return
        if offset in seen:
            raise ValueError(f"the page at byte {offset} follows itself")
        if len(seen) == MOST_PAGES:
            raise refusal(path, f"the file has more than {MOST_PAGES:,} pages; save the array as a .npy file")
        seen.add(offset)
        file.seek(offset)
        (tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
        place = offset + layout.tagnosize + tags * layout.tagsize


def all_series(file: IO[bytes], tiff: Any, ways: dict[str, Any]) -> Sequence[Any]:
    """Return the images of a file. If tifffile wrote one page after the other, it takes each page for an image."""
    import tifffile

    found = tiff.series
    alike = len({(one.kind, one.shape, one.dtype, len(one)) for one in found}) == 1
    if len(found) > 1 and alike and found[0].kind == "shaped" and len(found[0]) == 1:
        file.seek(0)
        found = tifffile.TiffFile(file, **ways, is_shaped=False).series
    return list(found)


def choose(path: Path, series: Sequence[Any]) -> tuple[Any, Any, list[str]]:
    """Return the image, the mask of the image or None, and notes. Copies at a lower resolution are left out."""
    if not series:
        raise ValueError("there is no image in the file")
    masks = [one for one in series if one.keyframe.is_mask]
    reduced = [one for one in series if one.keyframe.is_reduced and one not in masks]
    images = [one for one in series if one not in masks + reduced] or [series[0]]
    if len(images) != 1:
        shapes = ", ".join(" x ".join(map(str, one.shape)) for one in images[:5])
        what = f"{len(images)} images of different shape, type or colours ({shapes})"
        raise refusal(path, f"the file has {what}; save one image as a file")
    (image,) = images
    notes = [f"{path.name}: copies of the image at a lower resolution are left out"] * bool(
        reduced or len(image.levels) > 1
    )
    own_masks = [mask for mask in masks if not mask.keyframe.is_reduced]
    return image, own_masks[0] if own_masks else None, notes


def check_alike(path: Path, series: Any) -> None:
    """Refuse pages with tags of their own that change the pixels, because only the tags of the first page are used."""
    if series.kind != "generic":  # other kinds come from programs that write all pages alike
        return
    for number, page in enumerate(series.pages, 1):
        for name, (tag, default) in OWN_TAGS.items():
            own, first = (one.tags.valueof(tag, default) for one in (page, series.keyframe))
            if not np.array_equal(own, first):
                raise refusal(path, f"page {number} has another {name} than page 1; save one page as a file")


def axes(path: Path, series: Any) -> tuple[tuple[int, ...], list[int], list[str]]:
    """Return the shape (height, width, pages, channels, samples), the order of the axes, and the names of page axes."""
    from tifffile import TIFF

    lengths = series.shape
    place = {code: [axis for axis, met in enumerate(series.axes) if met == code] for code in "YXCS"}
    pages = [axis for axis, code in enumerate(series.axes) if code not in place and lengths[axis] > 1]
    names = [f"{TIFF.AXES_NAMES.get(series.axes[axis], 'other')} ({lengths[axis]})" for axis in pages]
    if len(names) > 1:
        raise refusal(path, f"beside height and width the file has the axes {', '.join(names)}; save one of them")
    ones = [axis for axis, code in enumerate(series.axes) if code not in place and lengths[axis] == 1]
    order = [*place["Y"], *place["X"], *pages, *place["C"], *place["S"], *ones]
    count = {code: int(np.prod([lengths[axis] for axis in axes])) for code, axes in place.items()}
    return (count["Y"], count["X"], *(lengths[axis] for axis in pages), count["C"], count["S"]), order, names
