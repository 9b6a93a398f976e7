"""The equation under other losses than the mean square, against exp(-t K P) with a dense kernel."""

import numpy as np
import pytest
import scipy.linalg

from freqbias import nn, pde
from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered, Schedule
from freqbias.problem import (
    Gaussian,
    Mesh,
    Network,
    Pde,
    Points,
    Problem,
    Samples,
    SobolevLoss,
    WeightedSquare,
    trapezoidal_weights,
)
from tests import oracle

POINTS = Scattered(np.random.default_rng(0).uniform(-0.5, 0.5, (60, 1)))
GRIDS = [Grid((24,), (1.0,)), Grid((10, 9), (1.0, 0.8)), Grid((96,), (1.0,))]
LOSSES = {
    "H^-1": (GRIDS[0], SobolevLoss(GRIDS[0], -1.0)),
    "H^1, 2-D": (GRIDS[1], SobolevLoss(GRIDS[1], 1.0)),
    "H^-1, 2-D": (GRIDS[1], SobolevLoss(GRIDS[1], -1.0)),
    "weighted": (POINTS, WeightedSquare(trapezoidal_weights(POINTS))),
    "H^1/2, weighted": (POINTS, SobolevLoss(POINTS, 0.5, trapezoidal_weights(POINTS))),
    "H^1, cutoff": (POINTS, SobolevLoss(POINTS, 1.0, trapezoidal_weights(POINTS), cutoff=6.0)),
}

MAGNIFYING = {  # what the mesh leaves out
    "H^2, grid": (GRIDS[2], SobolevLoss(GRIDS[2], 2.0)),
    "H^2": (POINTS, SobolevLoss(POINTS, 2.0)),
}


def problem_of(sites, loss, times=(0.0, 1.0, 10.0, 100.0), **keys):
    x = sites.positions()
    values = np.sin(4 * np.pi * x[:, 0]) + 0.3 * np.random.default_rng(1).normal(size=len(x))
    problem = Problem(
        Gaussian(2.0), Samples(sites, values[None]), Network(width=2, sigma_a=0.5), np.array([0.0, 1.0]), loss=loss
    )
    matrix = oracle.dense_kernel(x, oracle.gaussian(2.0), 0.5) @ loss.residual(np.eye(len(x)))
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    samples, network = problem.samples, problem.network
    return Problem(Gaussian(2.0), samples, network, np.array(times) / largest, loss=loss, **keys), matrix, -values


@pytest.mark.parametrize("name", LOSSES | MAGNIFYING)
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_flow(name, tolerance):
    problem, matrix, start = problem_of(*(LOSSES | MAGNIFYING)[name])
    exact = np.array([scipy.linalg.expm(-t * matrix) @ start for t in problem.times])
    spectrum = pde.solve(problem, Pde(tolerance=tolerance))
    assert np.linalg.norm(spectrum.sample_error[:, 0] - exact, axis=1).max() <= tolerance * np.linalg.norm(start)
    v = oracle.spectrum(exact, problem.sites.positions(), spectrum.frequency)
    assert np.abs(spectrum.error[:, 0] - v).max() <= tolerance * np.linalg.norm(start) / np.sqrt(len(start))
    plain = scipy.linalg.expm(
        -problem.times[-1] * oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(2.0), 0.5)
    )
    assert np.linalg.norm(plain @ start - exact[-1]) > 0.01 * np.linalg.norm(start), "another loss, another flow"


def test_steps():
    problem, matrix, start = problem_of(*LOSSES["H^1, 2-D"], times=(0.0, 10.0, 40.0))
    step = problem.times[1] / 20
    spectrum = pde.solve(problem, Pde(tolerance=1e-5, dynamics="gradient-descent", step=step))
    u = start
    for count in range(1, Schedule(problem.times, step).steps + 1):
        u = u - step * (matrix @ u)
        if count == 20:
            first = u
    for found, exact in zip(spectrum.sample_error[1:, 0], (first, u), strict=True):
        assert np.linalg.norm(found - exact) <= 1e-5 * np.linalg.norm(start)


