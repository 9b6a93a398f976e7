"""Gradient descent, Heun and Runge-Kutta steps in a Krylov space against explicit steps."""

from itertools import combinations

import numpy as np
import pytest

from freqbias.errors import ComputationError
from freqbias.numerics import Lanczos, Schedule, gradient_descent
from tests.numerics.test_lanczos import energy_norms, semidefinite

TIMES = np.array([0.0, 0.6, 5.0, 5.5, 300.0])
HEUN, RK4 = (1, 1, 1 / 2), (1, 1, 1 / 2, 1 / 6, 1 / 24)


def stepped(matrix, start, schedule, taylor=(1, 1)):
    """u at each output time after the first, by explicit steps u <- sum_j taylor_j (-step A)^j u."""
    u, states = start, []
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        for _ in range(count):
            terms = [u]
            for _ in taylor[1:]:
                terms.append(-size * (matrix @ terms[-1]))
            u = sum(coefficient * term for coefficient, term in zip(taylor, terms, strict=True))
        states.append(u)
    return np.array(states)


@pytest.mark.parametrize("step", [0.01, 0.7, 1.3, 1.99])  # lambda_max = 1: above 1 the fast modes alternate
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
@pytest.mark.parametrize("decay, slack", [(0.02, 100), (0.3, 3)])  # as for the bound of the flow
def test_bound_holds_and_is_sharp(step, tolerance, decay, slack):
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
def test_bound_of_heun_and_runge_kutta(taylor, step, tolerance, decay, slack):
    matrix, start = semidefinite(120, decay), np.random.default_rng(5).normal(size=120)
    schedule = Schedule(TIMES, step)
    result = gradient_descent(lambda v: matrix @ v, start, schedule, tolerance, taylor=taylor)
    exact = stepped(matrix, start, schedule, taylor)
    error = np.linalg.norm(result.values - exact, axis=1).max() / np.linalg.norm(start)
    assert error <= result.error + 1e-12 <= tolerance + 1e-12
    assert result.error <= slack * error + 1e-12
    assert result.steps < 120


@pytest.mark.parametrize("taylor, step", [((1, 1), 0.7), ((1, 1), 1.99), (HEUN, 0.3), (HEUN, 1.9), (RK4, 2.5)])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
@pytest.mark.parametrize("decay", [0.02, 0.3])
def test_sum_over_the_steps_and_its_bound(taylor, step, tolerance, decay):
    matrix, start = semidefinite(120, decay), np.random.default_rng(5).normal(size=120)
    schedule = Schedule(TIMES, step)
    result = gradient_descent(matrix.__matmul__, start, schedule, tolerance, taylor=taylor, integrate=True)
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, 1e-15)
    factors = np.array([sum(c * (-h * values) ** j for j, c in enumerate(taylor)) for h in schedule.step_sizes])
    decays = np.cumprod(factors ** schedule.step_counts[:, None], axis=0)
    exact = ((1 - decays) / values * (start @ vectors)) @ vectors.T
    errors = energy_norms(matrix, result.integral.values - exact) / np.linalg.norm(start)
    assert (errors <= result.integral.error + 1e-12).all() and errors.max() > result.integral.error.max() / 1000


@pytest.mark.parametrize("taylor, step", [((1, 1), 0.7), ((1, 1), 1.99), (HEUN, 1.9), (RK4, 2.5)])
def test_bound_is_the_sum_of_residuals(taylor, step):
    matrix, start, schedule = semidefinite(120, 0.02), np.random.default_rng(5).normal(size=120), Schedule(TIMES, step)
    result = gradient_descent(lambda v: matrix @ v, start, schedule, 1e-4, taylor=taylor)
    lanczos = Lanczos(lambda v: matrix @ v, start)
    for _ in range(result.steps):
        lanczos.step()
    small = np.diag(lanczos.alpha) + np.diag(lanczos.beta[:-1], 1) + np.diag(lanczos.beta[:-1], -1)
    largest, y, bound = np.linalg.eigvalsh(small)[-1], np.eye(result.steps)[0], 0.0
    for size in np.repeat(schedule.step_sizes, schedule.step_counts):
        powers = [y]
        for _ in taylor[1:]:
            powers.append(size * small @ powers[-1])
        for i, j in combinations(range(len(taylor)), 2):
            bound += size * lanczos.beta[-1] * taylor[j] * (size * largest) ** (j - 1 - i) * abs(powers[i][-1])
        y = sum(
            coefficient * (-1) ** j * power for j, (coefficient, power) in enumerate(zip(taylor, powers, strict=True))
        )
    assert result.error == pytest.approx(bound, rel=1e-6)


