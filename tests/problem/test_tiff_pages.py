"""TIFF files with pages, missing data, unusual layouts or damage."""

import struct

import numpy as np
import pytest
import tifffile

from freqbias.errors import InputError
from freqbias.problem import build, files, parse, tiff_pages
from tests.problem.run_files import table
from tests.problem.tiff_files import RNG, SHAPE, numbers, upright, written


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


def test_pages_written_one_after_the_other(tmp_path):
    """tifffile describes each of them as an image."""
    pages = numbers("i2", (5, *SHAPE))
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in pages:
            tiff.write(page, contiguous=False)
    values = files.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(values[..., 0], np.stack([upright(page) for page in pages], axis=-1))


@pytest.mark.parametrize("count", [3, 20])
@pytest.mark.parametrize(
    ("dtype", "options", "message"),
    [
        ("u1", {"photometric": "miniswhite"}, r"2 images of different shape, type or colours"),
        ("i1", {}, r"2 images of different shape, type or colours"),
        ("u1", {"extratags": [(274, "H", 1, 3, True)]}, "page 3 has another orientation than page 1; save one page"),
        ("u1", {"extratags": [(42113, "s", 0, "5", True)]}, "page 3 has another mark of missing data than page 1"),
        (
            "u1",
            {"photometric": "palette", "colormap": np.ones((3, 256), "u2")},
            "page 3 has another palette than page 1",
        ),
    ],
)
def test_no_page_is_read_as_another(tmp_path, count, dtype, options, message):
    """Of many pages, tifffile compares only some with the first."""
    first = {"photometric": "palette", "colormap": np.zeros((3, 256), "u2")} if "colormap" in options else {}
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in range(count):
            kind, own = (dtype, options) if page == 2 else ("u1", first)
            tiff.write(np.zeros(SHAPE, kind), metadata=None, **{"photometric": "minisblack", **own})
    with pytest.raises(InputError, match=message):
        files.read(tmp_path / "a.tif")


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
    with pytest.raises(
        InputError, match=r"2 images of different shape, type or colours \(8 x 10, 5 x 7\); save one image"
    ):
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
        ("f4", "0.1", 0.1),
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
        ({"photometric": "ycbcr", "bands": 3}, "the colours are YCBCR; save the image as grey or RGB"),
        ({"photometric": "separated", "bands": 4, "compression": "jpeg"}, "the colours are SEPARATED; save the image"),
    ],
)
def test_what_is_not_supported(tmp_path, options, message):
    shape = (*SHAPE, options.pop("bands")) if "bands" in options else SHAPE
    with pytest.raises(InputError, match=message):
        files.read(written(tmp_path, numbers("u1", shape), **options))


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


def test_too_many_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_pages, "MOST_PAGES", 4)
    path = written(tmp_path, numbers("u1", (4, *SHAPE)), photometric="minisblack")
    assert files.read(path).shape == (6, 4, 4, 1)
    path = written(tmp_path, numbers("u1", (5, *SHAPE)), photometric="minisblack")
    with pytest.raises(InputError, match=r"the file has more than 4 pages; save the array as a \.npy file"):
        files.read(path)


def test_big_tiff(tmp_path):
    values = numbers("i4")
    for order in "<>":
        path = written(tmp_path, values, bigtiff=True, byteorder=order)
        np.testing.assert_array_equal(files.read(path)[..., 0], upright(values))
