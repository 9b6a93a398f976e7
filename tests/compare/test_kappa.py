"""Estimators of the frequency learning rate: instant, mean, fitted, and from theory."""

from math import comb, factorial

import numpy as np
import pytest
from scipy.stats import t as student

from freqbias.compare import fitted_rate, instant_rate, mean_rate, theory_rate, window
from freqbias.problem import Network, Problem, Uniform
from tests.compare.build import problem_2d


def test_mean_rate_of_exponentials():
    """Channels of one frequency decay alike with different phases; another frequency has other amplitudes."""
    time = np.array([0.5, 1.0, 3.0])
    kappa = np.array([0.2, 1.5])
    start = np.array([[3.0, 0.01j], [4.0j, 0.0]])  # (channel, node)
    error = start * np.exp(-kappa * time[:, None])[:, None, :] * np.exp(0.3j * time)[:, None, None]
    np.testing.assert_allclose(mean_rate(time, error, floor=1e-4), kappa, rtol=1e-13)


def test_mean_rate_undefined_below_floor():
    error = np.array([[[1.0, 0.009, 0.5, 0.0]], [[0.5, 0.001, 0.0, 0.0]]])
    rate = mean_rate(np.array([0.0, 2.0]), error, floor=0.01)
    assert rate[0] == pytest.approx(np.log(2) / 2) and np.isnan(rate[1:]).all()
    with pytest.raises(ValueError, match="at least two times"):
        mean_rate(np.array([0.0]), error[:1], floor=0.01)


def exponentials(time, kappa, channels=2):
    """Spectra (T, C, n) that decay at these rates, with a phase that turns differently in each channel."""
    weights = np.arange(1, channels + 1)[:, None] * np.exp(1j * time[:, None, None] * np.arange(channels)[:, None])
    return weights * np.exp(-kappa * time[:, None])[:, None, :]


def test_instant_rate_order():
    time, kappa = np.array([0.0, 0.5, 0.7, 2.0]), np.array([0.2, 1.5])
    np.testing.assert_allclose(
        instant_rate(time, exponentials(time, kappa), floor=0), np.tile(kappa, (3, 1)), rtol=1e-12
    )
    errors = []
    for steps in (16, 32):
        time = np.linspace(0, 2, steps + 1)
        midpoints = (time[1:] + time[:-1]) / 2
        rate = instant_rate(time, np.exp(-np.sin(time))[:, None, None], floor=0)[:, 0]
        errors.append(np.abs(rate - np.cos(midpoints)).max())
    assert 3.9 < errors[0] / errors[1] < 4.1


def test_instant_rate_undefined_below_floor():
    time = np.arange(4.0)
    rate = instant_rate(time, np.array([1.0, 0.1, 0.01, 0.001])[:, None, None], floor=0.05)[:, 0]
    np.testing.assert_allclose(rate, [np.log(10), np.log(10), np.nan], rtol=1e-12)


def test_fit_stops_at_the_noise():
    time, kappa = np.linspace(1, 3, 9), np.array([0.3, 2.0])
    error = exponentials(time, kappa)
    error[6:] += 1.0  # from where on something else is left
    sizes = np.linalg.norm(error, axis=1)
    kept = np.concatenate([error[:6], 1e-3 * error[6:]])  # below the noise, and then above again
    kept[7] *= 1e4
    rate, standard_error = fitted_rate(time, kept, floor=0, noise=0.3 * sizes[:6].min())
    np.testing.assert_allclose(rate, kappa, rtol=1e-12)
    assert (standard_error < 1e-12).all()
    rate, standard_error = fitted_rate(time, kept, floor=0)
    assert (np.abs(rate - kappa) > 0.1).all() and (standard_error > 0.1).all()


def test_fit_undefined_cases():
    time = np.arange(4.0)
    error = np.array([[1.0, 0.4, 1.0], [0.5, 0.2, 0.5], [0.25, 0.1, 0.05], [0.125, 0.05, 0.9]])[:, None, :]
    rate, standard_error = fitted_rate(time, error, floor=0.45, noise=0.02)
    assert rate[0] == pytest.approx(np.log(2), rel=1e-12) and np.isfinite(standard_error[0])
    assert np.isnan(rate[1:]).all() and np.isnan(standard_error[1:]).all()
    with pytest.raises(ValueError, match="at least 3 times"):
        fitted_rate(time[:2], error[:2], floor=0)


