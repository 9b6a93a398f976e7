"""A network's errors at other times, or with another start, than the equation has."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias.compare import compare, window
from freqbias.compare.comparison import common_times
from freqbias.errors import InputError
from freqbias.numerics import Scattered
from freqbias.problem import Samples, squared_loss
from tests.compare.build import fabricated, problem_1d

PROBLEM = problem_1d(times=(0.0, 0.1, 0.3))
SPECTRUM, HISTORY = fabricated(PROBLEM, cells=(64,))


@pytest.mark.parametrize("kind", ["f4", "f2", ">f4"])
def test_times_in_single_precision_are_compared(kind):
    """0.1 and 0.3 are rounded: a network that is 124 % off at these times must not look perfect."""
    wrong = np.concatenate([HISTORY.error[:1], 2.24 * HISTORY.error[1:]])
    comparison = compare(SPECTRUM, replace(HISTORY, time=HISTORY.time.astype(kind), error=wrong), PROBLEM)
    np.testing.assert_array_equal(comparison.time, [0.0, 0.1, 0.3])
    factor = np.exp(-0.3 * comparison.time)
    np.testing.assert_allclose(comparison.metrics["error_over_initial"], [0, *1.24 * factor[1:]], rtol=1e-6, atol=1e-12)


def test_times_left_out_are_named(caplog):
    found = common_times(np.array([0.0, 0.1, 0.2, 0.3]), np.array([0.0, 0.1, 0.15, 0.30003]))
    assert [index.tolist() for index in found] == [[0, 1], [0, 1]]
    assert "left out: 2 times (t = 0.2, 0.3) of the finite-element solution, and 2 times (t = 0.15, 0.30003)" in (
        caplog.text
    )
    caplog.clear()
    common_times(np.arange(10.0), np.arange(0, 10, 9.0))
    assert "8 times (t = 1, 2, 3, 4, 5, ... 8) of the finite-element solution, and none of" in caplog.text
    caplog.clear()
    common_times(HISTORY.time, HISTORY.time.astype(np.float32))
    assert not caplog.text


def test_rounded_times_are_told(caplog):
    common_times(np.array([0.0, 1 / 3, 2 / 3]), np.array([0.0, 0.3333, 0.6667]))
    assert "were rounded and differ by up to 1.0e-04 of their value; this changes the distance by up to 3.7e-05" in (
        caplog.text
    )


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.11, 0.31]])
def test_a_start_alone_is_refused(times):
    short = replace(HISTORY, time=np.array(times), error=HISTORY.error[: len(times)])
    with pytest.raises(InputError, match=r"t = 0, 0.1, 0.3\).*have only t = 0 in common.*set \[time\] times"):
        compare(SPECTRUM, short, PROBLEM)


def test_the_window_ends_at_a_rounded_time():
    time = np.linspace(0, 100, 4)
    np.testing.assert_array_equal(time[window(time, 33.33, 66.67)], time[1:3])
    np.testing.assert_array_equal(time[window(time, 33.3333, 66.6667)], time[1:3])
    np.testing.assert_array_equal(time[window(time, float(np.float32(33.33333)), np.inf)], time[1:])
    np.testing.assert_array_equal(time[window(time, 33.4, 66.6)], [])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda e: 1.5 * e, " (they are 1.5 u(0) +0: was the target standardized or scaled in another way?)"),
        (lambda e: 3 * e + 0.25, " (they are 3 u(0) +0.25: was the target standardized or scaled in another way?)"),
        (lambda e: e + 0.3 * np.abs(e).max() * np.sin(np.arange(128)), ""),
    ],
    ids=["scaled", "standardized", "initial output"],
)
def test_another_start_is_told(caplog, change, cause):
    other = replace(HISTORY, error=change(HISTORY.error))
    compare(SPECTRUM, other, PROBLEM)
    start = float(np.linalg.norm(other.error[0] - HISTORY.error[0]) / np.linalg.norm(HISTORY.error[0]))
    assert start > 0.1
    assert f"by {start:.3g} |u(0)|, and this difference remains in the comparison{cause}; to start" in caplog.text
    assert '[pde] initial = "FILE.nc"' in caplog.text


def test_the_same_start_in_half_precision_is_not_told(caplog):
    compare(SPECTRUM, replace(HISTORY, error=HISTORY.error.astype("f2").astype(float)), PROBLEM)
    assert not caplog.text


def test_the_opposite_sign_is_refused():
    with pytest.raises(InputError, match=r"have the opposite sign: .*give f - f"):
        compare(SPECTRUM, replace(HISTORY, error=-HISTORY.error), PROBLEM)


def test_a_late_start_is_told(caplog):
    late = replace(HISTORY, time=HISTORY.time[1:], error=HISTORY.error[1:])
    compare(SPECTRUM, late, PROBLEM)
    assert "begin at t = 0.1, so freqbias cannot check" in caplog.text


def test_the_start_of_the_solution_counts(caplog):
    """The spectrum knows its own initial error, which need not be -f*."""
    shifted = HISTORY.error + 0.5
    own = replace(HISTORY, error=shifted, loss=squared_loss(shifted))
    compare(replace(SPECTRUM, sample_error=shifted), own, PROBLEM)
    assert not caplog.text
    channels = replace(PROBLEM, samples=Samples(PROBLEM.sites, np.concatenate([PROBLEM.samples.values] * 2)))
    with pytest.raises(InputError, match="have 1 channel, but the data have 2"):
        compare(SPECTRUM, HISTORY, channels)


def test_another_loss_is_told(caplog):
    """The mean square without the factor 1/2 halves the unit of time."""
    compare(SPECTRUM, replace(HISTORY, loss=2 * HISTORY.loss), PROBLEM)
    assert "the loss of the network's errors at t = 0 is 2 times half their mean square" in caplog.text


def test_other_held_out_samples_are_refused():
    positions = np.array([[0.1], [0.2], [0.3]])
    problem = replace(PROBLEM, held_out=Samples(Scattered(positions), np.ones((1, 3)), held_out=True))
    own = replace(HISTORY, held_out_position=positions[::-1], held_out_error=np.full((3, 1, 3), 2.0))
    assert (compare(SPECTRUM, own, problem).metrics["loss_held_out"] == 2.0).all()
    with pytest.raises(InputError, match=r"held-out samples: sample 0 lies at \[0.4\]"):
        compare(SPECTRUM, replace(own, held_out_position=positions[::-1] + 0.1), problem)