@pytest.mark.parametrize("name", ["H^1, 2-D", "weighted"])
def test_values_at_new_points(name):
    sites, loss = LOSSES[name]
    new = Scattered(np.random.default_rng(2).uniform(-0.3, 0.3, (15, sites.dimension)))
    problem, _, _ = problem_of(sites, loss, predict_at=new)
    spectrum, kernel = pde.solve(problem, Pde(tolerance=1e-4)), nn.InfiniteWidthKernel(problem)
    training = nn.LinearisedTraining(kernel, -problem.samples.values, metric=loss.metric)
    expected = training.follow_flow(problem.times).at(kernel.at(new))
    missed = np.abs(spectrum.prediction - expected.values).max(axis=(1, 2))
    assert (missed <= spectrum.prediction_bound + expected.bound + 1e-12).all()
    assert missed.max() < 1e-3


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("integrator", "tolerance"), [("adaptive", 1e-4), ("crank-nicolson", 1e-3), ("backward-euler", 3e-2)]
)
def test_other_integrators(name, integrator, tolerance):
    """They work in the inner product of P. The reported error is that of u, if the smallest eigenvalue is known."""
    problem, matrix, start = problem_of(*LOSSES[name], times=(0.0, 1.0, 10.0))
    exact = np.array([scipy.linalg.expm(-t * matrix) @ start for t in problem.times])
    spectrum = pde.solve(problem, Pde(tolerance=tolerance, integrator=integrator))
    error = spectrum.sample_error[:, 0] - exact
    if problem.loss.smallest is None:  # then all errors are in the norm of P
        sizes = [np.sqrt(problem.loss.value(each) / problem.loss.value(start)) for each in error]
    else:
        sizes = np.linalg.norm(error, axis=1) / np.linalg.norm(start)
    assert max(sizes) <= tolerance
    assert max(sizes) <= spectrum.attributes["error_estimate"] + 0.5 * tolerance
    assert spectrum.attributes["error_estimate"] <= tolerance


@pytest.mark.parametrize("name", ["H^1, 2-D", "H^1/2, weighted"])
@pytest.mark.parametrize(("integrator", "order"), [("backward-euler", 1), ("crank-nicolson", 2)])
def test_order_in_time(name, integrator, order):
    problem, matrix, start = problem_of(*LOSSES[name], times=(0.0, 2.0))
    exact, errors = scipy.linalg.expm(-problem.times[1] * matrix) @ start, []
    for steps in (20, 40):
        settings = Pde(tolerance=1e-8, degree=6, integrator=integrator, step=problem.times[1] / steps)
        found = pde.solve(problem, settings, mesh=Mesh(size=0.5, half_width=14.0)).sample_error[1, 0]
        errors.append(np.sqrt(problem.loss.value(found - exact)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_the_local_operator_is_for_equal_weights():
    grid = GRIDS[0]
    for loss in (WeightedSquare(np.linspace(1, 2, 24)), SobolevLoss(grid, 1.0, np.linspace(1, 2, 24))):
        problem, _, _ = problem_of(grid, loss)
        with pytest.raises(
            InputError, match=r'operator = "local" is for .* with equal weights .*; use operator = "data"'
        ):
            pde.solve(problem, Pde(operator="local"))


@pytest.mark.parametrize("order", [-1.0, 1.0])
def test_whole_frequencies_on_a_circle(order):
    """A discrete density, uneven samples, a cutoff and a period."""
    weights = trapezoidal_weights(POINTS, period=[1.0])
    loss = SobolevLoss(POINTS, order, weights, cutoff=8.0, period=[1.0])
    w, x = np.arange(1.0, 13.0)[:, None], POINTS.positions()
    values = np.sin(4 * np.pi * x[:, 0]) + np.cos(12 * np.pi * x[:, 0])
    matrix = oracle.dense_kernel(x, oracle.points(w), 0.5) @ loss.residual(np.eye(len(x)))
    times = np.array([0.0, 1.0, 10.0]) / np.abs(np.linalg.eigvals(matrix)).max()
    problem = Problem(Points(w), Samples(POINTS, values[None]), Network(width=24, sigma_a=0.5), times, loss=loss)
    error = pde.solve(problem, Pde(tolerance=1e-4)).sample_error[:, 0]
    exact = np.array([scipy.linalg.expm(-t * matrix) @ -values for t in times])
    assert max(map(loss.value, error - exact)) < 1e-8 * loss.value(values)


def test_defect_of_the_mesh():
    """It is that of the product with P u, which drives the error, not with u."""
    sites, loss = LOSSES["H^1/2, weighted"]
    problem, _, _ = problem_of(sites, loss, predict_at=sites)
    solver = pde.Solver(problem, Pde(tolerance=1e-2))
    kernel = oracle.dense_kernel(sites.positions(), oracle.gaussian(2.0), 0.5)
    for snapshot in solver.trajectory():
        pushed = loss.residual(snapshot.state)[0]
        defect = np.linalg.norm(solver.operator.apply(pushed) - kernel @ pushed)
        assert snapshot.defect == pytest.approx(defect / np.linalg.norm(problem.samples.values), rel=1e-3)