@pytest.mark.parametrize(
    ("relative", "noise", "bound"),
    [(0.05, 0.0, 0.0), (0.0, 2e-3, 2e-3), (0.0, 1e-4, 1e-3), (0.05, 2e-3, 2e-3)],
    ids=["relative", "noise", "only a bound of the noise known", "both"],
)
def test_standard_error_coverage(relative, noise, bound):
    """Errors of known size, down to |v| = exp(-5.6): (rate - kappa) / standard error is Student's t of K - 2 degrees,
    so that 95 % lie within its quantile (of both together: nearly), and the rates scatter as it says."""
    rng, time, kappa, count = np.random.default_rng(0), np.linspace(0, 8, 9), 0.7, 20_000
    normal = rng.normal(size=(3, len(time), count))
    error = np.exp(-kappa * time[:, None] + relative * normal[0]) + noise * (normal[1] + 1j * normal[2])
    rate, standard_error = fitted_rate(time, error[:, None, :], floor=0, noise=bound)
    seen = np.logical_and.accumulate(np.abs(error) > 3 * bound, axis=0).sum(axis=0)
    within = np.abs(rate - kappa) <= student.ppf(0.975, seen - 2) * standard_error
    assert (0.9 if relative and noise else 0.94) < within.mean() < 0.97
    assert rate.mean() == pytest.approx(kappa, rel=1e-2)
    assert 0.85 < np.sqrt(np.mean(standard_error**2)) / rate.std() < 1.25
    if not noise:  # the plain line
        spread = np.sum((time - time.mean()) ** 2)
        assert rate.std() == pytest.approx(relative / np.sqrt(spread), rel=0.02)


def test_window_ends_to_rounding():
    time = np.linspace(0, 1, 11)
    np.testing.assert_array_equal(time[window(time, 0.3, 0.7)], time[3:8])
    np.testing.assert_array_equal(time[window(time)], time)
    np.testing.assert_array_equal(time[window(time, end=0.25)], time[:3])
    decades = np.array([0.0, 1e-8, 1e-4, 1e3])
    np.testing.assert_array_equal(decades[window(decades, 1e-7, 1e3 * (1 - 1e-12))], decades[2:])


def test_theory_is_damping_over_volume():
    """rho_w = 1 / (2 R)^2 on a box, over 0.5 x 2; two deep layers of sine: between rho_w g_1 and all of it."""
    samples = problem_2d(points=(24, 40), extent=(0.5, 3.0)).samples
    xi = np.array([[0.0, 0.0], [3.9, -3.9], [4.1, 0.0]])
    for sigma_a in (0.01, 1.0):
        problem = Problem(Uniform(4.0), samples, Network(width=2, sigma_a=sigma_a), np.array([0.0, 1.0]))
        np.testing.assert_allclose(theory_rate(problem, xi), [1 / 96, 1 / 96, 0.0], rtol=1e-12)
    deep = Network(width=2, sigma_a=0.0, depth=3, activation="sine", hidden_width=2)
    problem = Problem(Uniform(4.0), samples, deep, np.array([0.0, 1.0]))
    # damping = F[sinh k / sinh 1] = (rho + rho*rho*rho / 6 + ...) / sinh 1, and at 0 rho*rho*rho = rho (3/4)^2
    series = sum(central(n) ** 2 / factorial(n) for n in range(1, 20, 2))
    np.testing.assert_allclose(theory_rate(problem, xi[:1]), series / 96 / np.sinh(1), rtol=1e-5)


def central(n):
    """The n-fold convolution of the uniform density on [-1, 1] at 0, over that at n = 1: B-splines in the middle."""
    return n * sum((-1) ** k * comb(n, k) * (n / 2 - k) ** (n - 1) for k in range((n + 1) // 2)) / factorial(n)
