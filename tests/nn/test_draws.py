"""Predictions for several draws, and the band of a further one."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tomli_w

from freqbias import nn
from freqbias.compare import compare, draw_comparison
from freqbias.compare.comparison.draw_band import DrawBand, band_metrics
from freqbias.errors import InputError, StoppedEarly, UsageError
from freqbias.nn.draws import DrawPrediction, check_draws, draw_arrays
from freqbias.nn.run import run_draws
from freqbias.numerics import Schedule
from freqbias.pde import solve
from freqbias.problem import (
    DRAW_ACCURACY,
    Band,
    Draws,
    Network,
    Rates,
    Training,
    WeightDecay,
    build,
    feature_learning_warning,
    parse,
)
from freqbias.runtime import StopRequest, Store
from tests.batch import attempt
from tests.pde.test_stage import StopAt
from tests.problem.run_files import table

RUN = table(
    data={"frequencies": [[2.0], [6.0]], "points": 48, "held_out": 0.25},
    network={"width": 200},
    time={"end": 20.0, "outputs": 3},
    pde={"tolerance": 1e-2, "degree": 4},
)


@pytest.fixture(scope="module")
def problem():
    return build(parse(RUN))


BANDS = [(2, 1, 1 / 3), (39, 1, 0.95), (40, 1, 39 / 41), (79, 2, 0.95), (200, 5, 191 / 201)]


@pytest.mark.parametrize("count, order, level", BANDS)
def test_band_of_order_statistics(count, order, level):
    values = np.random.default_rng(count).permutation(np.arange(count * 1.0))
    band = Band.of(np.stack([values, -values], axis=1))
    np.testing.assert_array_equal(band.low, [order - 1, order - count])
    np.testing.assert_array_equal(band.high, [count - order, 1 - order])
    assert band.level == pytest.approx(level)


def test_coverage_of_a_further_draw():
    rng = np.random.default_rng(0)
    inside = [Band.of(sample[:-1]).contains(sample[-1]) for sample in rng.lognormal(size=(20_000, 40))]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("draw", [0, 2])
def test_errors_are_those_of_the_draws_own_kernel(problem, draw):
    """In single precision, and to the tolerance of Lanczos."""
    drawn = replace(problem, seed=problem.seed + draw)
    kernel = nn.EmpiricalKernel(drawn)
    training = nn.LinearisedTraining(kernel, kernel.start)
    predicted = DrawPrediction(problem, draw)
    path = training.follow_flow(problem.times)
    expected = path.at(kernel.at(problem.held_out.sites)).values - problem.held_out.values
    np.testing.assert_allclose(predicted.error, path.error, rtol=0, atol=1e-3)
    np.testing.assert_allclose(predicted.held_out_error, expected, rtol=0, atol=1e-3)
    schedule = Schedule(problem.times, 1.0)
    stepped = DrawPrediction(problem, draw, schedule).error
    np.testing.assert_allclose(stepped, training.steps(schedule, (1, 1)), rtol=0, atol=1e-3)
    assert np.abs(stepped - predicted.error).max() > 1e-2


NETWORKS = {  # with the part of the change that is of second order
    "two layers": ({"width": 400}, 0.06),
    "f(0) not 0": ({"width": 4000, "symmetric": False}, 0.07),
    "diagonal": ({"width": 1200, "diagonal": True}, 0.03),
    "hidden layer": ({"width": 200, "depth": 3, "activation": "sine"}, 0.04),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_change_of_the_error_by_feature_learning(name, problem):
    """Against training: the difference of ln |u| of the network and of the linearised network."""
    settings, second_order = NETWORKS[name]
    each = replace(problem, network=Network(sigma_a=1.0, **settings))
    trained = nn.train(each, Training(precision="double"), tolerance=1e-4)
    prediction = DrawPrediction(each, 0)
    expected = log_error(trained.error) - log_error(prediction.error)
    np.testing.assert_allclose(prediction.change_of_log_error()[2:], expected[2:], rtol=second_order, atol=2e-6)


def log_error(error):
    return np.log(np.linalg.norm(error.reshape(len(error), -1), axis=1))


def test_frozen_frequencies_learn_no_features(problem):
    frozen = replace(problem, rates=Rates(frequencies=0.0))
    np.testing.assert_allclose(DrawPrediction(frozen, 0).change_of_log_error(), 0, atol=1e-6)


def test_draws_with_weight_decay(problem):
    """Their errors follow the decay; the change by feature learning is unknown, and not stored."""
    decaying = replace(problem, decay=WeightDecay(2 / problem.times[-1]))
    prediction, kernel = DrawPrediction(decaying, 0), nn.EmpiricalKernel(decaying)
    training = nn.LinearisedTraining(kernel, kernel.start, decay=decaying.decay.rate)
    norm = np.linalg.norm(kernel.start)
    np.testing.assert_allclose(prediction.error, training.flow(problem.times), rtol=0, atol=1e-3 * norm)
    assert np.linalg.norm(prediction.error - DrawPrediction(problem, 0).error) > 0.05 * norm
    assert "log_error_change" in draw_arrays(problem, 0) and "log_error_change" not in draw_arrays(decaying, 0)


def test_warning_of_feature_learning():
    time = np.array([0.0, 1.0, 2.0, 3.0])
    assert feature_learning_warning(time, np.array([0.0, 0.5, -0.5, np.nan])) is None
    warning = feature_learning_warning(time, np.array([0.0, 0.51, -2.0, -1.0]))
    assert "from t = 1 on" in warning and "lowers the error by 2 standard deviations" in warning
    assert "raises" in feature_learning_warning(time, np.array([0.0, 0.0, 0.0, 0.6]))


def test_stage_stops_and_resumes(problem, tmp_path):
    run = parse(RUN)
    flags = {"count": 4, "overwrite": False}
    run_draws(run, problem, Store(tmp_path / "whole"), resume=False, stop=StopRequest(), **flags)
    with pytest.raises(StoppedEarly):
        run_draws(run, problem, Store(tmp_path / "part"), resume=False, stop=StopAt(25), **flags)
    run_draws(run, problem, Store(tmp_path / "part"), resume=True, stop=StopRequest(), **flags)
    whole, part = (Draws.load(tmp_path / name / "draws" / "draws.nc") for name in ("whole", "part"))
    np.testing.assert_array_equal(whole.error, part.error)
    np.testing.assert_array_equal(whole.held_out_error, part.held_out_error)
    np.testing.assert_array_equal(whole.log_error_change, part.log_error_change)
    np.testing.assert_array_equal(whole.log_error_change, DrawPrediction(problem, 0).change_of_log_error())
    spread = np.std([log_error(error) for error in whole.error], axis=0, ddof=1)
    np.testing.assert_allclose(whole.feature_learning[1:], whole.log_error_change[1:] / spread[1:], rtol=1e-5)
    np.testing.assert_array_equal(whole.seed, problem.seed + np.arange(4))
    np.testing.assert_array_equal(whole.error_over_start[:, 0], np.ones(4))


def test_finished_draws_of_another_kind_are_refused(problem, tmp_path):
    """Their number, or flow in place of steps. A folder whose last rename was killed counts as finished."""
    run, store = parse(RUN), Store(tmp_path)
    flags = {"overwrite": False, "stop": StopRequest()}
    run_draws(run, problem, store, count=2, resume=False, **flags)
    (tmp_path / "draws").rename(tmp_path / "draws.partial")
    run_draws(run, problem, store, count=2, resume=True, **flags)
    assert (tmp_path / "draws" / "draws.nc").exists()
    with pytest.raises(UsageError, match=r"--draws 3: .* holds 2 draws"):
        run_draws(run, problem, store, count=3, resume=True, **flags)
    descent = {"integrator": "gradient-descent", "step": 0.1}
    stepped = parse({**RUN, "training": descent, "pde": {**RUN["pde"], "dynamics": "gradient-descent"}})
    with pytest.raises(UsageError, match="dynamics"):
        run_draws(stepped, problem, store, count=2, resume=True, **flags)


def test_comparison_with_the_band(problem, tmp_path, undrawn):
    run_draws(parse(RUN), problem, Store(tmp_path), count=9, resume=False, overwrite=False, stop=StopRequest())
    draws = Draws.load(tmp_path / "draws" / "draws.nc")
    history, spectrum = nn.train(problem), solve(problem, parse(RUN).pde)
    comparison = compare(spectrum, history, problem, draws=draws)
    metrics = comparison.metrics
    assert comparison.band.level == pytest.approx(0.8)
    low, high = np.sort(draws.loss, axis=0)[[0, -1]]
    np.testing.assert_array_equal(metrics["loss_low"], low)
    np.testing.assert_array_equal(metrics["loss_high"], high)
    assert metrics["loss_in_band"].all()  # the network is the first draw, apart from feature learning
    assert metrics["loss_held_out_in_band"][1:].all()
    doubled = replace(history, held_out_error=10 * history.held_out_error)
    outside = compare(spectrum, doubled, problem, draws=draws).metrics["loss_held_out_in_band"]
    assert not outside[1:].any()
    figure = draw_comparison(comparison, tmp_path / "figure.png")
    assert "80 % of draws" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_command(tmp_path):
    (tmp_path / "run.toml").write_text(tomli_w.dumps(RUN))
    answer = attempt("ntk", tmp_path / "run.toml", "--out", tmp_path / "out", "--draws", "3")
    assert answer.returncode == 0, answer.stderr
    assert "for 50 % of further draws" in answer.stderr
    assert (tmp_path / "out" / "ntk" / "manifest.json").exists()
    assert (tmp_path / "out" / "draws" / "draws.nc").exists()
    again = attempt("ntk", tmp_path / "run.toml", "--out", tmp_path / "out", "--draws", "3")
    assert again.returncode == 2 and "--overwrite" in again.stderr


def test_errors_below_the_accuracy_of_the_prediction_count_as_inside():
    start, largest = 2.0, 2.0 * 1e-9
    loss = Band(np.array([start, 1e-30]), np.array([start, largest]), 0.95)
    band, limit = DrawBand(loss, loss, None, np.zeros(2)), np.sqrt(largest) + DRAW_ACCURACY * np.sqrt(start)
    for factor, inside in ((0.999, 1), (1.001, 0)):
        metrics = {"loss_nn": np.array([start, (factor * limit) ** 2])}
        np.testing.assert_array_equal(band_metrics(band, metrics)["loss_in_band"], [1, inside])


def test_too_few_draws(problem):
    with pytest.raises(InputError, match="--draws 1: a band needs at least 2 draws"):
        check_draws(problem, 1)


def test_blocks_of_times_do_not_change_feature_learning(problem, monkeypatch):
    whole = DrawPrediction(problem, 0).change_of_log_error()
    monkeypatch.setattr("freqbias.nn.feature_learning.MOST_BYTES", 10_000)
    np.testing.assert_allclose(DrawPrediction(problem, 0).change_of_log_error(), whole, rtol=2e-3)


def test_ranks_that_sleep_do_not_import_torch():
    program = """
import sys
from freqbias.nn.cli import nn_command, ntk_command
from freqbias.nn.run import check_draws, run_draws, run_nn, run_ntk
check_draws(None, None, None)
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
