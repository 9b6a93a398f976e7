"""The records: what they refuse, their files, and the canonical order of nodes."""

from dataclasses import replace
from itertools import permutations

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    ErrorHistory,
    Gaussian,
    Network,
    Normalisation,
    Problem,
    Samples,
    Spectrum,
    canonical_order,
    waves,
)

RNG = np.random.default_rng(0)
SPECTRUM = Spectrum(
    time=np.array([0.0, 1.5, 4.0]),
    frequency=np.array([[-1.0, 0.0], [-1.0, 2.0], [3.0, 0.0], [3.0, 2.0]]),
    error=RNG.normal(size=(3, 2, 4)) + 1j * RNG.normal(size=(3, 2, 4)),
    cells=np.array([[0, 2, 1, 3]]),
    cell_type="quadrilateral",
    degree=1,
    attributes={"name": "trial", "seed": 3, "tolerance": 1e-3},
    loss=np.array([3.0, 2.0, 1.0]),
    sample_error=RNG.normal(size=(3, 2, 5)),
    normalisation=Normalisation((280.5, -1.0), (7.25, 1e-3), (400.0, -70.1)),
)
HISTORY = ErrorHistory(
    time=np.array([0.0, 2.0]),
    position=RNG.normal(size=(5, 3)),
    error=RNG.normal(size=(2, 2, 5)),
    loss=np.array([2.0, 1.0]),
    attributes={"width": 100},
    normalisation=Normalisation((280.5, -1.0), (7.25, 1e-3), (400.0, -70.1, 0.0)),
)


def same(one, other):
    assert type(one) is type(other)
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)
            assert value.dtype == getattr(other, name).dtype, name
        else:
            assert value == getattr(other, name), name


@pytest.mark.parametrize(
    "record",
    [SPECTRUM, replace(SPECTRUM, loss=None, sample_error=None), HISTORY],
    ids=["spectrum", "only v", "history"],
)
def test_files_hold_the_record(tmp_path, record):
    record.save(tmp_path / "a.nc")
    same(type(record).load(tmp_path / "a.nc"), record)


