"""Training and its predictions under other losses than the mean square, against dense matrices."""

import numpy as np
import pytest
import scipy.linalg

from freqbias import nn
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Gaussian,
    Network,
    Problem,
    Samples,
    SobolevLoss,
    Training,
    WeightedSquare,
    trapezoidal_weights,
)
from tests import oracle

GRID = Grid((24,), (1.0,))
POINTS = Scattered(np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2)))
LOSSES = {
    "H^-1": (GRID, SobolevLoss(GRID, -1.0)),
    "H^1": (GRID, SobolevLoss(GRID, 1.0)),
    "weighted": (POINTS, WeightedSquare(trapezoidal_weights(POINTS))),
    "H^-1, scattered": (POINTS, SobolevLoss(POINTS, -1.0)),
    "H^1/2, weighted": (POINTS, SobolevLoss(POINTS, 0.5, trapezoidal_weights(POINTS))),
}


def problem_of(sites, loss, *, width=2000, ends=(1.0, 3.0, 10.0), scale=1.0):
    x = sites.positions()
    values = scale * (np.sin(4 * np.pi * x[:, 0]) + 0.3 * np.cos(9 * x[:, -1]))

    def problem(times):
        samples = Samples(sites, values[None])
        return Problem(Gaussian(2.0), samples, Network(width=width, sigma_a=0.6), np.array([0.0, *times]), loss=loss)

    slowest = nn.InfiniteWidthKernel(problem([1.0])).largest_eigenvalue()
    return problem(np.array(ends) / slowest)


def dense(problem):
    """K P at infinite width, and u(0)."""
    kernel = oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(2.0), 0.6)
    return kernel @ problem.loss.residual(np.eye(problem.sites.size)), -problem.samples.values[0]


@pytest.mark.parametrize("name", LOSSES)
def test_linearised_training(name):
    problem = problem_of(*LOSSES[name])
    matrix, start = dense(problem)
    training = nn.LinearisedTraining(nn.InfiniteWidthKernel(problem), start[None], metric=problem.loss.metric)
    exact = np.array([scipy.linalg.expm(-t * matrix) @ start for t in problem.times])
    path = training.follow_flow(problem.times, tolerance=1e-10)
    np.testing.assert_allclose(path.error[:, 0], exact, rtol=0, atol=1e-9 * np.linalg.norm(start))
    kernel = oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(2.0), 0.6)
    change = path.integral[:, 0] @ kernel
    np.testing.assert_allclose(change, start - exact, rtol=0, atol=1e-8 * np.linalg.norm(start))
    largest = nn.InfiniteWidthKernel(problem).largest_eigenvalue()
    assert 1 <= largest / np.abs(np.linalg.eigvals(matrix)).max() < 1.06


@pytest.mark.parametrize("name", LOSSES)
def test_steps_of_gradient_descent(name):
    """The predicted steps equal explicit steps u <- u - step K P u with dense matrices."""
    problem = problem_of(*LOSSES[name])
    matrix, start = dense(problem)
    step = 0.8 / np.abs(np.linalg.eigvals(matrix)).max()
    kernel = nn.InfiniteWidthKernel(problem)
    schedule = nn.plan_training(problem, Training(integrator="gradient-descent", step=step)).schedule
    found = nn.LinearisedTraining(kernel, start[None], metric=problem.loss.metric).steps(schedule, (1.0, 1.0))
    u, states = start, [start]
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        for _ in range(count):
            u = u - size * (matrix @ u)
        states.append(u)
    expected = np.array([states[0], *(states[index] for index in schedule.output_intervals[1:])])
    np.testing.assert_allclose(found[:, 0], expected, rtol=0, atol=1e-7 * np.linalg.norm(start))


@pytest.mark.parametrize("name", LOSSES)
def test_wide_networks_follow_their_kernel(name):
    """For a small target the network is linear, so only the time stepping is left; a wrong P would miss by 1e-1."""
    problem = problem_of(*LOSSES[name], scale=0.01)
    history = nn.train(problem, Training(precision="double", tolerance=1e-5))
    kernel = nn.EmpiricalKernel(problem)
    predicted = nn.LinearisedTraining(kernel, kernel.start, metric=problem.loss.metric).flow(problem.times)
    assert np.linalg.norm(history.error - predicted, axis=(1, 2)).max() < 3e-5 * np.linalg.norm(kernel.start)
    plain = nn.LinearisedTraining(kernel, kernel.start).flow(problem.times)
    assert np.linalg.norm(plain - predicted, axis=(1, 2)).max() > 0.02 * np.linalg.norm(kernel.start)


def test_the_training_loss_falls_where_the_mean_square_rises():
    """So only the training loss may show that a training diverges."""
    grid = Grid((64,), (1.0,))
    x, loss = grid.positions()[:, 0], SobolevLoss(grid, 3.0)
    values = (np.sin(2 * np.pi * 20 * x) + np.sin(2 * np.pi * 2 * x))[None]
    network = Network(width=2000, sigma_a=3.0)
    problem = Problem(Gaussian(3.0), Samples(grid, values), network, np.array([0.0, 1.0]), loss=loss)
    slowest = nn.InfiniteWidthKernel(problem).largest_eigenvalue()
    problem = Problem(Gaussian(3.0), problem.samples, network, np.array([0.0, 10.0, 1000.0]) / slowest, loss=loss)
    history = nn.train(problem, Training(integrator="gradient-descent", step=1.0 / slowest, precision="double"))
    objective = [loss.value(error) for error in history.error]
    assert objective[0] > objective[1] > objective[2]
    assert history.loss.max() > 1.2 * history.loss[0]


@pytest.mark.parametrize("mu", [0.5, 0.9])
@pytest.mark.parametrize("name", ["H^-1", "weighted"])
def test_training_with_momentum_follows_its_prediction(name, mu):
    """Also where modes oscillate, so that the gradient flow is far away."""
    problem = problem_of(*LOSSES[name], ends=(10.0, 30.0), scale=0.01)
    kernel = nn.EmpiricalKernel(problem)
    step = 0.3 * (1 + mu) / (1 - mu) / kernel.largest_eigenvalue()
    settings = Training(integrator="momentum", momentum=mu, step=step, precision="double")
    history, schedule = nn.train(problem, settings), nn.plan_training(problem, settings).schedule
    training = nn.LinearisedTraining(kernel, kernel.start, metric=problem.loss.metric)
    predicted, norm = training.follow_momentum(schedule, mu).error, np.linalg.norm(kernel.start)
    assert np.linalg.norm(history.error - predicted, axis=(1, 2)).max() < 3e-5 * norm
    assert np.linalg.norm(training.flow(problem.times) - predicted, axis=(1, 2)).max() > 0.02 * norm


def test_planned_steps():
    """As many as the training takes: the modes are those of K P."""
    problem = problem_of(*LOSSES["H^1"], scale=0.01)
    settings = Training(precision="double", tolerance=1e-4)
    plan, kernel = nn.plan_training(problem, settings), nn.EmpiricalKernel(problem)
    planned = nn.planned_schedule(plan, kernel, kernel.start).steps
    assert nn.train(problem, settings).attributes["steps"] == pytest.approx(planned, rel=0.1)
