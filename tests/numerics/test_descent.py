"""Gradient descent, Heun's and Runge-Kutta's steps in a Krylov space against the steps themselves."""

import numpy as np
import pytest

from numerics import Schedule, gradient_descent
from problem import ComputationError
from tests.numerics.test_lanczos import semidefinite

TIMES = np.array([0.0, 0.6, 5.0, 5.5, 300.0])


HEUN, RK4 = (1, 1, 1 / 2), (1, 1, 1 / 2, 1 / 6, 1 / 24)


def stepped(matrix, start, schedule, taylor=(1, 1)):
    """u at each output time after the first, step by step: u <- sum_j taylor_j (-step A)^j u."""
    u, states = start, []
    for size, count in zip(schedule.sizes, schedule.counts, strict=True):
        for _ in range(count):
            terms = [u]
            for _ in taylor[1:]:
                terms.append(-size * (matrix @ terms[-1]))
            u = sum(coefficient * term for coefficient, term in zip(taylor, terms, strict=True))
        states.append(u)
    return np.array(states)


@pytest.mark.parametrize("step", [0.01, 0.7, 1.3, 1.99])  # times lambda_max = 1: beyond 1 the fast modes alternate
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
@pytest.mark.parametrize("decay, slack", [(0.02, 100), (0.3, 3)])  # as of the flow's bound
def test_the_bound_holds_and_is_not_wasteful(step, tolerance, decay, slack):
    matrix, start = semidefinite(120, decay), np.random.default_rng(5).normal(size=120)
    schedule = Schedule(TIMES, step)
    result = gradient_descent(lambda v: matrix @ v, start, schedule, tolerance)
    error = np.linalg.norm(result.values - stepped(matrix, start, schedule), axis=1).max() / np.linalg.norm(start)
    assert error <= result.error + 1e-12 <= tolerance + 1e-12
    assert result.error <= slack * error + 1e-12
    assert result.steps < 120


@pytest.mark.parametrize("taylor, step", [(HEUN, 0.1), (HEUN, 1.0), (RK4, 0.1), (RK4, 0.7)])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
@pytest.mark.parametrize("decay, slack", [(0.02, 100), (0.3, 10)])
def test_the_bound_holds_for_the_steps_of_other_integrators(taylor, step, tolerance, decay, slack):
    matrix, start = semidefinite(120, decay), np.random.default_rng(5).normal(size=120)
    schedule = Schedule(TIMES, step)
    result = gradient_descent(lambda v: matrix @ v, start, schedule, tolerance, taylor=taylor)
    exact = stepped(matrix, start, schedule, taylor)
    error = np.linalg.norm(result.values - exact, axis=1).max() / np.linalg.norm(start)
    assert error <= result.error + 1e-12 <= tolerance + 1e-12
    assert result.error <= slack * error + 1e-12
    assert result.steps < 120


def test_the_limit_of_runge_kutta_is_named():
    matrix = semidefinite(60, 0.1)
    with pytest.raises(ComputationError, match=r"at least 2\.78\d+, above 2\.78529; use a shorter step than 2\.8"):
        gradient_descent(lambda v: matrix @ v, np.ones(60), Schedule(np.array([0.0, 28.0]), 2.8), 1e-6, taylor=RK4)


def test_steps_that_diverge_are_an_error_that_names_a_step_that_does_not():
    matrix = semidefinite(60, 0.1)
    with pytest.raises(ComputationError, match=r"at least 2\.0\d+, above 2; use a shorter step than 2"):
        gradient_descent(lambda v: matrix @ v, np.ones(60), Schedule(np.array([0.0, 41.0]), 2.06), 1e-6)


def test_too_few_products_is_an_error():
    matrix = semidefinite(100, 0.01)
    with pytest.raises(ComputationError, match="after 3 steps"):
        gradient_descent(lambda v: matrix @ v, np.ones(100), Schedule(TIMES, 0.5), 1e-8, max_steps=3)


def test_zero_stays_zero():
    assert not gradient_descent(lambda v: v, np.zeros(4), Schedule(TIMES, 0.5), 1e-3).values.any()
