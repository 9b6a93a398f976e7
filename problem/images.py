"""Functions that read PNG and JPEG images. `freqbias.problem.tiff` reads TIFF images."""

from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.contents import Contents, check_size

ORIENTATION = 0x0112  # the EXIF tag


def read_png(path: Path) -> Contents:
    """Read a PNG image. 1 to 16 bits become [0, 1], and palettes become colours.

    Pillow reads only the header, because it cuts colours of 16 bits to 8 bits.
    """
    from imagecodecs import png_decode
    from PIL.PngImagePlugin import PngImageFile

    with path.open("rb") as file, PngImageFile(file) as image:
        check_size(path, (*image.size, len(image.getbands())), 2)
        if image.n_frames > 1:
            raise InputError(
                f"path = {str(path)!r}: the file is an animation of {image.n_frames} images; save one image as a file"
            )
        orientation = image.getexif().get(ORIENTATION, 1)
    return as_contents(path, png_decode(path.read_bytes()), orientation)


def read_jpeg(path: Path) -> Contents:
    """Read a JPEG image as grey or red, green and blue, from 0 to 1."""
    from PIL.JpegImagePlugin import JpegImageFile

    # Not Image.open, which stops at a limit of its own and would suggest the wrong remedy.
    with path.open("rb") as file, JpegImageFile(file) as image:
        check_size(path, (*image.size, len(image.getbands())), 2)
        orientation = image.getexif().get(ORIENTATION, 1)
        values = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    return as_contents(path, values, orientation)


def as_contents(path: Path, rows: np.ndarray, orientation: int) -> Contents:
    """Return the contents for rows of pixels from the top, (height, width) or (height, width, bands), as integers."""
    values = rows.reshape(*rows.shape[:2], -1) / np.iinfo(rows.dtype).max
    notes: tuple[str, ...] = ()
    if values.shape[-1] in (2, 4):
        values, notes = values[..., :-1], (f"{path.name}: the transparency of the image is left out",)
    return Contents(upright(values, orientation), 2, notes=notes)


def upright(rows: np.ndarray, orientation: int) -> np.ndarray:
    """Turn rows of pixels from the top, (height, width, ...), into (x_1, x_2, ...) with x_1 right and x_2 up.

    orientation: the EXIF tag, from 1 to 8.
    """
    if orientation in (5, 6, 7, 8):
        rows = rows.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):  # the first column is on the right
        rows = rows[:, ::-1]
    if orientation in (3, 4, 7, 8):  # the first row is at the bottom
        rows = rows[::-1]
    return rows[::-1].swapaxes(0, 1)
