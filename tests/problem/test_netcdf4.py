"""netCDF-4 files written with h5py: xarray, h5netcdf and the netCDF library read the same in them as this program."""

import shutil
import subprocess

import h5py
import numpy as np
import pytest
import xarray as xr

from freqbias.problem import open_netcdf
from freqbias.problem.netcdf4 import Variable, netcdf4_image, read_netcdf4

VALUES = np.arange(24.0).reshape(2, 3, 4)
VALUES[1, 2, 3] = np.nan
VARIABLES = {
    "time": Variable(("time",), np.array([0.0, 0.5]), {"units": "s"}),
    "error": Variable(("time", "channel", "sample"), VALUES, {"units": "", "long_name": "Fehler, öäü"}),
    "single": Variable(("sample",), np.arange(4, dtype=np.float32), {}),
    "cells": Variable(("cell", "sample"), np.arange(8).reshape(2, 4), {}),
    "used": Variable(("channel",), np.array([1, 0, 1], np.int8), {}),
}
ATTRIBUTES = {
    "name": "ä",
    "empty": "",
    "text": "long " * 20000,
    "seed": 5,
    "sigma": np.float64(0.1),
    "extent": [1.0, 2.0],
    "kinds": ["a", "bc"],
    "version": np.int64(1),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.nc"
    path.write_bytes(netcdf4_image(VARIABLES, ATTRIBUTES))
    return path


def test_xarray_and_the_quick_reader_agree(path):
    """xr.load_dataset reads with h5netcdf, which shares nothing with the quick reader."""
    expected, quick = xr.load_dataset(path, engine="h5netcdf", decode_times=False), read_netcdf4(path)
    with open_netcdf(path) as found:
        assert found.identical(expected)
    assert quick is not None
    assert quick.variables.keys() == set(expected.variables) == set(VARIABLES)
    for name, variable in VARIABLES.items():
        for read in (quick[name], expected[name]):
            assert read.dims == variable.dims
            assert read.dtype == variable.dtype
            assert read.attrs == variable.attrs
            np.testing.assert_array_equal(read.values, variable.values)
        is_float = variable.dtype.kind == "f"
        assert np.isnan(expected[name].encoding.get("_FillValue", 0.0)) == is_float
        with h5py.File(path) as file:  # the netCDF library takes the fill value from here
            assert np.isnan(file[name].fillvalue) == is_float
    assert quick.attrs.keys() == set(ATTRIBUTES)
    for name, value in ATTRIBUTES.items():
        np.testing.assert_array_equal(quick.attrs[name], value)


@pytest.mark.skipif(shutil.which("ncdump") is None, reason="ncdump is not installed; apt-get install netcdf-bin")
def test_the_netcdf_library_reads_the_file(path):
    text = subprocess.run(["ncdump", path], capture_output=True, text=True, check=True).stdout
    for line in ("channel = 3 ;", "double error(time, channel, sample) ;", ":extent = 1., 2. ;", "20, 21, 22, _ ;"):
        assert line in text
    assert not any(name in text for name in ("_Netcdf4", "DIMENSION", "CLASS"))


def test_chosen_variables(path):
    found = read_netcdf4(path, {"used", "cells", "nothing"})
    assert found is not None
    assert set(found.variables) == {"used", "cells"}
    assert found["cells"].dims == ("cell", "sample")


def test_order_of_dimensions():
    turned = VARIABLES["error"].ordered("sample", "time")
    assert turned.dims == ("sample", "channel", "time")
    np.testing.assert_array_equal(turned.values, VALUES.T)
    assert VARIABLES["error"].ordered("channel").dims == ("channel", "time", "sample")


def test_one_dimension_of_two_lengths():
    with pytest.raises(ValueError, match="dimension sample of variable other has length 5, elsewhere 4"):
        netcdf4_image({**VARIABLES, "other": Variable(("sample",), np.ones(5), {})}, {})


def test_files_of_other_programs_and_changed_files_go_to_xarray(path):
    with h5py.File(path, "a") as file:
        file["single"].attrs["scale_factor"] = 3.0
    assert read_netcdf4(path) is None
    with open_netcdf(path) as data:
        np.testing.assert_array_equal(data["single"], 3 * VARIABLES["single"].values)
    with h5py.File(path, "a") as file:
        del file["single"].attrs["scale_factor"]
        file["more"] = np.ones(2)
    assert read_netcdf4(path) is None
    xr.Dataset({"error": ("time", np.ones(2))}).to_netcdf(path, engine="h5netcdf")
    assert read_netcdf4(path) is None


@pytest.mark.parametrize("provenance", ["version=2,netcdf=4.9.2", 5, None])
def test_files_name_the_program_that_wrote_them_in_any_way_or_not_at_all(provenance, path):
    with h5py.File(path, "a") as file:
        del file.attrs["_NCProperties"]
        if provenance is not None:
            file.attrs["_NCProperties"] = provenance
    assert read_netcdf4(path) is None
    with open_netcdf(path) as data:
        np.testing.assert_array_equal(data["error"], VALUES)
