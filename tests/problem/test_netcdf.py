"""netCDF files from anywhere: those of version 3 are read, and those that bring in other files are refused."""

import gc

import h5py
import numpy as np
import pytest
import xarray as xr

from freqbias.errors import InputError
from freqbias.problem import ErrorHistory, open_netcdf

POSITION = np.linspace(-0.5, 0.5, 8)[:, None]
TIME = np.array([0.0, 1.0, 2.0])
ERROR = np.exp(-TIME[:, None, None]) * np.sin(7 * POSITION.T)
HISTORY = ErrorHistory(TIME, POSITION, ERROR, (ERROR**2).mean(axis=-1).sum(axis=-1) / 2)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # HDF5 also looks there for files that a file names
    HISTORY.save(tmp_path / "other.nc")
    HISTORY.save(tmp_path / "error.nc")
    return tmp_path / "error.nc"


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def test_netcdf_3_is_read(kind, path):
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        data.load()
    data.to_netcdf(path, format=kind, engine="scipy")
    assert path.read_bytes().startswith(b"CDF")
    read = ErrorHistory.load(path)
    for name in ("time", "position", "error", "loss"):
        np.testing.assert_array_equal(getattr(read, name), getattr(HISTORY, name))
        assert getattr(read, name).dtype == np.dtype("=f8")


def test_damaged_netcdf_3_is_refused(path):
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        data.load()
    data.to_netcdf(path, engine="scipy")
    content = path.read_bytes()
    for cut in (content[:3], content[:40], content[: len(content) // 2], content[:4] + b"\x7f" * 8 + content[12:]):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=r"error\.nc: the file cannot be read as netCDF"):
            ErrorHistory.load(path)


@pytest.mark.filterwarnings("error")
def test_netcdf_3_with_other_lengths_warns_of_nothing(path):
    """SciPy warned, when the file was freed, that it could not be closed."""
    HISTORY.save(path)
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        data.load()
    data.to_netcdf(path, engine="scipy")
    content = path.read_bytes()
    refused = 0
    for position in range(7, 400, 4):
        path.write_bytes(content[:position] + b"\x09" + content[position + 1 :])
        try:
            ErrorHistory.load(path)
        except InputError:
            refused += 1
            gc.collect()
    assert refused > 20


def linked(file, values):
    file["error"] = h5py.ExternalLink("other.nc", "/error")


def linked_through_a_group(file, values):
    file.create_group("group")["link"] = h5py.ExternalLink("other.nc", "/")
    file["error"] = h5py.SoftLink("/group/link/error")


def stored_elsewhere(file, values):
    values.tofile("values.bin")
    file.create_dataset("error", values.shape, values.dtype, external=[("values.bin", 0, values.nbytes)])


def virtual(file, values):
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[:] = h5py.VirtualSource("other.nc", "error", values.shape)
    file.create_virtual_dataset("error", layout)


def never_written(file, values):
    file.create_dataset("error", (10**6, 1, 10**6), "f8", chunks=(1, 1, 1000))


def compressed(file, values):
    file.create_dataset("error", (3, 1, 10**8), "f8", chunks=(1, 1, 10**5), compression="gzip")


def in_one_huge_chunk(file, values):
    file.create_dataset("error", values.shape, "f8", maxshape=(None, 1, None), chunks=(3, 1, 10**8))


@pytest.mark.parametrize(
    "harm, message",
    [
        (linked, "error is a link to the file 'other.nc'; write all data into one file"),
        (linked_through_a_group, "group/link is a link to the file 'other.nc'; write all data into one file"),
        (stored_elsewhere, "error is stored in the file 'values.bin'; write all data into one file"),
        (virtual, "error is a virtual dataset, which reads other datasets; write all data into one file"),
        (
            never_written,
            r"error, of shape \(1000000, 1, 1000000\), brings the data to 8.0e\+12 bytes, but the file has",
        ),
        (compressed, r"error, of shape \(3, 1, 100000000\), brings the data to 2.4e\+09 bytes"),
        (in_one_huge_chunk, r"error, of shape \(3, 1, 8\), brings the data to 2.4e\+09 bytes"),
    ],
)
def test_files_that_bring_in_more_than_they_hold(harm, message, path):
    ErrorHistory.load(path)
    with h5py.File(path, "a") as file:
        values = file["error"][()]
        del file["error"]
        harm(file, values)
    with pytest.raises(InputError, match=rf"error\.nc: {message}"):
        ErrorHistory.load(path)
    with pytest.raises(InputError, match=rf"error\.nc: {message}"):
        open_netcdf(path)


def test_links_within_the_file_are_read(path):
    with h5py.File(path, "a") as file:
        file["own"] = h5py.SoftLink("/error")
        file["own_group/again"] = file["error"]
        file["own_group/loop"] = file["/"]
    np.testing.assert_array_equal(ErrorHistory.load(path).error, ERROR)


def test_other_variables_are_not_read(path):
    """A file of one's own may have variables of any type beside those of the format."""
    with h5py.File(path, "a") as file:
        file.create_dataset("name", data="a", dtype=h5py.string_dtype())
        file.create_dataset("notes", data=np.void(b"123"))
    np.testing.assert_array_equal(ErrorHistory.load(path).error, ERROR)
