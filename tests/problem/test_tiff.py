"""TIFF files of every number type, compression, colour and layout: the values are those that were written."""

import struct

import numpy as np
import pytest
import tifffile

from freqbias.errors import InputError
from freqbias.problem import build, files, parse
from tests.problem.run_files import table

RNG = np.random.default_rng(0)
SHAPE = (4, 6)  # rows and columns


def written(tmp_path, values, **options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, **options)
    return path


def upright(rows):
    """(x_1, x_2, ...) from rows from the top: x_1 is the column, and x_2 counts rows from the bottom."""
    return np.array([[rows[-1 - j, i] for j in range(rows.shape[0])] for i in range(rows.shape[1])], dtype=float)


def numbers(dtype, shape=SHAPE):
    """Numbers that include the smallest and the largest of their type."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    values = RNG.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    values.flat[:2] = limits.min, limits.max
    return values


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


def hand_made(width, height, data, *, bits=8, more=()):
    """A TIFF file of one strip with these tags, from the specification. more: pairs of a tag and a short value."""
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 277: 1, 278: height, **dict(more)}
    entries |= {273: 8, 279: len(data)}
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", len(entries)) + tags + bytes(4)


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


ORIENTATIONS = {  # what a viewer shows of the rows in the file
    1: lambda rows: rows,
    2: np.fliplr,
    3: lambda rows: np.rot90(rows, 2),
    4: np.flipud,
    5: lambda rows: rows.T,
    6: lambda rows: np.rot90(rows, -1),
    7: lambda rows: np.rot90(rows, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation(tmp_path, orientation):
    rows = numbers("i4")
    path = written(tmp_path, rows, extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(files.read(path)[..., 0], upright(ORIENTATIONS[orientation](rows)))


def test_pages_are_the_third_axis(tmp_path):
    pages = numbers("i2", (5, *SHAPE))
    for metadata in ({}, None):
        path = written(tmp_path, pages, photometric="minisblack", metadata=metadata)
        values = files.read(path)
        assert values.shape == (6, 4, 5, 1)
        np.testing.assert_array_equal(values[..., 0], np.stack([upright(page) for page in pages], axis=-1))
        np.testing.assert_array_equal(files.read(path, dimension=3), values)
        np.testing.assert_array_equal(files.read(path, dimension=2), values[..., 0])  # the pages are channels
    coloured = numbers("u1", (5, *SHAPE, 3))
    path = written(tmp_path, coloured, photometric="rgb")
    np.testing.assert_array_equal(files.read(path)[:, :, 2], upright(coloured[2]) / 255)
    with pytest.raises(InputError, match=r"dimension = 2: a.tif is an array, which has 3 dimensions"):
        files.read(path, dimension=2)


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_stacks_of_microscopes(tmp_path, kind):
    """The axes of the file are named: C is the channels, and Z or T is the third axis."""
    stack = numbers("u2", (3, 2, *SHAPE))
    options = {"imagej": True} if kind == "imagej" else {"ome": True}
    path = written(tmp_path, stack, photometric="minisblack", metadata={"axes": "ZCYX"}, **options)
    values = files.read(path)
    assert values.shape == (6, 4, 3, 2)
    np.testing.assert_array_equal(values[:, :, 1, 0], upright(stack[1, 0]) / 65535)
    path = written(tmp_path, stack, photometric="minisblack", metadata={"axes": "TZYX"}, **options)
    with pytest.raises(InputError, match=r"the file has the axes time \(3\), depth \(2\); save one of them"):
        files.read(path)


def test_a_part_of_several_files_is_refused(tmp_path):
    """An OME-TIFF can name other files, which are never opened."""
    written(tmp_path, numbers("u1"), ome=True).rename(tmp_path / "other.tif")
    tiffdata = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="uint8" SizeX="6" SizeY="4" SizeZ="2" SizeC="1" SizeT="1"><TiffData FirstZ="1" '
        'IFD="0" PlaneCount="1"><UUID FileName="other.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    path = written(tmp_path, numbers("u1"), description=tiffdata, metadata=None)
    with pytest.raises(InputError, match="a part of an OME-TIFF of several files; save the array as one file"):
        files.read(path)


def test_images_of_unequal_shape_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(numbers("u1", (8, 10)), metadata=None)
        tiff.write(numbers("u1", (5, 7)), metadata=None)
    with pytest.raises(InputError, match=r"2 images of different shape or type \(8 x 10, 5 x 7\); save one image"):
        files.read(tmp_path / "a.tif")


@pytest.mark.parametrize("subifds", [0, 1])
def test_pyramids(tmp_path, subifds):
    values = numbers("u1", (32, 48))
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(values, metadata=None, subifds=subifds)
        tiff.write(values[::2, ::2], metadata=None, subfiletype=1)
    contents = files.read_contents(tmp_path / "a.tif")
    np.testing.assert_array_equal(contents.values[..., 0], upright(values) / 255)
    assert contents.notes == ("a.tif: copies of the image at a lower resolution are left out",)


def nodata(text):
    return {"extratags": [(42113, "s", 0, text, True)]}


@pytest.mark.parametrize(
    ("dtype", "text", "mark"),
    [
        ("i2", "-9999", -9999),
        ("u1", "0", 0),
        ("f4", "-3.4028234663852886e+38", np.finfo("f4").min),
        ("f8", "1e20", 1e20),
        ("f4", "nan", np.nan),
        ("i4", "-9999,0 ", -9999),
    ],
)
def test_missing_data(tmp_path, dtype, text, mark):
    values = np.arange(1, 25).reshape(SHAPE).astype(dtype)
    values[1, 2] = values[3, 0] = mark
    path = written(tmp_path, values, **nodata(text))
    read = files.read(path)[..., 0]
    assert np.argwhere(np.isnan(read)).tolist() == [[0, 0], [2, 2]]
    with pytest.raises(
        InputError,
        match=r"2 values are missing \(GDAL_NODATA = .*\), NaN or infinite, the first at index \[0, 0\]; fill or crop",
    ):
        build(parse(table(data={"kind": "file", "path": str(path)}, replace=True)))


@pytest.mark.parametrize(("dtype", "text"), [("u1", "-9999"), ("u1", "nan"), ("i2", "none"), ("f2", "1e300")])
def test_no_data_are_missing(tmp_path, dtype, text):
    """GDAL writes marks that the number type does not contain."""
    values = np.arange(24).reshape(SHAPE).astype(dtype)
    assert np.isfinite(files.read(written(tmp_path, values, **nodata(text)))).all()


def test_a_mask_marks_missing_data(tmp_path):
    values, mask = numbers("u1", (*SHAPE, 3)), np.ones(SHAPE, dtype=bool)
    mask[0, 5] = False
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(values, photometric="rgb", metadata=None)
        tiff.write(mask, photometric="mask", metadata=None, subfiletype=4)
    read = files.read(tmp_path / "a.tif")
    assert np.argwhere(np.isnan(read)).tolist() == [[5, 3, 0], [5, 3, 1], [5, 3, 2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": "png"}, "the compression PNG is not supported; use LZW"),
        ({"photometric": "cfa"}, "the colours are CFA; save the image as grey or RGB"),
    ],
)
def test_what_is_not_supported(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        files.read(written(tmp_path, numbers("u1"), **options))


def test_complex_values(tmp_path):
    with pytest.raises(InputError, match="the file holds complex64 values; convert them to real numbers"):
        files.read(written(tmp_path, np.ones(SHAPE, dtype=np.complex64)))


@pytest.mark.parametrize("compression", [None, "lzw", "zstd"])
def test_damage_is_an_error(tmp_path, compression):
    """Pages that are cut off are never replaced by zeros."""
    path = written(tmp_path, RNG.normal(size=(3, 40, 40)), compression=compression, photometric="minisblack")
    content = path.read_bytes()
    for length in range(0, len(content) - 8, len(content) // 40):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cannot be read as .tif: .*; write the file again"):
            files.read(path)


@pytest.mark.parametrize("count", [1, 3, 150])
def test_pages_in_a_circle(tmp_path, count):
    """tifffile follows circles for ever."""
    path = written(tmp_path, numbers("u1", (count, *SHAPE)), photometric="minisblack", metadata=None)
    content = bytearray(path.read_bytes())
    place, starts = 4, []
    while start := struct.unpack_from("<I", content, place)[0]:
        starts.append(start)
        place = start + 2 + 12 * struct.unpack_from("<H", content, start)[0]
    content[place : place + 4] = struct.pack("<I", starts[0])
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"the page at byte {starts[0]} follows itself; write the file again"):
        files.read(path)


def test_big_tiff(tmp_path):
    values = numbers("i4")
    for order in "<>":
        path = written(tmp_path, values, bigtiff=True, byteorder=order)
        np.testing.assert_array_equal(files.read(path)[..., 0], upright(values))