def test_stability_limit_of_runge_kutta():
    matrix = semidefinite(60, 0.1)
    with pytest.raises(
        ComputationError,
        match=r"at least 2\.\d+, the limit is 2\.785; use a shorter step than 2\.7\d",
    ):
        gradient_descent(lambda v: matrix @ v, np.ones(60), Schedule(np.array([0.0, 28.0]), 2.8), 1e-6, taylor=RK4)


def test_diverging_steps_name_a_stable_one():
    """Also if the first products show only that the steps diverge."""
    matrix = semidefinite(60, 0.1)
    largest = np.linalg.eigvalsh(matrix)[-1]
    for step in (2.06, 50.0):
        with pytest.raises(ComputationError, match="the steps diverge") as failure:
            gradient_descent(lambda v: matrix @ v, np.ones(60), Schedule(np.array([0.0, 20 * step]), step), 1e-6)
        advice = float(str(failure.value).rsplit(" ", 1)[1])
        assert advice == pytest.approx(2 / largest, rel=0.002)


@pytest.mark.parametrize(
    "eigenvalues, start",
    [
        ([1.0] * 5, np.ones(5)),
        ([1.0, 0.5, 0.3], np.ones(3)),
        ([0.7], np.ones(1)),
        ([1.0, *np.linspace(0.49, 0.51, 20), 1e-3], np.array([1e-4, *np.ones(21)])),
    ],
    ids=["an eigenvector", "few eigenvalues", "one sample", "a small part in the fastest mode"],
)
def test_diverging_steps_in_small_krylov_spaces(eigenvalues, start):
    values = np.array(eigenvalues)
    with pytest.raises(ComputationError, match="the steps diverge") as failure:
        gradient_descent(lambda v: values * v, start, Schedule(np.array([0.0, 200.0]), 10.0), 1e-6)
    assert float(str(failure.value).rsplit(" ", 1)[1]) == pytest.approx(2 / values.max(), rel=0.002)


def test_too_few_products():
    matrix = semidefinite(100, 0.01)
    with pytest.raises(ComputationError, match="after 3 steps"):
        gradient_descent(lambda v: matrix @ v, np.ones(100), Schedule(TIMES, 0.5), 1e-8, max_steps=3)


def test_steps_that_change_between_outputs():
    matrix, start = semidefinite(60, 0.1), np.random.default_rng(5).normal(size=60)
    schedule = Schedule(TIMES, 0.5).replan(3, 0.2).replan(20, 1.1)
    assert len(schedule.step_counts) > len(TIMES)
    result = gradient_descent(lambda v: matrix @ v, start, schedule, 1e-10, taylor=RK4)
    exact = stepped(matrix, start, schedule, RK4)[schedule.output_intervals[1:] - 1]
    np.testing.assert_allclose(result.values, exact, rtol=0, atol=1e-9 * np.linalg.norm(start))
    ends = np.concatenate([[0], np.cumsum(schedule.step_counts)])[schedule.output_intervals]
    np.testing.assert_allclose(schedule.step_times()[ends], TIMES, rtol=1e-12)


@pytest.mark.parametrize("schedule", [Schedule(TIMES, 0.5), Schedule(TIMES, 0.5).replan(3, 0.2)])
def test_zero_stays_zero(schedule):
    values = gradient_descent(lambda v: v, np.zeros(4), schedule, 1e-3).values
    assert values.shape == (len(TIMES) - 1, 4) and not values.any()
