"""Steps of learning rates that change, against quadrature and against torch.optim.lr_scheduler."""

import numpy as np
import pytest
import scipy.integrate
import torch

from freqbias.errors import ComputationError
from freqbias.numerics import RateShape, Schedule, gradient_descent
from tests.numerics.test_descent import stepped
from tests.numerics.test_lanczos import semidefinite

SHAPES = {
    "constant, warm-up": RateShape(warm_up=0.2),
    "cosine": RateShape("cosine"),
    "cosine, warm-up": RateShape("cosine", warm_up=0.1),
    "steps": RateShape("steps", milestones=(0.5, 0.75), factor=0.3),
    "steps, warm-up": RateShape("steps", warm_up=0.25, milestones=(0.5, 0.75)),
}


def rate(shape, p):
    """The definition, written once more."""
    a = shape.warm_up
    if p < a:
        return p / a
    if shape.kind == "cosine":
        return 0.5 * (1 + np.cos(np.pi * (p - a) / (1 - a)))
    return shape.factor ** sum(p >= each for each in shape.milestones) if shape.kind == "steps" else 1.0


@pytest.mark.parametrize("name", SHAPES)
def test_integral(name):
    shape = SHAPES[name]
    for p in (0.05, 0.2, 0.3, 0.6, 0.9, 1.0):
        breaks = [each for each in (shape.warm_up, *shape.milestones) if 0 < each < p]
        expected, _ = scipy.integrate.quad(lambda q: rate(shape, q), 0, p, points=breaks or None, epsabs=1e-12)
        assert shape.integral(p) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", SHAPES)
def test_schedule(name):
    """The times are reached exactly, and the steps are those of the shape up to the stretch of one step an interval."""
    shape, times, largest = SHAPES[name], np.array([0.0, 1.0, 2.5, 7.0]), 0.004
    schedule = shape.schedule(times, largest)
    step_times = schedule.step_times()
    assert np.isin(times, step_times).all()
    sizes = np.diff(step_times)
    assert sizes.max() <= largest * (1 + 1e-9)
    progress = (np.arange(len(sizes)) + 0.5) / len(sizes)
    away = np.array([min([1.0, *(abs(p - each) for each in shape.milestones)]) > 0.01 for p in progress])
    expected = largest * np.array([rate(shape, p) for p in progress])
    np.testing.assert_allclose(sizes[away], expected[away], rtol=0.01, atol=0.01 * largest)
    assert len(sizes) == pytest.approx(7.0 / largest / float(shape.integral(1.0)), rel=0.01)


def test_cosine_is_that_of_torch():
    """Up to half a step: torch takes the rate at the beginning of a step."""
    count = 400
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=count)
    rates = []
    for _ in range(count):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    sizes = np.diff(RateShape("cosine").schedule(np.array([0.0, count / 2]), 1.0).step_times())
    assert len(sizes) == count
    np.testing.assert_allclose(sizes, rates, atol=1.01 * np.pi / 4 / count)


def test_constant_rate_is_the_plain_schedule():
    times = np.array([0.0, 1.0, 2.5])
    assert (RateShape().schedule(times, 0.3).step_times() == Schedule(times, 0.3).step_times()).all()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("tolerance", [1e-3, 1e-7])
def test_steps_are_products_of_polynomials(name, tolerance):
    matrix, start = semidefinite(120, 0.1), np.random.default_rng(5).normal(size=120)
    schedule = SHAPES[name].schedule(np.array([0.0, 30.0, 400.0]), 1.9)
    result = gradient_descent(matrix.__matmul__, start, schedule, tolerance, integrate=True)
    expected = stepped(matrix, start, schedule)[schedule.output_intervals[1:] - 1]
    error = np.linalg.norm(result.values - expected, axis=1).max() / np.linalg.norm(start)
    assert error <= result.error + 1e-12 <= tolerance + 1e-12
    np.testing.assert_allclose(result.integral.values @ matrix, start - result.values, atol=20 * tolerance)


def test_too_many_sizes():
    schedule = RateShape("cosine").schedule(np.array([0.0, 1e5]), 1.0)
    with pytest.raises(ComputationError, match="steps of different sizes are too many"):
        gradient_descent(np.eye(3).__matmul__, np.ones(3), schedule, 1e-6)
