"""The records: what they refuse, their files, and the canonical order of nodes."""

from dataclasses import replace

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
from tests.problem.record_examples import HISTORY, SPECTRUM, same


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
    for missing, message in ((tmp_path, "this is a folder, not a file"), (tmp_path / "none.nc", "no such file")):
        with pytest.raises(InputError, match=message):
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
