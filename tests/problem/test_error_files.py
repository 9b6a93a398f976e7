"""Files with the errors of a user's own network: what is read, and what is refused."""

from dataclasses import replace
from itertools import permutations

import h5py
import numpy as np
import pytest
import xarray as xr

from freqbias.errors import InputError
from freqbias.problem import (
    ErrorHistory,
)
from tests.problem.record_examples import HISTORY, RNG


def foreign(path, **changes):
    """A user's own error.nc: HISTORY with variables or attributes changed; None leaves one out."""
    variables = {
        "time": ("time", HISTORY.time),
        "position": (("sample", "axis"), HISTORY.position),
        "error": (("time", "channel", "sample"), HISTORY.error),
    }
    attributes = {"format_version": changes.pop("format_version", 1)}
    variables = {name: value for name, value in {**variables, **changes}.items() if value is not None}
    xr.Dataset(variables, attrs=attributes).to_netcdf(path, engine="h5netcdf")
    return path


def test_a_users_errors_need_no_loss(tmp_path):
    loaded = ErrorHistory.load(
        foreign(tmp_path / "a.nc", error=(("time", "channel", "sample"), HISTORY.error.astype("f4")))
    )
    np.testing.assert_allclose(loaded.loss, 0.5 * (HISTORY.error**2).sum(axis=(1, 2)) / 5, rtol=1e-6)
    assert loaded.error.dtype == np.float64


def test_time_is_a_number_whatever_its_unit(tmp_path):
    """xarray would make dates of it."""
    units = {"units": "seconds since 2000-01-01"}
    loaded = ErrorHistory.load(foreign(tmp_path / "a.nc", time=("time", HISTORY.time, units)))
    np.testing.assert_array_equal(loaded.time, HISTORY.time)


def test_times_and_positions_keep_their_number_type(tmp_path):
    """The type says how precise they are, see `freqbias.numerics.rounding`."""
    changes = {
        "time": ("time", HISTORY.time.astype("f4")),
        "position": (("sample", "axis"), HISTORY.position.astype(">f4")),
    }
    loaded = ErrorHistory.load(foreign(tmp_path / "a.nc", **changes))
    assert loaded.time.dtype == np.float32 and loaded.position.dtype.itemsize == 4
    np.testing.assert_array_equal(loaded.position, HISTORY.position.astype("f4"))


@pytest.mark.parametrize("names", [*permutations(["time", "channel", "sample"])], ids=" ".join)
@pytest.mark.parametrize("times", [2, 5])
def test_named_dimensions_in_any_order(tmp_path, names, times):
    """Also if there are as many times as samples, so that the shapes say nothing."""
    whole = xr.Dataset(
        {
            "position": (("axis", "sample"), HISTORY.position.T),
            "error": (("time", "channel", "sample"), RNG.normal(size=(times, 2, 5))),
            "held_out_position": (("axis", "held_out"), HISTORY.position[:4].T),
            "held_out_error": (("time", "channel", "held_out"), RNG.normal(size=(times, 2, 4))),
        },
        {"time": np.arange(times)},
    )
    moved = whole.assign(error=whole.error.transpose(*names), held_out_error=whole.held_out_error.T)
    moved.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", unlimited_dims=["time"])
    loaded = ErrorHistory.load(tmp_path / "a.nc")
    np.testing.assert_array_equal(loaded.error, whole.error)
    np.testing.assert_array_equal(loaded.held_out_error, whole.held_out_error)
    np.testing.assert_array_equal(loaded.position, HISTORY.position)
    np.testing.assert_array_equal(loaded.held_out_position, HISTORY.position[:4])


@pytest.mark.parametrize("times", [2, 5])
@pytest.mark.filterwarnings("error")
def test_plain_hdf5_files_have_the_documented_order(tmp_path, times):
    error = RNG.normal(size=(times, 1, 5))
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file.update({"time": np.arange(times, dtype=float), "position": HISTORY.position[:, :1], "error": error})
    loaded = ErrorHistory.load(tmp_path / "a.nc")
    np.testing.assert_array_equal(loaded.error, error)
    np.testing.assert_array_equal(loaded.position, HISTORY.position[:, :1])


@pytest.mark.parametrize(
    ("encoding", "accuracy"),
    [
        ({"dtype": "i2", "scale_factor": 1e-3, "add_offset": 0.5, "_FillValue": -32768}, 6e-4),
        ({"dtype": "f4", "_FillValue": -999.0}, 1e-6),
        ({"dtype": ">f8"}, 0),
        ({"dtype": "f8", "zlib": True, "shuffle": True}, 0),
    ],
)
def test_packed_errors(tmp_path, encoding, accuracy):
    data = xr.Dataset(
        {"position": (("sample", "axis"), HISTORY.position), "error": (("time", "channel", "sample"), HISTORY.error)},
        {"time": HISTORY.time},
    )
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"error": encoding})
    np.testing.assert_allclose(ErrorHistory.load(tmp_path / "a.nc").error, HISTORY.error, rtol=0, atol=accuracy)


