"""netCDF-4 files written with h5py: xarray, h5netcdf and the netCDF library read the same in them as this program."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
import xarray as xr

from freqbias.errors import InputError
from freqbias.problem import open_netcdf
from freqbias.problem.netcdf4 import Reserved, Variable, extend_netcdf4, read_netcdf4, write_netcdf4

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


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_values_that_are_written_later(tmp_path, dtype):
    """They are raw numbers at a place that does not move when variables with old and new dimensions are added."""
    path, shape, values = tmp_path / "a.nc", (2, 3, 4), np.arange(24, dtype=dtype).reshape(2, 3, 4)
    dims = ("time", "channel", "node")
    written = {"time": VARIABLES["time"], "a": Reserved(dims, shape, np.dtype(dtype), {"units": "m"})}
    place = write_netcdf4(path, {**written, "b": Reserved(dims, shape, np.dtype(dtype))}, {"kept": 1, "changed": 1})
    assert place.keys() == {"a", "b"}
    with path.open("r+b") as file:
        for name, factor in (("b", 2), ("a", 1)):
            file.seek(place[name])
            file.write(factor * values)
    added = {"loss": Variable(("time",), np.array([3.0, 4.0])), "points": Variable(("point", "node"), np.ones((5, 4)))}
    extend_netcdf4(path, added, {"changed": 2, "new": "text"})
    with pytest.raises(ValueError, match="dimension time of variable c has length 3, elsewhere 2"):
        extend_netcdf4(path, {"c": Variable(("time",), np.ones(3))}, {})
    quick, slow = read_netcdf4(path), xr.load_dataset(path, engine="h5netcdf", decode_times=False)
    for found in (quick, slow):
        np.testing.assert_array_equal(found["a"].values, values)
        np.testing.assert_array_equal(found["b"].values, 2 * values)
        np.testing.assert_array_equal(found["loss"].values, [3.0, 4.0])
        assert found["a"].dims == dims and found["a"].attrs == {"units": "m"} and found["a"].dtype == dtype
        assert found["points"].dims == ("point", "node")
        assert dict(found.attrs) == {"kept": 1, "changed": 2, "new": "text"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.nc"
    write_netcdf4(path, VARIABLES, ATTRIBUTES)
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


def test_one_dimension_of_two_lengths(tmp_path):
    with pytest.raises(ValueError, match="dimension sample of variable other has length 5, elsewhere 4"):
        write_netcdf4(tmp_path / "a.nc", {**VARIABLES, "other": Variable(("sample",), np.ones(5), {})}, {})


@pytest.mark.parametrize("space", [0, 1_000, 30_000, 1_000_000])
def test_a_full_disk_is_an_error(space, tmp_path):
    """HDF5 would end the process. The child ends with code 0 if the OSError reached Python."""
    program = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from freqbias.problem.netcdf4 import Variable, write_netcdf4
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({space}, {space}))
values = np.random.default_rng(0).normal(size=(3, 100_000))
try:
    write_netcdf4(Path(sys.argv[1]), {{"v": Variable(("time", "node"), values)}}, {{}})
except OSError as failure:
    sys.exit(0 if failure.errno == 27 else 1)
sys.exit(2)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "a.nc")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_large_variables_are_written_part_by_part(tmp_path):
    values = np.random.default_rng(0).normal(size=(5, 2, 20_000)).astype(complex).real  # not contiguous
    write_netcdf4(tmp_path / "a.nc", {"v": Variable(("time", "channel", "node"), values)}, {})
    np.testing.assert_array_equal(open_netcdf(tmp_path / "a.nc")["v"].values, values)


CHANGED = {
    "scale_factor": 3.0,
    "add_offset": 2.0,
    "missing_value": 2.0,
    "_Unsigned": "true",
    "dtype": "bool",
    "_FillValue": np.float32(5.0),
}


@pytest.mark.parametrize("name", CHANGED)
def test_attributes_that_change_the_values_are_left_to_xarray(name, path):
    with h5py.File(path, "a") as file:
        file["single"].attrs[name] = CHANGED[name]
    assert read_netcdf4(path) is None
    with open_netcdf(path) as found:
        assert found["single"].dims == ("sample",)
        if name in ("scale_factor", "add_offset", "missing_value"):
            assert not np.array_equal(found["single"], VARIABLES["single"].values, equal_nan=True)


def test_other_programs_files_are_left_to_xarray(path):
    xr.Dataset({"error": ("time", np.ones(2))}).to_netcdf(path, engine="h5netcdf")
    assert read_netcdf4(path) is None


ADDED = {
    "texts": xr.DataArray(["ä", "b"], dims="time"),
    "truth": xr.DataArray([True, False], dims="time"),
    "numbers": xr.DataArray([1.0, 2.0], dims="time"),
}


@pytest.mark.parametrize("name", ADDED)
def test_variables_that_xarray_added(name, path):
    added = ADDED[name]
    added.to_dataset(name=name).to_netcdf(path, mode="a", engine="h5netcdf")
    with open_netcdf(path) as found, xr.open_dataset(path, engine="h5netcdf", decode_times=False) as expected:
        assert found.identical(expected)
        np.testing.assert_array_equal(found[name], added)


def test_a_plain_dataset_that_h5py_added(path):
    with h5py.File(path, "a") as file:
        file["more"] = np.ones(2)
    assert read_netcdf4(path) is None


def test_texts_of_fixed_length(path):
    with h5py.File(path, "a") as file:
        file.attrs["unit"] = np.bytes_("m")
    assert read_netcdf4(path).attrs["unit"] == "m"


def test_values_of_another_byte_order(path):
    with h5py.File(path, "a") as file:
        kept = dict(file["used"].attrs)
        del file["used"]
        file["used"] = np.array([1, 0, 1], ">i4")
        file["used"].attrs["_Netcdf4Coordinates"] = kept["_Netcdf4Coordinates"]
    values = read_netcdf4(path)["used"].values
    assert values.dtype == np.dtype("int32") and values.tolist() == [1, 0, 1]


@pytest.mark.parametrize(("name", "ids"), [("error", [0, 0, 2]), ("time", [0, 1]), ("error", [0, 1]), ("error", [])])
def test_dimensions_that_do_not_fit(name, ids, path):
    with h5py.File(path, "a") as file:
        file[name].attrs["_Netcdf4Coordinates"] = np.array(ids, np.int32)
    with pytest.raises(InputError, match=f"cannot be read as netCDF: variable {name} has shape"):
        open_netcdf(path)


def test_a_variable_with_the_name_of_a_dimension_has_this_dimension(tmp_path):
    with pytest.raises(ValueError, match=r"variable time has the dimensions \('time', 'axis'\)"):
        write_netcdf4(tmp_path / "a.nc", {"time": Variable(("time", "axis"), np.ones((2, 3)), {})}, {})


def test_many_threads_can_write(tmp_path):
    paths = [tmp_path / f"{k}.nc" for k in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: write_netcdf4(path, VARIABLES, ATTRIBUTES), paths))
    assert len({path.stat().st_size for path in paths}) == 1


@pytest.mark.parametrize("provenance", ["version=2,netcdf=4.9.2", 5, None])
def test_files_name_the_program_that_wrote_them_in_any_way_or_not_at_all(provenance, path):
    with h5py.File(path, "a") as file:
        del file.attrs["_NCProperties"]
        if provenance is not None:
            file.attrs["_NCProperties"] = provenance
    assert read_netcdf4(path) is None
    with open_netcdf(path) as data:
        np.testing.assert_array_equal(data["error"], VALUES)
