"""Projection and metrics of records at a known distance."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from freqbias.compare import compare, project
from freqbias.compare.comparison import cause_title, is_cause
from freqbias.compare.comparison.causes import causes
from freqbias.errors import InputError
from freqbias.numerics import Grid, transform
from tests.compare.build import fabricated, predicted, problem_1d, problem_2d


@pytest.mark.parametrize("grid", [Grid((33,), (2.5,)), Grid((8, 7), (1.0, 0.4))], ids=str)
def test_projection_is_the_transform(grid):
    rng = np.random.default_rng(3)
    error, frequency = rng.normal(size=(3, 2, grid.size)), rng.normal(size=(40, grid.dimension)) * grid.nyquist
    np.testing.assert_allclose(
        project(error, grid, frequency), transform(error, grid.positions(), frequency), rtol=0, atol=1e-12
    )


def test_small_batches_give_the_same(monkeypatch):
    grid, rng = Grid((16,), (1.0,)), np.random.default_rng(4)
    error, frequency = rng.normal(size=(7, 16)), rng.normal(size=(30, 1))
    whole = project(error, grid, frequency)
    monkeypatch.setattr("freqbias.compare.spectra.interpolation.BATCH_ENTRIES", 60)
    np.testing.assert_allclose(project(error, grid, frequency), whole, rtol=1e-12)


@pytest.mark.parametrize("problem", [problem_1d(), problem_2d(channels=2)], ids=["1d", "2d, two channels"])
def test_equal_errors_have_no_distance(problem):
    comparison = compare(*fabricated(problem), problem)
    assert comparison.metrics["error_over_initial"].max() < 1e-13
    np.testing.assert_allclose(comparison.metrics["norm_pde"], comparison.metrics["norm_nn"], rtol=1e-12)


@pytest.mark.parametrize("projection", ["interpolation", "l2"])
def test_equal_errors_on_a_coarse_mesh(projection):
    """The data operator's v is projected like the network's: its nodal values would be far from the projection. The
    local operator's v is on the mesh already."""
    problem = problem_1d(window=None)
    spectrum, history = fabricated(problem, cells=(24,), degree=2)

    def distance(**fields):
        changed = replace(spectrum, **fields)
        return compare(changed, history, problem, projection=projection).metrics["error_over_initial"]

    assert distance(attributes={"operator": "data"}, sample_error=history.error).max() < 1e-11
    assert (distance(attributes={"operator": "local"})[0] > 0.1) == (projection == "l2")


def test_l2_needs_sample_errors():
    problem = problem_1d()
    spectrum, history = fabricated(problem)
    incomplete = replace(spectrum, attributes={"operator": "data"})
    with pytest.raises(InputError, match=r"no sample_error.*freqbias pde RUN.toml --overwrite"):
        compare(incomplete, history, problem, projection="l2")


