"""The equation of the damped Gauss-Newton method against exponentials of dense kernels at infinite width."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

from freqbias import pde
from freqbias.errors import InputError
from freqbias.nn import InfiniteWidthKernel
from freqbias.numerics import Grid, Positions, Scattered
from freqbias.problem import MEAN_SQUARE, Gaussian, Mesh, Network, Pde, Problem, Samples, SobolevLoss
from tests import oracle

GRID = Grid((48,), (1.0,))
POINTS = Scattered(np.random.default_rng(0).uniform(-0.5, 0.5, (60, 2)))
CASES = {
    "grid": (GRID, MEAN_SQUARE, 1e-3),
    "strong damping": (GRID, MEAN_SQUARE, 0.3),
    "H^-1": (GRID, SobolevLoss(GRID, -1.0), 1e-3),
    "scattered": (POINTS, MEAN_SQUARE, 1e-2),
}
SIGMA, SIGMA_A = 2.0, 0.4


def problem_of(name):
    sites, loss, damping = CASES[name]
    x = sites.positions()
    values = np.array([np.sin(4 * np.pi * x[:, 0]) + 0.3 * np.cos(9 * x[:, -1]), np.cos(12 * x[:, 0])])
    network = Network(width=100, sigma_a=SIGMA_A)
    times = np.array([0.0, 1.0, 4.0])
    return Problem(Gaussian(SIGMA), Samples(sites, values), network, times, loss=loss, gauss_newton=damping)


def exact(problem, at=None):
    """u at the output times, and K(y, X) w at the positions `at`."""
    x, start = problem.sites.positions(), -problem.samples.values
    kernel = oracle.dense_kernel(x, oracle.gaussian(SIGMA), SIGMA_A)
    one = np.eye(len(x))
    matrix = kernel @ problem.loss.residual(one)
    inverse = np.linalg.inv(matrix + problem.gauss_newton * np.linalg.eigvals(matrix).real.max() * one)
    operator = matrix @ inverse
    errors = np.array([start @ scipy.linalg.expm(-t * operator).T for t in problem.times])
    if at is None:
        return errors
    zero = 0 * one
    pair = np.block([[-operator, one], [zero, zero]])
    integrals = [scipy.linalg.expm(t * pair)[: len(x), len(x) :] for t in problem.times]
    w = np.array([problem.loss.residual(start @ (inverse @ each).T) for each in integrals])
    both = oracle.dense_kernel(np.vstack([at, x]), oracle.gaussian(SIGMA), SIGMA_A) * (len(at) + len(x)) / len(x)
    return errors, w @ both[: len(at), len(at) :].T


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
@pytest.mark.parametrize("name", CASES)
def test_solution(name, tolerance):
    problem = problem_of(name)
    spectrum = pde.solve(problem, Pde(tolerance=tolerance))
    expected, scale = exact(problem), np.linalg.norm(problem.samples.values)
    missed = np.linalg.norm(spectrum.sample_error - expected, axis=(1, 2)).max() / scale
    assert missed <= tolerance
    plain = pde.solve(replace(problem, gauss_newton=None), Pde(tolerance=1e-2))
    assert np.linalg.norm(spectrum.sample_error - plain.sample_error) > 0.1 * scale


@pytest.mark.parametrize("name", ["grid", "scattered"])
def test_prediction_at_positions(name):
    problem = problem_of(name)
    y = np.random.default_rng(1).uniform(-0.45, 0.45, (7, problem.dimension))
    problem = replace(problem, predict_at=Positions(y))
    spectrum = pde.solve(problem, Pde(tolerance=1e-4))
    _, change = exact(problem, y)
    missed = np.abs(spectrum.prediction + change).max(axis=(1, 2))
    assert (missed <= spectrum.prediction_bound + 1e-9).all()
    assert missed.max() < 1e-2 and np.abs(change[-1]).max() > 0.5


def test_other_integrators_are_refused():
    problem = problem_of("grid")
    for settings in (Pde(operator="local"), Pde(integrator="crank-nicolson")):
        with pytest.raises(InputError, match=r'not for the damped Gauss-Newton method; use operator = "data"'):
            pde.solve(problem, settings)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
@pytest.mark.parametrize("name", ["grid", "scattered"])
def test_white_noise(name, tolerance):
    """Modes with tiny eigenvalues are learnt too, so the mesh reaches further than that of gradient descent."""
    problem = problem_of(name)
    values = np.random.default_rng(3).normal(size=problem.samples.values.shape)
    samples = Samples(problem.sites, values)
    problem = replace(problem, samples=samples, gauss_newton=1e-4, times=np.array([0.0, 1.0, 10.0]))
    spectrum = pde.solve(problem, Pde(tolerance=tolerance))
    missed = np.linalg.norm(spectrum.sample_error - exact(problem), axis=(1, 2)).max() / np.linalg.norm(values)
    assert missed <= tolerance


def test_floor():
    """The estimated error by laws outside the mesh is near the true one, and above it."""
    x = GRID.positions()[:, 0]
    network = Network(width=100, sigma_a=SIGMA_A, depth=3, hidden_width=100, activation="relu")
    samples = Samples(GRID, (np.sign(x) + 0.3 * x)[None])
    problem = Problem(Gaussian(SIGMA), samples, network, np.linspace(0, 4, 9), gauss_newton=1e-2)
    spectrum = pde.solve(problem, Pde(tolerance=1e-3), mesh=Mesh(half_width=8.0))
    kernel = InfiniteWidthKernel(problem).apply(np.eye(GRID.size))
    shifted = kernel + problem.gauss_newton * np.linalg.eigvalsh(kernel).max() * np.eye(len(x))
    operator = kernel @ np.linalg.inv(shifted)
    expected = np.array([-samples.values @ scipy.linalg.expm(-t * operator).T for t in problem.times])
    missed = np.linalg.norm(spectrum.sample_error - expected, axis=(1, 2)).max() / np.linalg.norm(samples.values)
    assert missed <= spectrum.attributes["floor"] <= 3 * missed
