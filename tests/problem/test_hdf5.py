"""Arrays of MATLAB and HDF5 files by name. Nothing outside the file is read."""

import struct

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.io import savemat
from scipy.sparse import csc_array

from freqbias.errors import InputError
from freqbias.problem import build, files, parse
from tests.problem.run_files import table

RNG = np.random.default_rng(0)
MAP, VOLUME = RNG.normal(size=(4, 5)), RNG.normal(size=(2, 3, 4))


def matlab(path, version, **arrays):
    """A file as MATLAB writes it. Version 7.3 is HDF5 with a block of 512 bytes in front and axes in reverse."""
    if version != "7.3":
        savemat(path, arrays, do_compression=version == "7")
        return
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = np.asarray(values).T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        file["#refs#/a"] = 1.0


VERSIONS = pytest.mark.parametrize("version", ["6", "7", "7.3"])


@VERSIONS
def test_matlab(tmp_path, version):
    path = tmp_path / "a.mat"
    matlab(path, version, map=MAP, volume=VOLUME, row=MAP[:1], column=MAP[:, :1])
    np.testing.assert_array_equal(files.read(path, key="map")[..., 0], MAP)
    np.testing.assert_array_equal(files.read(path, key="volume"), VOLUME[..., None])
    np.testing.assert_array_equal(files.read(path, key="row")[:, 0], MAP[0])
    np.testing.assert_array_equal(files.read(path, key="column")[:, 0], MAP[:, 0])
    with pytest.raises(InputError, match=r"key is missing; use one of .*map.*"):
        files.read(path)
    with pytest.raises(InputError, match=r"key = 'mop' is not in a.mat; use one of "):
        files.read(path, key="mop")


@VERSIONS
def test_a_single_array_needs_no_key(tmp_path, version):
    matlab(tmp_path / "a.mat", version, map=MAP)
    np.testing.assert_array_equal(files.read(tmp_path / "a.mat", dimension=1), MAP)


def test_only_numbers_of_matlab_are_read(tmp_path):
    objects = np.array([MAP, "text"], dtype=object)
    arrays = {"text": "abc", "cell": objects, "struct": {"map": MAP}, "sparse": csc_array(MAP), "complex": 1j * MAP}
    matlab(tmp_path / "a.mat", "7", map=MAP, **arrays)
    np.testing.assert_array_equal(files.read(tmp_path / "a.mat")[..., 0], MAP)
    for name in arrays:
        with pytest.raises(InputError, match=rf"key = '{name}' is not in a.mat; use one of map"):
            files.read(tmp_path / "a.mat", key=name)


def test_texts_and_sparse_matrices_of_version_7_3_are_not_read(tmp_path):
    """They are stored as numbers."""
    matlab(tmp_path / "a.mat", "7.3", map=MAP, text=[[104, 105]])
    with h5py.File(tmp_path / "a.mat", "a") as file:
        file["text"].attrs["MATLAB_class"] = np.bytes_("char")
        file["sparse/data"], file["sparse/ir"], file["sparse/jc"] = MAP[0], np.arange(5), np.arange(6)
        file["sparse"].attrs["MATLAB_sparse"] = 4
    np.testing.assert_array_equal(files.read(tmp_path / "a.mat")[..., 0], MAP)
    for name in ("text", "sparse/data"):
        with pytest.raises(InputError, match=rf"key = '{name}' is not in a.mat; use one of map"):
            files.read(tmp_path / "a.mat", key=name)


