"""The distance of draws from infinite width, and the width for a distance."""

from dataclasses import replace

import numpy as np
import pytest
import tomli_w
import xarray as xr

from freqbias import nn
from freqbias.errors import InputError
from freqbias.nn.draws import check_distance
from freqbias.numerics import Schedule
from freqbias.problem import (
    Draws,
    Network,
    build,
    distance_in_words,
    feature_learning_warning,
    parse,
    upper_quantile,
    width_for_distance,
)
from tests import oracle
from tests.batch import attempt
from tests.nn.test_draws import RUN


@pytest.fixture(scope="module")
def problem():
    return replace(build(parse(RUN)), held_out=None)


@pytest.mark.parametrize("symmetric", [True, False])
def test_distance_falls_as_one_over_the_root_of_the_width(problem, symmetric):
    widths, found = (100, 1600), []
    for width in widths:
        each = replace(problem, network=Network(width=width, sigma_a=1.0, symmetric=symmetric))
        draws = nn.predict_draws(each, 12)
        found.append(np.median(draws.distance.max(axis=1)))
        np.testing.assert_allclose(draws.distance[:, 0], 0, atol=1e-6)
    assert 3.2 < found[0] / found[1] < 5.0  # 4, within the scatter of 12 draws
    assert width_for_distance(found[0], widths[0], found[1]) == pytest.approx(widths[1], rel=0.45)


def test_distance_is_that_from_the_exact_kernel(problem):
    """With the same start, as a root mean square over samples, summed over channels."""
    each = replace(problem, network=Network(width=300, sigma_a=1.0, symmetric=False))
    draws = nn.predict_draws(each, 2)
    kernel = oracle.dense_kernel(each.sites.positions(), oracle.gaussian(4.0), 1.0)
    for error, found in zip(draws.error[:, :, 0].astype(float), draws.distance, strict=True):
        exact = oracle.flow(kernel, error[0], each.times)
        expected = np.linalg.norm(error - exact, axis=1) / np.linalg.norm(error[0])
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_distance_of_steps_is_that_from_steps(problem):
    schedule = Schedule(problem.times, 1.0)
    draws = nn.predict_draws(problem, 2, schedule)
    training = nn.LinearisedTraining(nn.InfiniteWidthKernel(problem), -problem.samples.values)
    exact = training.steps(schedule, (1.0, 1.0))
    expected = np.linalg.norm((draws.error - exact)[:, :, 0], axis=2) / np.linalg.norm(exact[0])
    np.testing.assert_allclose(draws.distance, expected, atol=2e-4)
    assert np.abs(draws.distance - nn.predict_draws(problem, 2).distance).max() > 1e-3


@pytest.mark.parametrize("count, order", [(2, 2), (18, 18), (19, 19), (20, 20), (39, 38), (99, 95)])
def test_upper_quantile(count, order):
    values = np.random.default_rng(count).permutation(np.arange(1.0, count + 1))
    assert upper_quantile(values) == (order, pytest.approx(order / (count + 1)))


WORDS = [
    (
        {"width": 1000},
        0.031,
        None,
        "95 % of draws stay within 3.1 % of infinite width; 1 % needs a width of about 9,700",
    ),
    ({"width": 1000}, 0.031, 0.0155, "1.6 % needs a width of about 4,000"),
    ({"width": 1000}, 0.01, None, "0.1 % needs a width of about 100,000"),
    ({"width": 1000, "sampling": "sobol"}, 0.02, 0.01, "1 % needs a width of at most about 4,000"),
    ({"width": 1000, "depth": 3, "hidden_width": 200}, 0.02, 0.01, "about 4,000 and a hidden_width of about 800"),
    ({"width": 1000, "omega_0": 30.0}, 0.031, None, "stay within 3.1 % of infinite width"),
    ({"width": 10**6}, 0.5, 0.001, "0.1 % needs a width of more than 10^9"),
]


@pytest.mark.parametrize("network, found, wanted, words", WORDS)
def test_width_in_words(network, found, wanted, words):
    text = distance_in_words(np.full(39, found), Network(sigma_a=1.0, **network), wanted)
    assert text.endswith(words)


def test_command_says_the_width_also_of_finished_draws(tmp_path):
    run = tmp_path / "run.toml"
    run.write_text(tomli_w.dumps(RUN))
    options = ("--out", tmp_path / "out", "--draws", "2", "--distance", "0.01")
    answer = attempt("ntk", run, *options)
    assert answer.returncode == 0, answer.stderr
    (line,) = [line for line in answer.stderr.splitlines() if "1 % needs a width of about" in line]
    assert "67 % of draws stay within" in line
    again = attempt("ntk", run, *options, "--resume")
    assert line in again.stderr
    refused = attempt("ntk", run, "--out", tmp_path / "no", "--draws", "2", "--distance", "0")
    assert refused.returncode == 2 and "--distance 0: give a number above 0" in refused.stderr
    assert not (tmp_path / "no").exists()


def test_a_distance_needs_draws():
    check_distance(None, None)
    with pytest.raises(InputError, match=r"--distance 0.1 .* add --draws 40"):
        check_distance(0.1, None)


def test_no_width_has_the_distance_zero():
    with pytest.raises(InputError, match="distance = 0"):
        width_for_distance(0.1, 100, 0.0)


def test_draws_of_an_older_version_are_read(problem, tmp_path):
    """Their file has another measure of feature learning, and no distance."""
    draws = nn.predict_draws(problem, 2)
    draws.save(tmp_path / "new.nc")
    with xr.open_dataset(tmp_path / "new.nc") as file:
        old = file.load().drop_vars(["log_error_change", "distance_from_infinite_width"])
    old["feature_learning"] = ("time", np.full(len(draws.time), 7.0))
    old.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    loaded = Draws.load(tmp_path / "old.nc")
    np.testing.assert_array_equal(loaded.error, draws.error)
    assert loaded.distance is None and np.isnan(loaded.feature_learning[1:]).all()
    assert feature_learning_warning(loaded.time, loaded.feature_learning) is None
    again = Draws.load(tmp_path / "new.nc")
    np.testing.assert_array_equal(again.distance, draws.distance)
    np.testing.assert_array_equal(again.log_error_change, draws.log_error_change)
