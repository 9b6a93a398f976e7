"""Volumes in NRRD files: encodings, channels, spacing and units."""

import gzip

import nrrd
import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.problem import files
from tests.problem.test_sound_and_volumes import RNG, VOLUME

pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning")  # from pynrrd


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_nrrd(tmp_path, encoding, endian):
    header = {"spacings": [0.5, 0.75, 2.0], "units": ["mm", "mm", "mm"], "encoding": encoding, "endian": endian}
    nrrd.write(str(tmp_path / "a.nrrd"), VOLUME, header)
    contents = files.read_contents(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(contents.values[..., 0], VOLUME)
    assert (contents.spacing, contents.unit) == ((0.5, 0.75, 2.0), "mm")


def test_nrrd_with_channels_first(tmp_path):
    colours = RNG.normal(size=(3, 5, 4))
    directions = [[np.nan, np.nan], [0.3, 0.4], [0.0, 2.0]]
    header = {"space dimension": 2, "space directions": directions, "kinds": ["vector", "domain", "domain"]}
    nrrd.write(str(tmp_path / "a.nrrd"), colours, header)
    contents = files.read_contents(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(contents.values, np.moveaxis(colours, 0, -1))
    assert contents.spacing == (0.5, 2.0)


@pytest.mark.parametrize("encoding", ["hex", "zrl"])
def test_nrrd_of_another_encoding_is_refused(tmp_path, encoding):
    head = f"NRRD0004\ntype: uint8\ndimension: 1\nsizes: 4\nencoding: {encoding}\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode() + b"0102fe03")
    with pytest.raises(InputError, match=rf"the encoding '{encoding}' is not supported; save the file with the enc"):
        files.read(tmp_path / "a.nrrd")


@pytest.mark.parametrize("encoding", ["Raw", "GZIP", "Text"])
def test_encodings_in_capital_letters(tmp_path, encoding):
    head = f"NRRD0004\ntype: uint8\ndimension: 1\nsizes: 3\nencoding: {encoding}\n\n"
    content = {"Raw": b"\1\2\3", "GZIP": gzip.compress(b"\1\2\3"), "Text": b"1 2 3"}[encoding]
    (tmp_path / "a.nrrd").write_bytes(head.encode() + content)
    assert files.read(tmp_path / "a.nrrd")[:, 0].tolist() == [1, 2, 3]


def test_axes_after_the_third_are_channels(tmp_path):
    series = RNG.normal(size=(5, 4, 3, 2))
    nrrd.write(str(tmp_path / "a.nrrd"), series, {})
    np.testing.assert_array_equal(files.read(tmp_path / "a.nrrd"), series)


def test_nrrd_of_too_many_channels(tmp_path):
    head = "NRRD0004\ntype: uint8\ndimension: 2\nsizes: 900000000 2\nkinds: vector domain\nencoding: raw\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode())
    with pytest.raises(InputError, match=r"the array has 900,000,000 x 2 values, which need 13\.4 GiB of memory"):
        files.read(tmp_path / "a.nrrd")


def test_nrrd_without_an_axis_in_space(tmp_path):
    nrrd.write(str(tmp_path / "a.nrrd"), VOLUME[0], {"kinds": ["list", "vector"]})
    with pytest.raises(InputError, match="no axis lies in space, because the kinds of the axes are list, vector"):
        files.read(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    "header",
    [
        {"spacings": [1, 2, 3], "units": ["mm", "cm", "mm"]},
        {"space dimension": 3, "space directions": np.eye(3), "space units": ["mm", "cm", "mm"]},
    ],
)
def test_a_spacing_of_different_units_is_not_used(tmp_path, header):
    nrrd.write(str(tmp_path / "a.nrrd"), VOLUME, header)
    contents = files.read_contents(tmp_path / "a.nrrd")
    assert (contents.spacing, contents.unit) == (None, "")
    assert contents.notes == ("a.nrrd: the spacing is not used, because its units differ: cm, mm",)
    nrrd.write(str(tmp_path / "a.nrrd"), VOLUME[:, :1], header)  # an axis of length 1 is no axis
    contents = files.read_contents(tmp_path / "a.nrrd")
    assert contents.unit == "mm" and contents.spacing is not None


def test_nrrd_whose_values_are_elsewhere(tmp_path):
    nrrd.write(str(tmp_path / "a.nhdr"), VOLUME, {"encoding": "raw"})
    (tmp_path / "a.nhdr").rename(tmp_path / "a.nrrd")
    with pytest.raises(InputError, match="the header has data file; save header and values as one file"):
        files.read(tmp_path / "a.nrrd")