@pytest.mark.filterwarnings("ignore:variable 'map' has multiple fill values")
def test_attributes_of_netcdf(tmp_path):
    """The values are those of xarray, which reads them in single precision."""
    numbers = np.array([[100, -999, 300], [1, -1, 3]], dtype="i2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["map"] = numbers
        file["map"].attrs.update({"_FillValue": np.int16([-999]), "missing_value": np.int16(-1)})
        file["map"].attrs.update({"scale_factor": 0.01, "add_offset": 273.15})
    contents = files.read_contents(tmp_path / "a.h5")
    with xr.open_dataset(tmp_path / "a.h5", engine="h5netcdf", phony_dims="access") as other:
        np.testing.assert_allclose(contents.values[..., 0], other["map"].values, rtol=1e-6)
    np.testing.assert_allclose(
        contents.values[..., 0], [[274.15, np.nan, 276.15], [273.16, np.nan, 273.18]], rtol=1e-15
    )
    assert contents.notes == ("a.h5: value = 0.01 x + 273.15 for a number x in the file, as its attributes say",)
    with pytest.raises(
        InputError, match=r"2 values are missing \(-999 or -1\), NaN or infinite, the first at index \[0, 1"
    ):
        build(parse(table(data={"kind": "file", "path": str(tmp_path / "a.h5")}, replace=True)))


def test_a_mark_in_single_precision(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["map"] = np.array([0.5, 9.96921e36, 1.5], dtype="f4")
        file["map"].attrs["_FillValue"] = 9.96921e36
    np.testing.assert_array_equal(files.read(tmp_path / "a.h5")[:, 0], [0.5, np.nan, 1.5])


@pytest.mark.parametrize("name", ["a.h5", "a.hdf5"])
def test_hdf5(tmp_path, name):
    with h5py.File(tmp_path / name, "w") as file:
        file["group/map"] = MAP.astype(">f4")
        file.create_dataset("volume", data=VOLUME, chunks=(1, 3, 2), compression="gzip")
        file["text"] = "abc"
        file["nothing"] = h5py.Empty("f8")
    np.testing.assert_array_equal(files.read(tmp_path / name, key="group/map")[..., 0], MAP.astype("f4"))
    np.testing.assert_array_equal(files.read(tmp_path / name, key="/volume", dimension=2), VOLUME)
    for key in ("text", "nothing", "group", "more", None):
        with pytest.raises(InputError, match=r"key .*; use one of group/map, volume"):
            files.read(tmp_path / name, key=key)


def test_hdf5_as_scattered_samples(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["stations"] = MAP
    data = {"kind": "file", "path": str(tmp_path / "a.h5"), "layout": "scattered", "dimension": 2, "key": "stations"}
    problem = build(parse(table(data=data, replace=True)))
    np.testing.assert_array_equal(problem.samples.values, MAP[:, 2:].T)


def link(file):
    file["group/link"] = h5py.ExternalLink("other.h5", "/secret")


def store_elsewhere(file):
    file.create_dataset("stored", MAP.shape, "f8", external=[("secret.bin", 0, MAP.nbytes)])


def make_virtual(file):
    layout = h5py.VirtualLayout(MAP.shape, "f8")
    layout[...] = h5py.VirtualSource("other.h5", "secret", MAP.shape)
    file.create_virtual_dataset("virtual", layout)


def declare_more(file):
    file.create_dataset("huge", (2**16, 2**16), "u1", chunks=(2**10, 2**10), compression="gzip")


def leave_holes(file):
    file.create_dataset("huge", (2**32,), "u1")[-1] = 1  # the file system stores the last block only


@pytest.mark.parametrize("name", ["a.h5", "a.mat"])
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (link, "group/link is a link to the file 'other.h5'; write all data into one file"),
        (store_elsewhere, "stored is stored in the file 'secret.bin'; write all data into one file"),
        (make_virtual, "virtual is a virtual dataset, which reads other datasets; write all data into one file"),
        (leave_holes, r"huge, of shape \(4294967296,\), brings the data to 4.3e\+09 bytes, but the file has only"),
        (declare_more, r"huge, of shape \(65536, 65536\), brings the data to 4.3e\+09 bytes, but the file has only"),
    ],
)
def test_no_more_is_read_than_the_file_holds(tmp_path, monkeypatch, name, harm, message):
    monkeypatch.chdir(tmp_path)  # HDF5 also looks there for files that a file names
    with h5py.File("other.h5", "w") as file:
        file["secret"] = MAP
    MAP.tofile("secret.bin")
    matlab(tmp_path / name, "7.3", map=MAP)
    assert files.read(tmp_path / name, key="map").size == MAP.size
    with h5py.File(name, "a") as file:
        harm(file)
    with pytest.raises(InputError, match=rf"\[data\] path = '.*{name}': {message}"):
        files.read(tmp_path / name, key="map")


@pytest.mark.parametrize("name", ["a.mat", "a.h5"])
def test_cut_short(tmp_path, name):
    path = tmp_path / name
    if name == "a.mat":
        savemat(path, {"map": RNG.normal(size=(40, 40))}, do_compression=True)
    else:
        with h5py.File(path, "w") as file:
            file["map"] = RNG.normal(size=(40, 40))
    content = path.read_bytes()
    for length in (0, 5, 30, len(content) // 2, len(content) - 40):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cannot be read as \.\w+: .*; write the file again"):
            files.read(path)


def test_a_wrong_byte_in_a_matlab_file(tmp_path):
    """Whichever byte of a packed file is changed, the file is refused, or the values are the same."""
    path = tmp_path / "a.mat"
    savemat(path, {"map": MAP}, do_compression=True)
    content = path.read_bytes()
    for at in range(128, len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        try:
            np.testing.assert_array_equal(files.read(path)[..., 0], MAP)
        except InputError as failure:
            assert "write the file again" in str(failure) or "no arrays of numbers" in str(failure)


def test_matlab_in_the_other_byte_order(tmp_path):
    def element(kind, data):
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    array = element(6, struct.pack(">II", 6, 0)) + element(5, struct.pack(">ii", 4, 5)) + element(1, b"map")
    array += element(9, MAP.T.astype(">f8").tobytes())
    (tmp_path / "a.mat").write_bytes(bytes(124) + b"\x01\x00MI" + element(14, array))
    np.testing.assert_array_equal(files.read(tmp_path / "a.mat", key="map")[..., 0], MAP)
