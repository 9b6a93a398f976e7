"""TIFF files of every number type, compression, colour and layout: the values are those that were written."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.problem import files
from tests.problem.tiff_files import ORIENTATIONS, RNG, SHAPE, hand_made, numbers, upright, written

UNSIGNED = ["u1", "u2", "u4", "u8"]
TYPES = [*UNSIGNED, "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
FULL = {"u1": 255, "u2": 65535}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd", "packbits"])
@pytest.mark.parametrize("dtype", TYPES)
def test_number_types(tmp_path, dtype, compression, order):
    """Unsigned integers of 8 and 16 bits become [0, 1]. All other values are those in the file."""
    values = numbers(dtype)
    path = written(tmp_path, values, byteorder=order, compression=compression, photometric="minisblack")
    np.testing.assert_array_equal(files.read(path)[..., 0], upright(values) / FULL.get(dtype, 1))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("dtype", "predictor"), [("u1", 2), ("i2", 2), ("u4", 2), ("f4", 3), ("f2", 3), ("f8", 3)])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_predictors_and_tiles(tmp_path, dtype, predictor, order, tile):
    values = numbers(dtype, (20, 35))
    path = written(
        tmp_path, values, byteorder=order, compression="lzw", predictor=predictor, tile=tile, photometric="minisblack"
    )
    np.testing.assert_array_equal(files.read(path)[..., 0], upright(values) / FULL.get(dtype, 1))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("bands", [3, 5])
def test_colours_and_further_bands(tmp_path, dtype, planar, bands):
    values = numbers(dtype, (*SHAPE, bands))
    rows = values if planar == "contig" else np.moveaxis(values, -1, 0)
    extra = {"extrasamples": ["unspecified"] * (bands - 3)} if bands > 3 else {}
    path = written(tmp_path, rows, photometric="rgb", planarconfig=planar, compression="lzw", **extra)
    np.testing.assert_array_equal(files.read(path), upright(values) / FULL.get(dtype, 1))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_two_bands_without_colours(tmp_path, planar):
    values = numbers("i2", (*SHAPE, 2))
    rows = values if planar == "contig" else np.moveaxis(values, -1, 0)
    path = written(tmp_path, rows, photometric="minisblack", planarconfig=planar, extrasamples=["unspecified"])
    np.testing.assert_array_equal(files.read(path), upright(values))


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_min_is_white(tmp_path, dtype):
    values = numbers(dtype)
    path = written(tmp_path, values, photometric="miniswhite")
    full = float(np.iinfo(dtype).max)
    np.testing.assert_array_equal(files.read(path)[..., 0], upright(full - values.astype(float)) / FULL.get(dtype, 1))
    with pytest.raises(InputError, match="white is 0 in an image of float32 values; save the image with black as 0"):
        files.read(written(tmp_path, numbers("f4"), photometric="miniswhite"))


@pytest.mark.parametrize(("photometric", "black"), [("minisblack", 0), ("miniswhite", 1)])
def test_one_bit(tmp_path, photometric, black):
    values = RNG.integers(0, 2, (5, 11)).astype(bool)
    path = written(tmp_path, values, photometric=photometric)
    np.testing.assert_array_equal(files.read(path)[..., 0], upright(values ^ black))


@pytest.mark.parametrize("bits", [2, 4, 12])
def test_packed_bits(tmp_path, bits):
    """Bits that do not fill a byte count from 0 to 2^bits - 1."""
    values = RNG.integers(0, 2**bits, (3, 8), dtype=np.uint16)
    packed = np.packbits([[int(b) for v in row for b in f"{v:0{bits}b}"] for row in values], axis=1).tobytes()
    path = tmp_path / "a.tif"
    path.write_bytes(hand_made(8, 3, packed, bits=bits))
    np.testing.assert_array_equal(files.read(path)[..., 0], upright(values) / (2**bits - 1))


@pytest.mark.parametrize("scale", [1, 257])
def test_palettes(tmp_path, scale):
    """Colour maps have 16 bits, but some programs write 8 bits."""
    colours = RNG.integers(0, 256, (3, 256))
    colours[0, 0] = 255
    index = numbers("u1")
    path = written(tmp_path, index, photometric="palette", colormap=(scale * colours).astype(np.uint16))
    np.testing.assert_allclose(files.read(path), upright(colours.T[index]) / 255, rtol=1e-15)


def test_transparency_is_left_out(tmp_path):
    values = numbers("u1", (*SHAPE, 4))
    contents = files.read_contents(written(tmp_path, values, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(contents.values, upright(values[..., :3]) / 255)
    assert contents.notes == ("a.tif: the transparency of the image is left out",)


def test_colours_multiplied_by_opacity(tmp_path):
    colours, opacity = RNG.uniform(0, 1, (*SHAPE, 3)), RNG.uniform(0.2, 1, (*SHAPE, 1))
    stored = np.rint(np.concatenate([colours * opacity, opacity], axis=-1) * 65535).astype(np.uint16)
    path = written(tmp_path, stored, photometric="rgb", extrasamples=["assocalpha"])
    np.testing.assert_allclose(files.read(path), upright(colours), rtol=0, atol=1e-4)


def test_cmyk(tmp_path):
    inks = numbers("u1", (*SHAPE, 4))
    c = inks / 255
    path = written(tmp_path, inks, photometric="separated")
    np.testing.assert_allclose(files.read(path), upright((1 - c[..., :3]) * (1 - c[..., 3:])), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_compression(tmp_path, colour):
    rows = np.kron(np.array([[30, 90], [150, 210]], dtype=np.uint8), np.ones((16, 16), dtype=np.uint8))
    rows = np.stack([rows, 255 - rows, rows // 2], axis=-1) if colour else rows
    options = {
        "photometric": "rgb" if colour else "minisblack",
        "compressionargs": {"level": 98},
        "subsampling": (1, 1),
    }
    values = files.read(written(tmp_path, rows, compression="jpeg", **options))
    np.testing.assert_allclose(values.squeeze(), upright(rows) / 255, rtol=0, atol=0.03)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation(tmp_path, orientation):
    rows = numbers("i4")
    path = written(tmp_path, rows, extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(files.read(path)[..., 0], upright(ORIENTATIONS[orientation](rows)))