@pytest.mark.parametrize("record", [SPECTRUM, HISTORY], ids=["spectrum", "history"])
def test_older_files_were_not_normalised(tmp_path, record):
    record.save(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as data:
        old = data.load().drop_vars(["value_mean", "value_scale", "position_shift"])
    old.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    dimension = len(record.normalisation.position_shift)
    same(type(record).load(tmp_path / "old.nc"), replace(record, normalisation=Normalisation.identity(2, dimension)))
    old.assign(value_mean=("other", np.zeros(3))).to_netcdf(tmp_path / "odd.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"odd.nc: value_mean has 3 numbers; give 2, one for each channel"):
        type(record).load(tmp_path / "odd.nc")


@pytest.mark.parametrize(("sigma_a", "shift", "warned"), [(1.0, 70.0, True), (0.0, 70.0, False), (1.0, 1.0, False)])
def test_positions_far_from_zero(sigma_a, shift, warned):
    x = np.random.default_rng(0).uniform(-1, 1, size=(50, 2)) + np.array([shift, -shift / 2])
    samples = Samples(Scattered(x), x[:, :1].T)
    times, network = np.array([0.0, 1.0]), Network(width=4, sigma_a=sigma_a)
    warnings = Problem(Gaussian(1.0), samples, network, times).warnings
    assert bool(warnings) == warned
    if warned:
        spread = np.sqrt(x.var(axis=0).sum())
        assert f"distance {np.hypot(*x.mean(axis=0)):.4g}" in warnings[0]
        assert f"only {spread:.4g} around" in warnings[0]
        assert "use [data] center = true" in warnings[0]
    assert Problem(Gaussian(1.0), samples.centered(), network, times).warnings == []


def test_dimensions_and_version_of_the_files(tmp_path):
    SPECTRUM.save(tmp_path / "spectrum.nc")
    HISTORY.save(tmp_path / "error.nc")
    with xr.open_dataset(tmp_path / "spectrum.nc", engine="h5netcdf") as data:
        sizes = {"time": 3, "node": 4, "axis": 2, "channel": 2, "cell": 1, "local_node": 4, "sample": 5}
        assert dict(data.sizes) == sizes
        assert data["error_real"].dims == ("time", "channel", "node")
        assert data.attrs["format_version"] == 1
    with xr.open_dataset(tmp_path / "error.nc", engine="h5netcdf") as data:
        assert dict(data.sizes) == {"time": 2, "sample": 5, "axis": 3, "channel": 2}
        assert data["error"].dims == ("time", "channel", "sample")
        assert data.attrs["format_version"] == 1


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
    with pytest.raises(InputError, match="is the only held-out variable; give held_out_position and"):
        ErrorHistory.load(tmp_path / "b.nc")


def test_a_spectrum_whose_errors_have_other_times_is_refused(tmp_path):
    replace(SPECTRUM, sample_error=None).save(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as opened:
        data = opened.load().assign(sample_error=(("epoch", "channel", "sample"), np.ones((2, 2, 5))))
    data.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"sample_error has shape \(2, 2, 5\) and time has shape \(3,\)"):
        Spectrum.load(tmp_path / "b.nc")


@pytest.mark.parametrize("missing", ["cell_type", "degree"])
def test_a_spectrum_without_its_element_is_refused(tmp_path, missing):
    SPECTRUM.save(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as opened:
        data = opened.load()
    del data.attrs[missing]
    data.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=f"attribute {missing} is missing"):
        Spectrum.load(tmp_path / "b.nc")


@pytest.mark.parametrize("record", [SPECTRUM, HISTORY], ids=["spectrum", "history"])
def test_damaged_files_are_refused(tmp_path, record):
    path = tmp_path / "a.nc"
    record.save(path)
    content = path.read_bytes()
    for damaged in (b"", b"\x89garbage\xff" * 99, content[:100], content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.nc: the file cannot be read as netCDF"):
            type(record).load(path)
    for missing in (tmp_path, tmp_path / "none.nc"):
        with pytest.raises(InputError, match="no such file"):
            type(record).load(missing)


def test_one_is_not_the_other(tmp_path):
    SPECTRUM.save(tmp_path / "spectrum.nc")
    HISTORY.save(tmp_path / "error.nc")
    with pytest.raises(InputError, match="no variable frequency"):
        Spectrum.load(tmp_path / "error.nc")
    with pytest.raises(InputError, match="no variable position"):
        ErrorHistory.load(tmp_path / "spectrum.nc")


@pytest.mark.parametrize("times", [[0.0], [1.0, 2.0], [0.0, 2.0, 2.0], [0.0, np.nan], [0.0, np.inf], [[0.0, 1.0]]])
def test_times_increase_from_zero(times):
    samples = waves(Grid((8,), (1.0,)), [[1.0]])
    with pytest.raises(InputError, match="give at least two finite times that increase from 0"):
        Problem(Gaussian(1.0), samples, Network(width=2, sigma_a=1.0), np.array(times))


def test_a_problem_knows_its_laws():
    problem = Problem(Gaussian(1.0), waves(Grid((8,), (1.0,)), [[1.0]]), Network(width=2, sigma_a=2.0), [0, 1])
    xi = np.array([[0.5]])
    assert problem.laws.diffusion.value(xi) == 4 * problem.laws.damping.value(xi) == 4 * Gaussian(1.0).density(xi)
    assert problem.times.dtype == float


def lattice(cells, dimension, scale):
    axes = [np.arange(-n, n + 1) * (scale / cells[0]) for n in cells[:dimension]]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)


# 1024 cells: the coordinates k / 1024 times 1e9 lie halfway between two integers, where rounding would part equal ones.
@given(
    cells=st.tuples(*[st.sampled_from([1, 2, 3, 7])] * 3) | st.tuples(st.just(1024), st.just(1), st.just(1)),
    dimension=st.integers(1, 3),
    scale=st.floats(1e-6, 1e6),
    seed=st.integers(0, 2**32 - 1),
)
def test_canonical_order(cells, dimension, scale, seed):
    """Nodes in any order and with rounding errors come out as the lattice in C order; xi -> -xi reverses it."""
    rng = np.random.default_rng(seed)
    nodes = lattice(cells, dimension, scale)
    mixed = rng.permutation(len(nodes))
    rounded = (nodes + 4e-16 * np.abs(nodes).max() * rng.choice([-1, 0, 1], nodes.shape))[mixed]
    order = canonical_order(rounded)
    np.testing.assert_array_equal(mixed[order], np.arange(len(nodes)))
    np.testing.assert_array_equal(canonical_order(-rounded), order[::-1])
