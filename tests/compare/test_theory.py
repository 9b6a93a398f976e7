"""Measured rates against theory: for a small sigma_a nothing diffuses, and kappa = damping / prod extent."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.compare import fitted_rate, instant_rate, mean_rate, project, theory_rate
from freqbias.compare.kappa import FLOOR, measure
from freqbias.compare.spectra import has_signal
from freqbias.errors import InputError
from freqbias.nn import InfiniteWidthKernel, LinearisedTraining
from freqbias.numerics import Grid, Scattered, exponential
from freqbias.problem import (
    Gaussian,
    Network,
    Pde,
    Points,
    Problem,
    Rates,
    Samples,
    SobolevLoss,
    Uniform,
    WeightDecay,
    trapezoidal_weights,
)

SIGNIFICANT = 0.05  # of the largest rho_w: where theory is to hold


def peak(density, *, points, end, sigma_a=0.01, extent=1.0, window=0.01):
    """A narrow peak in the middle of the data, which contains all frequencies."""
    grid = Grid(points, (extent,) * len(points))
    values = np.exp(-np.sum(grid.positions() ** 2, axis=1) / (2 * window**2))
    return Problem(density, Samples(grid, values[None]), Network(width=2, sigma_a=sigma_a), np.linspace(0.0, end, 6))


def worst(problem, time, frequency, error):
    """The largest relative distance of any rate from theory, where rho_w is significant."""
    shown = problem.density.density(frequency) > SIGNIFICANT * problem.density.maximum(problem.dimension)
    least = FLOOR * np.linalg.norm(error[0], axis=0).max()
    assert has_signal(frequency, error[0], problem.sites.nyquist, floor=least)[shown].all() and shown.sum() > 50
    expected = theory_rate(problem, frequency[shown])
    measured = (
        mean_rate(time, error[..., shown], floor=0),
        instant_rate(time, error[..., shown], floor=0),
        fitted_rate(time, error[..., shown], floor=0)[0],
    )
    return max(np.abs(rate / expected - 1).max() for rate in measured)


@pytest.mark.parametrize(
    ("density", "points", "operator", "window", "end"),
    [
        (Gaussian(10.0), (256,), "local", 0.01, 50.0),
        (Uniform(16.0), (256,), "local", 0.01, 50.0),
        (Gaussian(10.0), (256,), "data", 0.01, 50.0),
        (Gaussian(6.0), (64, 64), "data", 0.02, 250.0),
    ],
    ids=["gaussian", "uniform", "gaussian, data", "gaussian, 2d, data"],
)
def test_finite_elements_follow_theory(density, points, operator, window, end):
    """To the tolerance, 1e-4 of |v(0)|, over |v| at the end, which is a tenth of |v(0)| or more."""
    problem = peak(density, points=points, window=window, end=end)
    spectrum = pde.solve(problem, Pde(operator=operator, tolerance=1e-4))
    assert worst(problem, spectrum.time, spectrum.frequency, spectrum.error) < 1e-3


@pytest.mark.parametrize(
    ("order", "highest", "bound"), [(-1.0, 3.0, 0.02), (-0.5, 3.0, 0.01), (0.5, 30.0, 0.01), (1.0, 30.0, 1e-3)]
)
def test_rates_under_sobolev_losses(order, highest, bound):
    """The rates are (1 + |xi|^2)^s times those of the mean square.

    With s < 0, P spreads the error over the whole box. The edges of the box then change v at high frequencies by more
    than their own, small rates do.
    """
    plain, xi = peak(Gaussian(10.0), points=(256,), end=1.0), np.linspace(-highest, highest, 241)[:, None]
    problem = replace(plain, loss=SobolevLoss(plain.sites, order))
    expected = theory_rate(problem, xi)
    np.testing.assert_allclose(expected, theory_rate(plain, xi) * (1 + xi[:, 0] ** 2) ** order, rtol=1e-12)
    problem = replace(problem, times=np.linspace(0.0, 2.0 / expected.max(), 6))
    spectrum = pde.solve(problem, Pde(tolerance=1e-5))
    shown = np.abs(spectrum.frequency[:, 0]) < highest
    rate = mean_rate(spectrum.time, spectrum.error[..., shown], floor=0)
    assert np.abs(rate / theory_rate(problem, spectrum.frequency[shown]) - 1).max() < bound


@pytest.mark.parametrize("share", [0.5, 3.0])
def test_theory_with_weight_decay(share):
    """The spectrum falls to decay / (rate + decay) of its start, so the mean rate is far below that at t = 0."""
    problem = replace(peak(Gaussian(10.0), points=(256,), end=50.0), decay=WeightDecay(share / 50.0))
    spectrum = pde.solve(problem, Pde(tolerance=1e-5))
    kappa = measure(spectrum, spectrum.time, {"pde": spectrum.error}, problem, bands=6)
    regions = kappa.regions[0]
    measured, theory = regions.measured["pde"].mean, regions.theory.mean
    defined = theory > 1e-2 * np.nanmax(theory)  # diffusion, small as it is, decides where the rates are tiny
    assert defined.sum() > 2
    np.testing.assert_allclose(measured[defined], theory[defined], rtol=1e-3)
    assert np.nanmax(theory) < 0.8 * theory_rate(problem, np.zeros((1, 1)))[0]


@pytest.mark.parametrize("damping", [1.0, 0.1, 0.01])
def test_rates_of_gauss_newton(damping):
    """The rates are kappa / (kappa + eps), and eps is the damping times sup rho_w where diffusion is small."""
    plain = peak(Gaussian(10.0), points=(256,), end=2.0)
    problem = replace(plain, gauss_newton=damping)
    with pytest.raises(InputError, match=r"gauss_newton = .*; give shift"):
        theory_rate(problem, np.zeros((1, 1)))
    spectrum = pde.solve(problem, Pde(tolerance=1e-5))
    shift = spectrum.attributes["shift"]
    assert shift == pytest.approx(damping * problem.density.maximum(1), rel=0.02)
    shown = np.abs(spectrum.frequency[:, 0]) < 30
    kappa = theory_rate(plain, spectrum.frequency[shown])
    expected = theory_rate(problem, spectrum.frequency[shown], shift=shift)
    np.testing.assert_allclose(expected, kappa / (kappa + shift), rtol=1e-12)
    rate = mean_rate(spectrum.time, spectrum.error[..., shown], floor=0)
    assert np.abs(rate / expected - 1).max() < 2e-4
    assert kappa.max() / kappa.min() > 80
    assert expected.max() / expected.min() == pytest.approx((damping * 86 + 1) / (damping + 1), rel=0.05)


def test_kernel_flow_and_diffusion():
    xi = np.linspace(-30, 30, 241)[:, None]
    for sigma_a, low, high in ((0.01, 0.0, 1e-3), (1.0, 0.02, 1.0)):
        problem = peak(Gaussian(10.0), points=(256,), sigma_a=sigma_a, end=50.0)
        flow = exponential(InfiniteWidthKernel(problem).apply, -problem.samples.values[0], problem.times, 1e-8)
        error = project(flow.values[:, None], problem.sites, xi)
        assert low <= worst(problem, problem.times, xi, error) < high


def uneven(window):
    """Waves on 192 samples of a line of length 1, whose density varies by 4, and the places in order."""
    rng = np.random.default_rng(0)
    y = (np.arange(192) + 0.5 + 0.5 * rng.uniform(-0.5, 0.5, 192)) / 192
    x = y + 0.6 * np.sin(2 * np.pi * y) / (2 * np.pi) - 0.5
    values = np.sin(2 * np.pi * np.outer([1, 4, 9], x) + 0.7).sum(axis=0)
    return Samples(Scattered(x[:, None]), (values * np.exp(-(x**2) / (2 * window**2)))[None])


@pytest.mark.parametrize("order", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("circle", [False, True])
def test_rates_on_uneven_samples(order, circle):
    """Weights of a quadrature and a cutoff give the rates of even samples, if there are no ends.

    This holds for a target that vanishes there, and on a circle, with a network of whole frequencies.
    """
    samples, period = uneven(1e3 if circle else 0.12), [1.0] if circle else None
    weights, waves = trapezoidal_weights(samples.sites, period=period), np.array([[1.0], [4.0], [9.0]])
    loss = SobolevLoss(samples.sites, order, weights, cutoff=24.0, period=period)
    density = Points(np.arange(1.0, 21.0)[:, None]) if circle else Gaussian(8.0)
    damping = np.full(3, 1 / 40) if circle else density.density(waves) / np.ptp(samples.sites.positions())
    theory = damping * loss.symbol(waves)
    times = np.concatenate([[0.0], np.unique(0.3 / theory)])
    network = Network(width=40, sigma_a=0.1)
    problem = Problem(density, samples, network, times, rates=Rates(frequencies=0.0), loss=loss)
    training = LinearisedTraining(InfiniteWidthKernel(problem), -samples.values, metric=loss.metric)
    v = project(weights * training.flow(times), samples.sites, waves)
    for k, rate in enumerate(theory):
        index = int(np.argmin(np.abs(times - 0.3 / rate)))
        measured = mean_rate(times[[0, index]], v[[0, index], :, k : k + 1], floor=0)
        assert measured[0] == pytest.approx(rate, rel=0.02)