@pytest.mark.parametrize("problem", [problem_1d(), problem_2d(channels=2)], ids=["1d", "2d, two channels"])
def test_metrics_of_a_known_distance(problem):
    """u_nn = s(t) u_pde: relative error |1 - 1/s|, error relative to v(0) |s - 1| exp(-decay t)."""
    spectrum, history = fabricated(problem, decay=0.3, degree=6)
    s = 1 + 0.1 * np.arange(len(problem.times))
    history = replace(history, error=history.error * s[:, None, None], loss=history.loss * s**2)
    metrics = compare(spectrum, history, problem).metrics
    np.testing.assert_allclose(metrics["relative_l2_error"], 1 - 1 / s, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        metrics["error_over_initial"], (s - 1) * np.exp(-0.3 * problem.times), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(metrics["loss_nn"] / metrics["loss_pde"], s**2, rtol=1e-5)


@pytest.mark.parametrize("problem", [problem_1d(window=None), problem_2d((20, 16), (1.0, 0.8))], ids=["1d", "2d"])
def test_loss_by_parseval_over_the_nyquist_box(problem):
    spectrum, history = fabricated(problem, cells={1: (128,), 2: (24, 24)}[problem.dimension], degree=6)
    np.testing.assert_allclose(compare(spectrum, history, problem).metrics["loss_pde"], history.loss, rtol=1e-6)


def test_frequencies_beyond_nyquist_ignored():
    problem = problem_1d()
    nyquist = float(problem.grid.nyquist[0])
    inner = compare(*fabricated(problem, half_width=nyquist, cells=(96,)), problem).metrics
    spectrum, history = fabricated(problem, half_width=1.5 * nyquist, cells=(144,))
    beyond = np.abs(spectrum.frequency[:, 0]) > nyquist + 1e-6
    wrong = replace(spectrum, error=np.where(beyond, 1e3, spectrum.error))
    outer = compare(wrong, history, problem).metrics
    np.testing.assert_allclose(outer["norm_pde"], inner["norm_pde"], rtol=1e-9)
    assert outer["error_over_initial"].max() < 1e-13


def test_only_common_times_are_compared():
    problem = problem_1d(times=(0.0, 1.0, 2.5, 7.0))
    spectrum, history = fabricated(problem)
    fewer = replace(history, time=history.time[1::2], error=history.error[1::2], loss=history.loss[1::2])
    comparison = compare(spectrum, fewer, problem)
    np.testing.assert_array_equal(comparison.time, [1.0, 7.0])
    assert comparison.metrics["error_over_initial"].max() < 1e-13
    np.testing.assert_allclose(comparison.metrics["loss_pde"], fewer.loss, rtol=1e-5)
    with pytest.raises(InputError, match=r"t = 0, 1, 2.5, 7\).*no time in common.*does not interpolate in time"):
        compare(spectrum, replace(history, time=history.time + 0.01), problem)


def test_relative_error_of_zero_is_nan():
    problem = problem_1d()
    spectrum, history = fabricated(problem)
    error = history.error.copy()
    error[2] = 0
    metrics = compare(spectrum, replace(history, error=error), problem).metrics
    np.testing.assert_array_equal(np.isnan(metrics["relative_l2_error"]), [False, False, True, False])
    np.testing.assert_allclose(metrics["error_over_initial"][2], metrics["norm_pde"][2] / metrics["norm_pde"][0])
    with pytest.raises(InputError, match="starts at 0"):
        compare(replace(spectrum, error=0 * spectrum.error), history, problem)


@pytest.mark.parametrize(("width", "kept"), [(np.int64(7), 7), ("wide", None), (7.5, None), (np.array([7, 8]), None)])
def test_provenance_in_the_file(tmp_path, width, kept):
    problem = replace(problem_2d(), seed=5, name="trial")
    spectrum, history = fabricated(problem)
    spectrum = replace(spectrum, attributes={"operator": "data", "tolerance": 1e-3, "steps": 9})
    compare(spectrum, replace(history, attributes={"width": width}), problem).save(tmp_path / "spectra.nc")
    with xr.open_dataset(tmp_path / "spectra.nc", engine="h5netcdf") as data:
        attributes = {key: data.attrs.get(key) for key in ("name", "unit", "seed", "operator", "tolerance", "width")}
        assert attributes == {
            "name": "trial",
            "unit": "m",
            "seed": 5,
            "operator": "data",
            "tolerance": 1e-3,
            "width": kept,
        }
        assert data.attrs["freqbias"]


def test_sample_order_does_not_matter():
    problem = problem_2d()
    spectrum, history = fabricated(problem)
    history = replace(history, error=history.error * 1.05)
    expected = compare(spectrum, history, problem).metrics
    order = np.random.default_rng(0).permutation(problem.grid.size)
    found = compare(
        spectrum, replace(history, error=history.error[:, :, order], position=history.position[order]), problem
    ).metrics
    assert expected["relative_l2_error"][1] == pytest.approx(0.05 / 1.05)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_other_positions_are_refused():
    problem = problem_1d()
    spectrum, history = fabricated(problem)
    shifted = history.position.copy()
    shifted[5:] += 0.01 * problem.grid.spacing
    with pytest.raises(InputError, match=r"sample 5 lies at .* 123 of 128 samples do not match the data"):
        compare(spectrum, replace(history, position=shifted), problem)
    twice = history.position.copy()
    twice[7] = twice[3]
    with pytest.raises(InputError, match="samples 3 and 7 lie at the same point"):
        compare(spectrum, replace(history, position=twice), problem)
    with pytest.raises(InputError, match="the data of the run file are 128 samples"):
        compare(spectrum, replace(history, position=history.position[:-1], error=history.error[..., :-1]), problem)
    nearly = history.position + 1e-7 * problem.grid.spacing
    assert compare(spectrum, replace(history, position=nearly), problem).metrics["error_over_initial"].max() < 1e-13


def test_other_channels_are_refused():
    spectrum, history = fabricated(problem_1d())
    with pytest.raises(InputError, match="2 channels, but the data have 1"):
        compare(spectrum, replace(history, error=np.repeat(history.error, 2, axis=1)), problem_1d())


def test_stored_loss_is_used():
    spectrum, history = fabricated(problem_1d())
    metrics = compare(replace(spectrum, loss=np.array([4.0, 3.0, 2.0, 1.0])), history, problem_1d()).metrics
    np.testing.assert_array_equal(metrics["loss_pde"], [4, 3, 2, 1])


def test_files_hold_the_record(tmp_path):
    problem = problem_2d(channels=2)
    comparison = compare(*fabricated(problem), problem)
    comparison.save(tmp_path / "spectra.nc")
    comparison.save_metrics(tmp_path / "metrics.csv")
    with xr.open_dataset(tmp_path / "spectra.nc", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["pde_real"].values + 1j * data["pde_imag"].values, comparison.pde)
        np.testing.assert_array_equal(data["nn_real"].values + 1j * data["nn_imag"].values, comparison.nn)
        np.testing.assert_array_equal(data["cells"].values, comparison.cells)
        assert data["pde_real"].dims == ("time", "channel", "node") and data.attrs["cell_type"] == "quadrilateral"
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time"]) for row in rows] == list(problem.times)
    assert [float(row["loss_nn"]) for row in rows] == list(comparison.metrics["loss_nn"])


def test_predictions_split_the_distance(tmp_path):
    """The network's error is 1.5 times that of the finite elements, the predictions' 1.01, 1.1 and 1.2 times."""
    problem = problem_2d(channels=2)
    spectrum, history = fabricated(problem, decay=0.3)
    order = np.random.default_rng(0).permutation(len(history.position))
    predictions = predicted(history, 1.01, 1.1, 1.2)
    for name, each in predictions.items():  # in any order of samples, and at more times
        again = replace(each, position=each.position[order], error=each.error[..., order])
        predictions[name] = replace(again, time=np.append(again.time, 9.0), error=again.error[[0, 1, 2, 2]])
    network = replace(history, error=1.5 * history.error)
    comparison = compare(spectrum, network, problem, predictions=predictions)
    fading = np.exp(-0.3 * problem.times)
    expected = {"feature_learning": 0.3, "step_size": 0.1, "finite_width": 0.09, "mesh": 0.01}
    for name, share in expected.items():
        np.testing.assert_allclose(comparison.metrics[name], share * fading, rtol=0, atol=1e-12)
    assert list(comparison.metrics)[-4:] == list(expected) == list(comparison.causes)
    np.testing.assert_allclose(comparison.predictions["empirical"], 1.1 * comparison.pde, rtol=0, atol=1e-12)
    comparison.save(tmp_path / "spectra.nc")
    with xr.open_dataset(tmp_path / "spectra.nc", engine="h5netcdf") as saved:
        np.testing.assert_allclose(saved["infinite_width_real"], 1.01 * comparison.pde.real, rtol=0, atol=1e-12)
    with pytest.raises(InputError, match=r"a prediction has 2 times from 0 to 1, .* needs 3 times from 0 to 3"):
        early = replace(predictions["empirical"], time=problem.times[:2], error=history.error[:2])
        compare(spectrum, network, problem, predictions={"empirical": early})


@pytest.mark.parametrize(
    ("available", "settings", "expected"),
    [
        ({"infinite-width", "empirical", "empirical-steps", "infinite-width-steps"}, {},
         ["feature_learning", "step_size", "finite_width", "mesh"]),
        ({"infinite-width", "empirical"}, {"operator": "local"},
         ["feature_learning_and_step_size", "finite_width", "mesh_and_operator"]),
        ({"infinite-width", "empirical", "empirical-steps", "infinite-width-steps"}, {"dynamics": "gradient-descent"},
         ["feature_learning", "finite_width", "mesh"]),
        ({"empirical-steps"}, {}, ["feature_learning", "step_size_and_finite_width_and_mesh"]),
        ({"infinite-width", "empirical"}, {"dynamics": "gradient-descent"}, []),
        (set(), {}, []),
    ],
)  # fmt: skip
def test_causes_form_a_chain(available, settings, expected):
    split = causes(available, **{"dynamics": "flow", "operator": "data"} | settings)
    assert list(split) == expected
    path = ["network", *(end for _, end in split.values())]
    assert [start for start, _ in split.values()] == path[:-1] and (not split or path[-1] == "pde")
    assert all(is_cause(name) and cause_title(name).replace(" ", "_").replace("local_", "") == name for name in split)
    assert not any(map(is_cause, ["time", "loss_nn", "error_over_initial", "norm_pde"]))
