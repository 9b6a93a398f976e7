"""Steps, solves and eigenvalues of the damped Gauss-Newton method against dense matrices."""

import numpy as np
import pytest

from freqbias.errors import ComputationError
from freqbias.numerics import LONGEST_STEP, Metric, Schedule, damped_solve, exponential, gauss_newton, spectral_norm

SIZE = 40


def semidefinite(seed, decay):
    rng = np.random.default_rng(seed)
    vectors, _ = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))
    return (vectors * np.exp(-decay * np.arange(SIZE))) @ vectors.T, rng.normal(size=SIZE)


@pytest.mark.parametrize("step", [0.2, 1.0, 1.5, 1.95])
@pytest.mark.parametrize("decay", [0.05, 0.3, 1.0])
def test_bound(step, decay):
    """It holds for steps that overshoot too, where residuals of successive steps cancel."""
    for seed in range(4):
        matrix, start = semidefinite(seed, decay)
        shift, schedule = 0.02, Schedule(np.array([0.0, step, 12 * step]), step)
        one = np.eye(SIZE)
        factor = one - step * matrix @ np.linalg.inv(matrix + shift * one)
        exact = np.array([np.linalg.matrix_power(factor, n) @ start for n in (1, 12)])
        for tolerance in (0.5, 0.1, 1e-3, 1e-6):
            found = gauss_newton(matrix.__matmul__, start, schedule, tolerance, shift=shift)
            missed = np.linalg.norm(found.values - exact, axis=1).max() / np.linalg.norm(start)
            assert missed <= found.error + 1e-12 and found.error <= tolerance


@pytest.mark.parametrize("step", [0.5, 1.0, 1.95])
def test_residuals(step):
    """The bound is at least the sum of the residuals over all steps, and at most the sum without (A + eps)^-1 eps."""
    matrix, start = semidefinite(0, 0.02)
    shift, schedule = 0.02, Schedule(step * np.arange(13.0), step)
    inverse = np.linalg.inv(matrix + shift * np.eye(SIZE))
    for tolerance in (10.0, 1.0, 0.1, 1e-3):
        found = gauss_newton(matrix.__matmul__, start, schedule, tolerance, shift=shift)
        states = np.concatenate([start[None], found.values])
        residuals = states[1:] - states[:-1] + step * states[:-1] @ (matrix @ inverse).T
        raw = np.linalg.norm(residuals @ (matrix + shift * np.eye(SIZE)) / shift, axis=1).sum()
        scale = np.linalg.norm(start)
        assert np.linalg.norm(residuals, axis=1).sum() <= found.error * scale + 1e-12
        assert raw == pytest.approx(found.error * scale, rel=1e-6)


@pytest.mark.parametrize("time", [1e-4, 1e-2, 1.5])
@pytest.mark.parametrize("of_steps", [False, True])
def test_bound_of_the_integral(time, of_steps):
    """Also for short times, where the part 1/2 of its factor is nearly all of it."""
    largest = 0.0
    for seed, decay in ((0, 0.05), (1, 0.3), (2, 1.0)):
        matrix, start = semidefinite(seed, decay)
        shift, (values, vectors) = 1e-3, np.linalg.eigh(matrix)
        values = np.maximum(values, 1e-15)
        rates = values / (values + shift)
        left = (1 - time * rates) if of_steps else np.exp(-time * rates)
        exact = vectors @ ((1 - left) / values * (vectors.T @ start))
        for tolerance in (1.0, 1e-1, 1e-3, 1e-5):
            if of_steps:
                schedule = Schedule(np.array([0.0, time]), time)
                found = gauss_newton(matrix.__matmul__, start, schedule, tolerance, shift=shift, integrate=True)
            else:
                times = np.array([time])
                found = exponential(matrix.__matmul__, start, times, tolerance, shift=shift, integrate=True)
            missed = found.integral.values[-1] - exact
            energy = np.sqrt(max(0.0, missed @ matrix @ missed)) / np.linalg.norm(start)
            assert energy <= found.integral.error[-1] + 1e-10
            largest = max(largest, energy / found.integral.error[-1])
    assert largest > 0.02


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shift", [1.0, 1e-3, 1e-7])
def test_solve(shift, weighted):
    """The residual is what was asked for; at most n products give the exact solution however small eps is."""
    matrix, right = semidefinite(0, 0.3)
    weights = np.linspace(0.2, 3, SIZE) if weighted else np.ones(SIZE)
    metric, products = Metric(lambda u: weights * u, 0.2), 0

    def apply(u):
        nonlocal products
        products += 1
        return matrix @ u

    for tolerance in (1e-1, 1e-4, 1e-9):
        products = 0
        z = damped_solve(apply, right, tolerance, shift=shift, metric=metric)
        residual = right - matrix @ (weights * z) - shift * z
        norm = [np.sqrt(each @ (weights * each)) for each in (residual, right)]
        assert norm[0] <= tolerance * norm[1] * (1 + 1e-6) + 1e-9
        assert products <= SIZE
        if tolerance == 1e-1 and shift == 1.0:
            assert products < 10
    np.testing.assert_array_equal(damped_solve(apply, 0 * right, 1e-3, shift=shift), 0 * right)


@pytest.mark.parametrize("decay", [1e-6, 1e-3, 0.05, 1.0])
def test_spectral_norm(decay):
    matrix, _ = semidefinite(1, decay)
    weights = np.linspace(0.2, 3, SIZE)
    found = spectral_norm(matrix.__matmul__, SIZE, metric=Metric(lambda u: weights * u, 0.2))
    assert found == pytest.approx(np.linalg.eigvals(matrix * weights).real.max(), rel=2e-5)


def test_failures():
    matrix, start = semidefinite(0, 0.05)
    with pytest.raises(ComputationError, match=r"error bound .* after 3 steps .*; use a larger \[training\] damping"):
        damped_solve(matrix.__matmul__, start, 1e-9, shift=1e-6, max_steps=3)
    with pytest.raises(ComputationError, match=r"the steps diverge: the step is 2.1, the limit is 2"):
        gauss_newton(matrix.__matmul__, start, Schedule(np.array([0.0, 4.2]), 1.05 * LONGEST_STEP), 1e-3, shift=0.1)
    with pytest.raises(ComputationError, match="NaN or infinity"):
        damped_solve(lambda u: np.nan * u, start, 1e-3, shift=0.1)