def test_missing_values_are_named(tmp_path):
    missing = xr.Dataset(
        {"position": (("sample", "axis"), HISTORY.position), "error": (("time", "channel", "sample"), NAN)},
        {"time": HISTORY.time},
    )
    missing.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", encoding={"error": {"_FillValue": -999.0}})
    with pytest.raises(InputError, match="error has values that are NaN or infinite, the first at t = 2"):
        ErrorHistory.load(tmp_path / "a.nc")


NAN = HISTORY.error.copy()
NAN[1, 0, 3] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": None}, r"no variable position with 2 dimension\(s\) and numbers as values"),
        ({"time": None}, r"no variable time with 1 dimension\(s\) and numbers as values"),
        (
            {"error": (("time", "sample"), HISTORY.error[:, 0])},
            r"no variable error with 3 dimension\(s\) and numbers as values",
        ),
        ({"error": (("time", "channel", "sample"), HISTORY.error.astype(str))}, "no variable error with"),
        ({"error": (("time", "channel", "sample"), NAN)}, "variable error has values that are NaN or infinite"),
        (
            {"error": (("time", "channel", "sample"), 1e170 * (1 + HISTORY.error**2))},
            r"variable error reaches \d.*e\+1\d\d, above 1e\+12; write it from a run that converged",
        ),
        ({"loss": ("time", np.array([1.0, np.inf]))}, "variable loss has values that are NaN or infinite"),
        ({"loss": ("epoch", np.ones(7))}, r"loss has shape \(7,\); give one value for each time"),
        (
            {"error": (("time", "channel", "point"), HISTORY.error[..., :4])},
            r"error has shape \(2, 2, 4\) and position",
        ),
        (
            {"error": (("epoch", "channel", "sample"), HISTORY.error[:1])},
            r"error has shape \(1, 2, 5\) and time has shape \(2,\)",
        ),
        ({"time": ("time", np.array([2.0, 0.0]))}, "the values of time do not increase"),
        ({"time": ("time", np.array([2.0, 2.0]))}, "the values of time do not increase"),
        (
            {"time": ("time", np.empty(0)), "error": (("time", "channel", "sample"), HISTORY.error[:0])},
            r"variable time is empty: it has shape \(0,\)",
        ),
        ({"error": (("time", "channel", "sample"), HISTORY.error[:, :0])}, r"variable error is empty"),
        ({"error": (("a", "b", "c"), HISTORY.error.transpose(2, 0, 1))}, "error has shape"),
        ({"error": (("time", "sample"), HISTORY.error[:, 0])}, r"it has the dimension\(s\) time, sample and values of"),
        ({"error": (("time", "channel", "sample"), NAN)}, r"error has values .* infinite, the first at t = 2; leave"),
        ({"error": (("sample", "channel", "time"), NAN.T)}, r"error has values .* infinite, the first at t = 2; leave"),
        ({"time": ("time", np.array([-1.0, 2.0]))}, "time begins at -1; gradient-flow time begins at 0"),
        (
            {"time": ("time", np.array(["2000-01-01", "2000-01-02"], dtype="M8[ns]"))},
            "time has the unit '(days|seconds) since .*dates or durations; give gradient-flow times as plain numbers",
        ),
        ({"time": ("time", np.array([0, 10**9], dtype="m8[ns]"))}, "its values are dates or durations"),
        (
            {
                "held_out_position": (("held_out", "axis"), HISTORY.position),
                "held_out_error": (("time", "one", "held_out"), HISTORY.error[:, :1]),
            },
            "held_out_error has 1 channel, but error has 2",
        ),
        ({"format_version": [1, 2]}, "format_version = "),
        ({"format_version": 2}, "format_version = 2, but this version of freqbias reads 1"),
    ],
)
def test_errors_that_do_not_fit_are_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        ErrorHistory.load(foreign(tmp_path / "a.nc", **changes))


@pytest.mark.parametrize("missing", ["held_out_position", "held_out_error"])
def test_held_out_samples_need_both_position_and_error(tmp_path, missing):
    given = {"held_out_position": RNG.normal(size=(4, 3)), "held_out_error": RNG.normal(size=(2, 2, 4))}
    replace(HISTORY, **given).save(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as opened:
        opened.load().drop_vars(missing).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"is there alone; give held_out_position and held_out_error"):
        ErrorHistory.load(tmp_path / "b.nc")
