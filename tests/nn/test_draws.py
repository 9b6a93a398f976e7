"""Predictions for several draws, and the band of a further one."""

from dataclasses import replace

import numpy as np
import pytest
import tomli_w

from freqbias import nn
from freqbias.compare import compare, draw_comparison
from freqbias.errors import InputError, StoppedEarly, UsageError
from freqbias.nn.draws import predict_draw
from freqbias.nn.draws_stage import check_draws, run_draws
from freqbias.numerics import Schedule
from freqbias.pde import solve
from freqbias.problem import Band, Draws, Network, build, parse
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
    error, held_out, _ = predict_draw(problem, draw)
    path = training.follow_flow(problem.times)
    expected = path.at(kernel.at(problem.held_out.sites)).values - problem.held_out.values
    np.testing.assert_allclose(error, path.error, rtol=0, atol=1e-3)
    np.testing.assert_allclose(held_out, expected, rtol=0, atol=1e-3)
    schedule = Schedule(problem.times, 1.0)
    stepped, _, _ = predict_draw(problem, draw, schedule)
    np.testing.assert_allclose(stepped, training.steps(schedule, (1, 1)), rtol=0, atol=1e-3)
    assert np.abs(stepped - error).max() > 1e-2


def test_feature_learning_falls_with_the_width(problem):
    """The change of the output by second-order terms, against the parameters moved by hand."""
    changes = []
    for width in (100, 10_000):
        network = Network(width=width, sigma_a=1.0)
        wide = replace(problem, network=network)
        changes.append(predict_draw(wide, 0)[2][-1])
    assert 30 < changes[0] / changes[1] < 300  # as 1 / width


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
    np.testing.assert_array_equal(whole.feature_learning, part.feature_learning)
    assert (np.diff(whole.feature_learning) > 0).all()
    spread = np.sqrt(np.var(whole.error, axis=0, ddof=1).sum(axis=1).mean(axis=1))
    change = predict_draw(problem, 0)[2]
    np.testing.assert_allclose(whole.feature_learning[1:], change[1:] / spread[1:], rtol=1e-3)
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


def test_comparison_with_the_band(problem, tmp_path):
    run_draws(parse(RUN), problem, Store(tmp_path), count=39, resume=False, overwrite=False, stop=StopRequest())
    draws = Draws.load(tmp_path / "draws" / "draws.nc")
    history, spectrum = nn.train(problem), solve(problem, parse(RUN).pde)
    comparison = compare(spectrum, history, problem, draws=draws)
    metrics = comparison.metrics
    assert comparison.band.level == pytest.approx(0.95)
    low, high = np.sort(draws.loss, axis=0)[[0, -1]]
    np.testing.assert_array_equal(metrics["loss_low"], low)
    np.testing.assert_array_equal(metrics["loss_high"], high)
    assert metrics["loss_in_band"].all()  # the network is the first draw, apart from feature learning
    assert metrics["loss_held_out_in_band"][1:].all()
    doubled = replace(history, held_out_error=10 * history.held_out_error)
    outside = compare(spectrum, doubled, problem, draws=draws).metrics["loss_held_out_in_band"]
    assert not outside[1:].any()
    figure = draw_comparison(comparison, tmp_path / "figure.png")
    assert "95 % of draws" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_command(tmp_path):
    (tmp_path / "run.toml").write_text(tomli_w.dumps(RUN))
    answer = attempt("ntk", tmp_path / "run.toml", "--out", tmp_path / "out", "--draws", "3")
    assert answer.returncode == 0, answer.stderr
    assert "for 50 % of further draws" in answer.stderr
    assert (tmp_path / "out" / "ntk" / "manifest.json").exists()
    assert (tmp_path / "out" / "draws" / "draws.nc").exists()
    again = attempt("ntk", tmp_path / "run.toml", "--out", tmp_path / "out", "--draws", "3")
    assert again.returncode == 2 and "--overwrite" in again.stderr


def test_too_few_draws(problem):
    with pytest.raises(InputError, match="--draws 1: a band needs at least 2 draws"):
        check_draws(problem, 1)
