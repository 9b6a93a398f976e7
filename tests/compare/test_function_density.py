"""Equation and network with densities from Python functions and scipy.stats, against the exact NTK."""

import numpy as np
import pytest
from scipy import stats

from freqbias import nn, pde
from freqbias.compare.comparison import compare
from freqbias.numerics import Grid
from freqbias.problem import FunctionDensity, Network, Pde, Problem, RadialDensity, Samples, from_scipy
from tests import oracle


def logistic(scale):
    """k(z) of the product of logistic laws."""

    def kernel(z):
        s = 2 * np.pi**2 * scale * np.abs(z)
        return np.prod(np.where(s < 1e-9, 1.0, s / np.sinh(np.maximum(s, 1e-9))), axis=-1)

    return kernel


def round_exponential(scale):
    """k(z) of the density exp(-|xi| / scale) / (2 pi scale^2) in the plane."""
    return lambda z: (1 + (2 * np.pi * scale) ** 2 * np.sum(z**2, axis=-1)) ** -1.5


CASES = {  # the density, made in the test because some need a second; k(z); the points
    "logistic": (lambda: from_scipy(stats.logistic(scale=2.0)), logistic(2.0), (64,)),
    "folded": (lambda: from_scipy(stats.logistic(scale=20.0)), logistic(20.0), (64,)),
    "uniform": (lambda: from_scipy(stats.uniform(-7.0, 14.0)), oracle.uniform(7.0), (64,)),
    "mixture": (
        lambda: FunctionDensity(
            lambda x: 0.5 * stats.norm.pdf(x, scale=2.0) + 0.5 * stats.uniform.pdf(x, -7.0, 14.0), breaks=(7.0,)
        ),
        oracle.mixture([1, 1], [oracle.gaussian(2.0), oracle.uniform(7.0)]),
        (64,),
    ),
    "product": (lambda: from_scipy(stats.logistic(scale=0.5)), logistic(0.5), (14, 12)),
    "cone": (lambda: RadialDensity(lambda r: np.exp(-r / 1.5) / (4.5 * np.pi), 2), round_exponential(1.5), (14, 12)),
    "disc": (lambda: RadialDensity(lambda r: (r < 4) / (16 * np.pi), 2, breaks=(4.0,)), oracle.disc(4.0), (14, 12)),
    "ellipse": (
        lambda: from_scipy(stats.multivariate_normal([0, 0], [[4.0, 1.5], [1.5, 1.0]])),
        lambda z: np.exp(-2 * np.pi**2 * np.sum(z @ [[4.0, 1.5], [1.5, 1.0]] * z, axis=-1)),
        (14, 12),
    ),
}


def problem_of(density, shape, **network):
    grid = Grid(shape, (1.0, 0.8)[: len(shape)])
    x = grid.positions()
    values = np.sin(4 * np.pi * x.sum(axis=1)) + 0.5 * np.random.default_rng(0).normal(size=(1, grid.size))
    return Problem(density, Samples(grid, values), Network(sigma_a=1.0, **network), np.array([0.0, 1.0, 10.0, 40.0]))


@pytest.mark.parametrize("name", CASES)
def test_equation(name):
    make, kernel, shape = CASES[name]
    problem = problem_of(make(), shape, width=100)
    spectrum = pde.solve(problem, Pde(tolerance=1e-3))
    points = problem.sites.positions()
    u = oracle.flow(oracle.dense_kernel(points, kernel, 1.0), -problem.samples.values, problem.times)
    v = oracle.spectrum(u, points, spectrum.frequency)
    assert np.linalg.norm(u[-1]) < 0.95 * np.linalg.norm(u[0])
    assert np.linalg.norm(spectrum.error - v, axis=(1, 2)).max() < 1e-3 * np.linalg.norm(v[0])


def test_deeper_network():
    """The laws of relu from the transform of a density of scipy.stats."""
    problem = problem_of(CASES["logistic"][0](), (24,), width=100, depth=3, hidden_width=8, activation="relu")
    spectrum = pde.solve(problem, Pde(tolerance=1e-3))
    points = problem.sites.positions()
    kernel = oracle.deep_kernel(points, logistic(2.0), 1.0, "relu", 3)
    v = oracle.spectrum(oracle.flow(kernel, -problem.samples.values, problem.times), points, spectrum.frequency)
    assert np.linalg.norm(spectrum.error - v, axis=(1, 2)).max() < 1e-3 * np.linalg.norm(v[0])


@pytest.mark.parametrize("name", ["logistic", "cone"])
def test_network_against_the_equation(name):
    make, _, shape = CASES[name]
    problem = problem_of(make(), shape, width=20_000, sampling="sobol")
    result = compare(pde.solve(problem, Pde(tolerance=1e-3)), nn.train(problem), problem)
    assert result.metrics["error_over_initial"].max() < 0.02
    assert result.metrics["loss_nn"][-1] < 0.9 * result.metrics["loss_nn"][0]
