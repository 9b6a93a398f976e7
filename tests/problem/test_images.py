"""PNG and JPEG images of every bit depth and colour type, with orientation, transparency and animation."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from freqbias.errors import InputError
from freqbias.problem import files
from tests.problem.tiff_files import ORIENTATIONS, RNG, upright

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types of PNG
BANDS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows, bits, colour, *, extra=b"", interlaced=False):
    """A PNG file of rows (height, width, bands) of integers, from the specification."""
    height, width = rows.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b""
    for row, column, down, right in adam7 if interlaced else [(0, 0, 1, 1)]:
        for line in rows[row::down, column::right]:
            if line.size:
                text = "".join(f"{value:0{bits}b}" for value in line.ravel())
                data += b"\0" + np.packbits([int(bit) for bit in text]).tobytes()
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def read(tmp_path, content, name="a.png"):
    (tmp_path / name).write_bytes(content)
    return files.read_contents(tmp_path / name)


def numbers(bits, bands, shape=(5, 9)):
    return RNG.integers(0, 2**bits, (*shape, bands))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("bits", "colour"), [(1, GREY), (2, GREY), (4, GREY), *((b, c) for b in (8, 16) for c in BANDS if c != PALETTE)]
)
def test_bits_and_colours(tmp_path, bits, colour, interlaced):
    """All bits count, 16-bit colours included. Transparency is left out, and this is said."""
    rows = numbers(bits, BANDS[colour])
    contents = read(tmp_path, png(rows, bits, colour, interlaced=interlaced))
    kept = rows if colour in (GREY, RGB) else rows[..., :-1]
    np.testing.assert_allclose(contents.values, upright(kept) / (2**bits - 1), rtol=1e-15)
    assert len(contents.notes) == (colour in (GREY_ALPHA, RGBA))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
def test_palettes(tmp_path, bits, transparent):
    colours = RNG.integers(0, 256, (2**bits, 3), dtype=np.uint8)
    index = numbers(bits, 1)
    extra = chunk(b"PLTE", colours.tobytes()) + (chunk(b"tRNS", b"\x80") if transparent else b"")
    contents = read(tmp_path, png(index, bits, PALETTE, extra=extra))
    np.testing.assert_array_equal(contents.values, upright(colours[index[..., 0]]) / 255)
    assert len(contents.notes) == transparent


@pytest.mark.parametrize(("colour", "key"), [(GREY, b"\0\5"), (RGB, b"\0\5\0\5\0\5")])
def test_a_transparent_colour(tmp_path, colour, key):
    rows = numbers(8, BANDS[colour])
    rows[0, 0] = 5
    contents = read(tmp_path, png(rows, 8, colour, extra=chunk(b"tRNS", key)))
    np.testing.assert_array_equal(contents.values, upright(rows) / 255)
    assert contents.notes == ("a.png: the transparency of the image is left out",)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation(tmp_path, orientation, kind):
    blocks = np.array([[10, 60, 110], [160, 210, 250]])
    exif, stream = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = orientation
    stored = np.kron(blocks, np.ones((16, 16))).astype(np.uint8)
    Image.fromarray(stored).save(stream, format=kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    contents = read(tmp_path, stream.getvalue(), f"a.{kind.lower()}")
    expected = upright(ORIENTATIONS[orientation](stored)) / 255
    np.testing.assert_allclose(contents.values[..., 0], expected, rtol=0, atol=0.02)


def test_cmyk_jpeg(tmp_path):
    stream = io.BytesIO()
    inks = np.broadcast_to(np.array([40, 90, 140, 60], dtype=np.uint8), (16, 16, 4))
    Image.fromarray(inks, mode="CMYK").save(stream, format="JPEG", quality=98)
    c = inks / 255
    values = read(tmp_path, stream.getvalue(), "a.jpg").values
    np.testing.assert_allclose(values, (1 - c[..., :3]) * (1 - c[..., 3:]), rtol=0, atol=0.02)


def test_animations_are_refused(tmp_path):
    frames = [Image.fromarray(numbers(8, 1)[..., 0].astype(np.uint8)) for _ in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="the file is an animation of 3 images; save one image as a file"):
        files.read(tmp_path / "a.png")


@pytest.mark.parametrize("at", [20, 45, -30])
def test_a_wrong_byte(tmp_path, at):
    content = bytearray(png(numbers(8, 1, (40, 40)), 8, GREY))
    content[at] ^= 1
    with pytest.raises(InputError, match=r"cannot be read as \.png: .*; write the file again"):
        read(tmp_path, content)
