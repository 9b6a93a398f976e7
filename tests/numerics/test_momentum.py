"""Steps with momentum in a Krylov space against explicit steps."""

import numpy as np
import pytest

from freqbias.errors import ComputationError
from freqbias.numerics import Metric, Schedule, momentum_limit, momentum_steps
from tests.numerics.test_lanczos import energy_norms, metric_matrix, semidefinite

TIMES = np.array([0.0, 0.6, 5.0, 5.5, 300.0])


def stepped(matrix, start, schedule, mu, *, nesterov=False, decay=0.0):
    """u at each output time after the first."""
    u, v, states = start, np.zeros_like(start), []
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        for _ in range(count):
            g = matrix @ u + decay * (u - start)
            v = mu * v + g
            u = u - (1 - mu) * size * (g + mu * v if nesterov else v)
        states.append(u)
    return np.array(states)


@pytest.mark.parametrize(("mu", "step"), [(0.0, 0.7), (0.5, 0.1), (0.9, 1.0), (0.9, 30.0), (0.99, 3.0)])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
@pytest.mark.parametrize("decay", [0.02, 0.3])
def test_bound_holds(mu, step, tolerance, decay):
    """lambda_max = 1: with mu = 0.9 steps up to 38 are stable, and most modes oscillate."""
    matrix, start = semidefinite(120, decay), np.random.default_rng(5).normal(size=120)
    schedule = Schedule(TIMES, step)
    result = momentum_steps(matrix.__matmul__, start, schedule, tolerance, mu=mu, integrate=True)
    expected = stepped(matrix, start, schedule, mu)
    error = np.linalg.norm(result.values - expected, axis=1).max() / np.linalg.norm(start)
    assert error <= result.error + 1e-12 <= tolerance + 1e-12
    assert result.steps < 120
    np.testing.assert_allclose(
        result.integral.values @ matrix, start - result.values, rtol=0, atol=5 * tolerance * np.linalg.norm(start)
    )
    exact = momentum_steps(matrix.__matmul__, start, schedule, 1e-11, mu=mu, integrate=True).integral.values
    errors = energy_norms(matrix, result.integral.values - exact) / np.linalg.norm(start)
    assert (errors <= result.integral.error + 1e-10).all()


@pytest.mark.parametrize(("mu", "step"), [(0.0, 0.7), (0.5, 0.1), (0.9, 1.0), (0.9, 13.0), (0.99, 3.0)])
@pytest.mark.parametrize("decay", [0.0, 0.003, 0.3])
@pytest.mark.parametrize("nesterov", [True, False])
def test_nesterov_and_decay(mu, step, decay, nesterov):
    """lambda_max + decay = 1: with mu = 0.9 Nesterov's steps up to 13.57 are stable."""
    matrix, start = (1 - decay) * semidefinite(120, 0.1), np.random.default_rng(5).normal(size=120)
    schedule, options = Schedule(TIMES, step), {"mu": mu, "nesterov": nesterov, "decay": decay}
    expected, norm = stepped(matrix, start, schedule, **options), np.linalg.norm(start)
    for tolerance in (1e-2, 1e-6):
        result = momentum_steps(matrix.__matmul__, start, schedule, tolerance, integrate=True, **options)
        error = np.linalg.norm(result.values - expected, axis=1).max() / norm
        assert error <= result.error + 1e-12 <= tolerance + 1e-12
        change = result.integral.values @ matrix
        np.testing.assert_allclose(change, start - result.values, rtol=0, atol=5 * tolerance * norm)
        exact = momentum_steps(matrix.__matmul__, start, schedule, 1e-11, integrate=True, **options).integral.values
        assert (energy_norms(matrix, result.integral.values - exact) <= (result.integral.error + 1e-10) * norm).all()


@pytest.mark.parametrize("smallest", [0.01, 20.0])
def test_momentum_in_a_metric(smallest):
    matrix, p = semidefinite(60, 0.1) / smallest / 50, metric_matrix(60, smallest)
    start, schedule = np.random.default_rng(5).normal(size=60), Schedule(TIMES, 2.0)
    result = momentum_steps(matrix.__matmul__, start, schedule, 1e-6, mu=0.8, metric=Metric(p.__matmul__, smallest))
    error = np.linalg.norm(result.values - stepped(matrix @ p, start, schedule, 0.8), axis=1).max()
    assert error <= result.error * np.linalg.norm(start) <= 1e-6 * np.linalg.norm(start)


@pytest.mark.parametrize("mu", [0.0, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("nesterov", [False, True])
def test_response_to_a_push(mu, nesterov):
    """After a unit push of v, no later u has moved by more than 1 / (1 - mu) of it, at any stable z; some have."""
    z = np.concatenate([np.geomspace(1e-6, 1, 1000), np.linspace(0, momentum_limit(mu, nesterov=nesterov), 1000)])
    y, v, largest = np.zeros_like(z), np.zeros_like(z), 0.0
    for step in range(3000):
        g = z * y + (step == 0)
        v = mu * v + g
        y = y - (g + mu * v if nesterov else v)
        largest = max(largest, np.abs(y).max())
    assert 0.99 / (1 - mu) < largest < (1 + 1e-9) / (1 - mu)


def test_unsettled_steps_that_diverge():
    """Also where Lanczos ends before the largest eigenvalue has settled, the message names the step."""
    matrix, start = semidefinite(60, 0.3), np.random.default_rng(0).normal(size=60)
    with pytest.raises(ComputationError, match="the steps diverge"):
        momentum_steps(matrix.__matmul__, start, Schedule(np.array([0.0, 400.0]), 80.0), 1e-6, mu=0.9, max_steps=3)


def test_diverging_steps():
    matrix, start = semidefinite(60, 0.3), np.ones(60)
    with pytest.raises(ComputationError, match=r"the steps diverge: .* the limit is 3.8; use a shorter step than 38"):
        momentum_steps(matrix.__matmul__, start, Schedule(np.array([0.0, 400.0]), 40.0), 1e-6, mu=0.9)
    assert momentum_steps(matrix.__matmul__, start, Schedule(np.array([0.0, 370.0]), 37.0), 1e-6, mu=0.9).error <= 1e-6
    with pytest.raises(ComputationError, match="1,000,000 steps with momentum are too many"):
        momentum_steps(matrix.__matmul__, start, Schedule(np.array([0.0, 1.0]), 1e-6), 1e-6, mu=0.9)


def test_diverging_steps_of_nesterov():
    matrix, start = semidefinite(60, 0.3), np.ones(60)
    with pytest.raises(
        ComputationError, match=r"the steps diverge: .* the limit is 1.357; use a shorter step than 13.6"
    ):
        momentum_steps(matrix.__matmul__, start, Schedule(np.array([0.0, 140.0]), 14.0), 1e-6, mu=0.9, nesterov=True)


def test_a_start_of_0():
    assert not momentum_steps(np.eye(3).__matmul__, np.zeros(3), Schedule(TIMES, 1.0), 1e-6, mu=0.9).values.any()
