"""The damped Gauss-Newton method: training, steps and flow against dense matrices."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

from freqbias import nn
from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered, Schedule
from freqbias.problem import (
    MEAN_SQUARE,
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
    "grid": (GRID, MEAN_SQUARE),
    "scattered": (POINTS, MEAN_SQUARE),
    "H^-1": (GRID, SobolevLoss(GRID, -1.0)),
    "weighted": (POINTS, WeightedSquare(trapezoidal_weights(POINTS))),
    "H^-1, scattered": (POINTS, SobolevLoss(POINTS, -1.0)),
}
TIMES = np.array([0.0, 1.0, 2.6, 8.0])


def problem_of(sites, loss, *, damping=1e-2, channels=1, **network):
    x = sites.positions()
    values = np.sin(4 * np.pi * x[:, 0]) + 0.3 * np.cos(9 * x[:, -1])
    values = np.array([values, np.cos(12 * x[:, 0])])[:channels]
    shape = Network(**({"width": 2000, "sigma_a": 0.6} | network))
    return Problem(Gaussian(2.0), Samples(sites, values), shape, TIMES, loss=loss, gauss_newton=damping)


def dense(problem):
    """K, K P, eps and u(0) at infinite width."""
    kernel = oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(2.0), 0.6)
    matrix = kernel @ problem.loss.residual(np.eye(problem.sites.size))
    return kernel, matrix, problem.gauss_newton * np.linalg.eigvals(matrix).real.max(), -problem.samples.values[0]


def damped(matrix, eps):
    return np.linalg.solve((matrix + eps * np.eye(len(matrix))).T, matrix.T).T


@pytest.mark.parametrize("damping", [0.3, 1e-2, 1e-4])
@pytest.mark.parametrize("name", LOSSES)
def test_flow(name, damping):
    problem = problem_of(*LOSSES[name], damping=damping)
    kernel, matrix, eps, start = dense(problem)
    assert nn.gauss_newton_shift(problem) == pytest.approx(eps, rel=2e-5)
    training = nn.LinearisedTraining(
        nn.InfiniteWidthKernel(problem), start[None], metric=problem.loss.metric, shift=eps
    )
    path, operator = training.follow_flow(TIMES, tolerance=1e-10), damped(matrix, eps)
    exact = np.array([scipy.linalg.expm(-t * operator) @ start for t in TIMES])
    scale = np.linalg.norm(start)
    np.testing.assert_allclose(path.error[:, 0], exact, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(path.integral[:, 0] @ kernel, start - exact, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("step", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("name", LOSSES)
def test_steps(name, step):
    """The predicted steps equal explicit steps with dense matrices, also those that overshoot."""
    problem = problem_of(*LOSSES[name])
    kernel, matrix, eps, start = dense(problem)
    plan = nn.plan_training(problem, Training(integrator="gauss-newton", damping=1e-2, step=step))
    schedule, operator = plan.schedule, damped(matrix, eps)
    training = nn.LinearisedTraining(nn.InfiniteWidthKernel(problem), start[None], metric=problem.loss.metric)
    path = training.follow_gauss_newton(schedule, shift=eps, tolerance=1e-10)
    u, states = start, [start]
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        for _ in range(count):
            u = u - size * (operator @ u)
        states.append(u)
    expected = np.array([states[0], *(states[index] for index in schedule.output_intervals[1:])])
    scale = np.linalg.norm(start)
    np.testing.assert_allclose(path.error[:, 0], expected, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(path.integral[:, 0] @ kernel, start - expected, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("damping", [1e-2, 1e-4])
@pytest.mark.parametrize("name", LOSSES)
def test_bounds(name, damping):
    """The reported errors bound the true ones of u and of the integral w, at loose tolerances too."""
    problem = problem_of(*LOSSES[name], damping=damping)
    kernel, matrix, eps, start = dense(problem)
    operator, one = damped(matrix, eps), np.eye(len(start))
    inverse, root = np.linalg.inv(matrix + eps * one), scipy.linalg.sqrtm(kernel).real
    flow = np.array([scipy.linalg.expm(-t * operator) @ start for t in TIMES])
    integral = np.array([problem.loss.residual(inverse @ _integral(operator, t) @ start) for t in TIMES])
    schedule = Schedule(TIMES, 1.5)
    steps, sums, u, w = [start], [0 * start], start, 0 * start
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        for _ in range(count):
            u, w = u - size * (operator @ u), w + size * problem.loss.residual(inverse @ u)
        steps.append(u)
        sums.append(w)
    smallest, scale = problem.loss.smallest, np.linalg.norm(start)
    unit = scale if smallest is not None else np.sqrt(start @ problem.loss.residual(start))
    for tolerance in (1e-1, 1e-3, 1e-5):
        for exact, total, follow in (
            (flow, integral, lambda each, **options: each.follow_flow(TIMES, **options)),
            (steps, sums, lambda each, **options: each.follow_gauss_newton(schedule, shift=eps, **options)),
        ):
            training = nn.LinearisedTraining(
                nn.InfiniteWidthKernel(problem), start[None], metric=problem.loss.metric, shift=eps
            )
            path = follow(training, tolerance=tolerance)
            missed = path.error[:, 0] - exact
            norm = np.sqrt([each @ (each if smallest else problem.loss.residual(each)) for each in missed])
            assert norm.max() <= training.error * unit + 1e-11 and training.error <= tolerance
            error = np.linalg.norm((path.integral[:, 0] - total) @ root, axis=1)
            assert (error <= path.integral_error + 1e-7 * scale).all()


def _integral(operator, t):
    """Return the integral of exp(-s B) over 0 < s < t, as a block of an exponential (Van Loan)."""
    zero, one = np.zeros_like(operator), np.eye(len(operator))
    return scipy.linalg.expm(t * np.block([[-operator, one], [zero, zero]]))[: len(one), len(one) :]


TRAININGS = {
    "grid": (GRID, MEAN_SQUARE, {}),
    "channels": (GRID, MEAN_SQUARE, {"channels": 2}),
    "scattered": (POINTS, MEAN_SQUARE, {}),
    "H^-1": (GRID, SobolevLoss(GRID, -1.0), {}),
    "three layers": (GRID, MEAN_SQUARE, {"depth": 3, "activation": "sine", "hidden_width": 300, "width": 400}),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_step_is_that_of_dense_matrices(name):
    """A tiny error u(0), so that the network stays linear: one step with K of the drawn network, column by column."""
    sites, loss, network = TRAININGS[name]
    problem = replace(problem_of(sites, loss, **network), times=np.array([0.0, 0.7]))
    shape = problem.samples.values.shape
    problem = replace(problem, initial_error=1e-6 * problem.samples.values)
    kernel, size = nn.EmpiricalKernel(problem), shape[0] * shape[1]
    matrix = np.array([kernel.apply(problem.loss.residual(each.reshape(shape))).ravel() for each in np.eye(size)]).T
    eps = nn.gauss_newton_shift(problem)
    u = problem.initial_error.ravel()
    expected = u - 0.7 * damped(matrix, eps) @ u
    settings = Training(integrator="gauss-newton", damping=1e-2, step=0.7, precision="double", tolerance=1e-6)
    found = nn.train(problem, settings).error[-1].ravel()
    assert np.linalg.norm(found - expected) < 2e-5 * np.linalg.norm(u)
    assert np.linalg.norm(expected - u) > 0.3 * np.linalg.norm(u)


@pytest.mark.parametrize("name", ["grid", "scattered", "H^-1"])
def test_wide_networks_follow_their_prediction(name):
    problem = problem_of(*LOSSES[name], width=20000, damping=1e-3)
    settings = Training(integrator="gauss-newton", step=0.5, precision="double")
    plan, kernel = nn.plan_training(problem, settings), nn.EmpiricalKernel(problem)
    history = nn.train(problem, settings)
    training = nn.LinearisedTraining(kernel, kernel.start, metric=problem.loss.metric)
    predicted, norm = plan.integrator.follow(training, plan.schedule).error, np.linalg.norm(kernel.start)
    assert np.linalg.norm(history.error - predicted, axis=(1, 2)).max() < 3e-3 * norm


def test_the_damping_is_that_of_the_problem():
    problem = problem_of(GRID, MEAN_SQUARE)
    with pytest.raises(InputError, match=r"damping = 0.001, but the problem has gauss_newton = 0.01"):
        nn.plan_training(problem, Training(integrator="gauss-newton"))
    with pytest.raises(InputError, match=r'integrator = "rk4" with damping = None'):
        nn.plan_training(problem, Training())
    with pytest.raises(InputError, match=r"gauss_newton = 0; give a number up to 1"):
        replace(problem, gauss_newton=0)


def test_far_steps_warn(caplog):
    """A target that is large for a narrow network: the step misses that of the linear network by far."""
    for width, warned in ((100, True), (20000, False)):
        caplog.clear()
        problem = replace(problem_of(GRID, MEAN_SQUARE, width=width, damping=1e-4), times=np.array([0.0, 1.0]))
        problem = replace(problem, initial_error=(10.0 if warned else 1.0) * problem.samples.values)
        settings = Training(integrator="gauss-newton", damping=1e-4, step=1.0 if warned else 0.1, precision="double")
        with caplog.at_level(logging.WARNING, "freqbias"):
            nn.train(problem, settings)
        assert ("missed that of a linear network" in caplog.text) == warned


def test_precision():
    """In single precision, rounding errors are divided by the damping; the settings refuse what would be too much."""
    problem = problem_of(GRID, MEAN_SQUARE, damping=1e-3, width=20000)
    found = [
        nn.train(problem, Training(integrator="gauss-newton", step=0.5, precision=precision)).error
        for precision in ("single", "double")
    ]
    missed = np.linalg.norm(found[0] - found[1], axis=(1, 2)).max() / np.linalg.norm(found[1][0])
    assert missed < 1e-3
    with pytest.raises(InputError, match=r"tolerance = 0.001 is below 1e-01, the rounding error"):
        Training(integrator="gauss-newton", damping=1e-5, tolerance=1e-3)


def test_automatic_step():
    """The steps follow the flow to the tolerance, and are no shorter than that needs."""
    problem = replace(problem_of(GRID, MEAN_SQUARE, width=20000, damping=0.1), times=np.array([0.0, 0.5, 1.0, 2.0]))
    kernel, tolerance = nn.EmpiricalKernel(problem), 0.02
    shift = nn.gauss_newton_shift(problem)
    flow = nn.LinearisedTraining(kernel, kernel.start, shift=shift).flow(problem.times)
    history = nn.train(
        problem, Training(integrator="gauss-newton", damping=0.1, precision="double", tolerance=tolerance)
    )
    missed = np.linalg.norm(history.error - flow, axis=(1, 2)).max() / np.linalg.norm(kernel.start)
    assert 0.3 * tolerance < missed < tolerance
    assert history.attributes["time_definition"].endswith("exp(-t lambda / (lambda + eps))")
    assert history.attributes["damping"] == 0.1


def test_other_uses_are_refused():
    problem = problem_of(GRID, MEAN_SQUARE)
    with pytest.raises(InputError, match=r"--draws predicts gradient descent, not .*gauss-newton"):
        nn.predict_draws(problem, 3)
