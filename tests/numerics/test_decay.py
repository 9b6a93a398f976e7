"""Flows and steps with a decay towards the start, du/dt = -A u - decay (u - u(0)), against dense matrices."""

import numpy as np
import pytest
import scipy.linalg

from freqbias.numerics import Metric, Schedule, decayed, exponential, gradient_descent, shift_invert_exponential
from tests.numerics.test_descent import HEUN, RK4
from tests.numerics.test_lanczos import energy_norms, metric_matrix, semidefinite

TIMES = np.array([0.0, 0.3, 5.0, 200.0])
START = np.random.default_rng(5).normal(size=120)
DECAYS = [1e-3, 0.05, 2.0]


def flow(matrix, start, decay):
    """u at TIMES, by the exponential of the block matrix of (u, u(0))."""
    n = len(start)
    block = np.zeros((2 * n, 2 * n))
    block[:n, :n], block[:n, n:] = -matrix - decay * np.eye(n), decay * np.eye(n)
    return np.array([(scipy.linalg.expm(t * block) @ np.tile(start, 2))[:n] for t in TIMES])


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_flow(decay, tolerance):
    matrix, norm = semidefinite(120, 0.1), np.linalg.norm(START)
    result = exponential(matrix.__matmul__, START, TIMES, tolerance, decay=decay, integrate=True)
    error = np.linalg.norm(result.values - flow(matrix, START, decay), axis=1).max() / norm
    assert error <= result.error + 1e-12 <= tolerance + 1e-12
    change = result.integral.values @ matrix
    np.testing.assert_allclose(change, START - result.values, rtol=0, atol=5 * tolerance * norm)
    exact = exponential(matrix.__matmul__, START, TIMES, 1e-12, decay=decay, integrate=True).integral.values
    assert (energy_norms(matrix, result.integral.values - exact) <= (result.integral.error + 1e-11) * norm).all()


@pytest.mark.parametrize("smallest", [0.01, 20.0])
def test_flow_in_a_metric(smallest):
    matrix, p = semidefinite(60, 0.1) / smallest / 50, metric_matrix(60, smallest)
    result = exponential(matrix.__matmul__, START[:60], TIMES, 1e-6, metric=Metric(p.__matmul__, smallest), decay=0.05)
    error = np.linalg.norm(result.values - flow(matrix @ p, START[:60], 0.05), axis=1).max()
    assert error <= result.error * np.linalg.norm(START[:60]) <= 1e-6 * np.linalg.norm(START[:60])


@pytest.mark.parametrize("decay", DECAYS)
def test_flow_by_shift_and_invert(decay):
    matrix, mass = semidefinite(60, 0.1), np.diag(np.linspace(0.5, 2.0, 60))
    result = shift_invert_exponential(
        lambda b, _: np.linalg.solve(mass + 0.7 * matrix, b), START[:60], TIMES, 1e-10,
        shift=0.7, decay=decay, mass=mass.__matmul__,
    )  # fmt: skip
    expected = flow(np.linalg.solve(mass, matrix), START[:60], decay)
    np.testing.assert_allclose(list(result.states()), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("taylor", [(1, 1), HEUN, RK4])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_steps(decay, taylor, tolerance):
    matrix, schedule, norm = semidefinite(120, 0.1), Schedule(TIMES, 0.6), np.linalg.norm(START)
    result = gradient_descent(matrix.__matmul__, START, schedule, tolerance, taylor=taylor, decay=decay, integrate=True)

    def slope(u):
        return -matrix @ u - decay * (u - START)

    u, expected = START, []
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        for _ in range(count):
            if taylor == RK4:
                k1 = slope(u)
                k2 = slope(u + size / 2 * k1)
                k3 = slope(u + size / 2 * k2)
                u = u + size / 6 * (k1 + 2 * k2 + 2 * k3 + slope(u + size * k3))
            elif taylor == HEUN:
                u = u + size / 2 * (slope(u) + slope(u + size * slope(u)))
            else:
                u = u + size * slope(u)
        expected.append(u)
    assert np.linalg.norm(result.values - expected, axis=1).max() / norm <= result.error + 1e-12 <= tolerance + 1e-12
    change = result.integral.values @ matrix
    np.testing.assert_allclose(change, START - result.values, rtol=0, atol=5 * tolerance * norm)


def test_modes():
    rates = np.array([0.0, 1e-3, 2.0])
    found = decayed(TIMES, rates, 0.05)
    expected = [flow(np.array([[rate]]), np.ones(1), 0.05)[:, 0] for rate in rates]
    np.testing.assert_allclose(found.T, expected, rtol=1e-12)
    np.testing.assert_allclose(decayed(TIMES, rates, 0.0), np.exp(-np.outer(TIMES, rates)), rtol=1e-14)
