"""Images as data files: pixels, colours and orientation, as Pillow writes them."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from freqbias.errors import InputError
from tests.problem.test_files import MAP, RNG, read

GREY = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)


def upright(rows):
    """The expected values, pixel by pixel: (x_1, x_2) is column x_1 of row (height - 1 - x_2)."""
    height, width = rows.shape[:2]
    return np.array([[rows[height - 1 - j, i] for j in range(height)] for i in range(width)], dtype=float)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
def test_grey_images(tmp_path, suffix):
    Image.fromarray(GREY).save(tmp_path / f"a{suffix}")
    values = read(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(values, upright(GREY)[..., None] / 255, rtol=1e-15)
    assert values.shape == (3, 2, 1)
    assert values[0, -1, 0] == 10 / 255
    assert values[-1, 0, 0] == 60 / 255


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits(tmp_path, suffix):
    deep = GREY.astype(np.uint16) * 1000 + 7
    Image.fromarray(deep).save(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(read(tmp_path / f"a{suffix}")[..., 0], upright(deep) / 65535, rtol=1e-15)


def test_tif_of_floats(tmp_path):
    Image.fromarray(MAP.astype(np.float32)).save(tmp_path / "a.tif")
    np.testing.assert_allclose(read(tmp_path / "a.tif")[..., 0], upright(MAP), rtol=1e-6)


def test_colours_are_channels(tmp_path):
    colours = RNG.integers(0, 256, (2, 3, 3), dtype=np.uint8)
    for name in ("a.png", "a.tif"):
        Image.fromarray(colours).save(tmp_path / name)
        values = read(tmp_path / name)
        assert values.shape == (3, 2, 3)
        np.testing.assert_allclose(values[0, -1], colours[0, 0] / 255)
        np.testing.assert_allclose(values[2, 0], colours[1, 2] / 255)


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("LA", 1), ("1", 1), ("P", 3)])
def test_transparency_and_palettes(tmp_path, mode, channels):
    white_and_black = Image.fromarray(np.array([[255, 0], [0, 0]], dtype=np.uint8))
    if mode == "P":
        image = white_and_black.convert("RGB").quantize(4)
        image.info["transparency"] = b"\x00\x80\xff\xff"
    else:
        image = white_and_black.convert(mode)
    image.save(tmp_path / "a.png")
    values = read(tmp_path / "a.png")
    assert values.shape == (2, 2, channels)
    np.testing.assert_array_equal(values[..., 0], [[0, 1], [0, 0]])


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_exif_orientation(tmp_path, name):
    stored = np.full((16, 32), 255, dtype=np.uint8)
    stored[:, 16:] = 0  # stored with white on the left
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # shown turned clockwise, with white at the top
    Image.fromarray(stored).save(tmp_path / name, exif=exif)
    values = read(tmp_path / name)
    assert values.shape == (16, 32, 1)
    np.testing.assert_allclose(values[:, 16:], 1, rtol=0, atol=0.02)
    np.testing.assert_allclose(values[:, :16], 0, rtol=0, atol=0.02)


def test_jpg(tmp_path):
    rows = np.kron(np.array([[30, 90], [150, 210]], dtype=np.uint8), np.ones((16, 16), dtype=np.uint8))
    Image.fromarray(rows).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read(tmp_path / "a.jpg")[..., 0], upright(rows) / 255, rtol=0, atol=0.02)


def test_an_image_has_two_dimensions(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png", dimension=2).shape == (3, 2, 1)
    for dimension in (1, 3):
        with pytest.raises(InputError, match=rf"dimension = {dimension}: a.png is an image"):
            read(tmp_path / "a.png", dimension=dimension)
