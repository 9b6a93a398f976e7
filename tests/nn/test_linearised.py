"""Training as its kernel would have it: against the exact flow of the oracle, and against actual training in double,
where feature learning vanishes because the target is small or the network wide."""

import numpy as np
import pytest

from freqbias import nn
from freqbias.numerics import Grid, Schedule
from freqbias.problem import Gaussian, Network, Problem, Samples, Training, waves
from tests import oracle

TIMES = np.array([0.0, 2.0, 4.0, 9.0, 40.0])
GRID = Grid((32,), (1.0,))
TARGET = waves(GRID, [[1.0], [4.0]], window=0.2)


def problem_of(values, *, width, symmetric=True, sampling="iid"):
    network = Network(width=width, sigma_a=1.0, symmetric=symmetric, sampling=sampling)
    return Problem(Gaussian(3.0), Samples(GRID, values), network, TIMES, seed=2)


def distance(one, other):
    """max_t |u_1 - u_2| over |u(0)|."""
    return np.linalg.norm(one - other, axis=(1, 2)).max() / np.linalg.norm(other[0])


def test_flow_at_infinite_width():
    values = np.concatenate([TARGET.values, TARGET.values[:, ::-1] ** 2])
    problem = problem_of(values, width=2)
    exact = oracle.flow(oracle.dense_kernel(oracle.grid((32,), (1.0,)), oracle.gaussian(3.0), 1.0), -values, TIMES)
    training = nn.LinearisedTraining(nn.InfiniteWidthKernel(problem), -values)
    found = training.flow(TIMES)
    np.testing.assert_array_equal(found[0], -values)
    assert distance(found, exact) <= training.error + 1e-13 <= 2e-8


@pytest.mark.parametrize("integrator", ["gradient-descent", "heun", "rk4"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_steps_of_a_small_target(integrator, symmetric):
    """Feature learning is proportional to the target: here 1e-7, even in a narrow network. Channels are coupled."""
    values = 1e-7 * np.concatenate([TARGET.values, TARGET.values[:, ::-1] ** 2])
    problem = problem_of(values, width=60, symmetric=symmetric)
    kernel = nn.EmpiricalKernel(problem)
    if not symmetric:  # the same distance from the network's own start
        values = values + kernel.start + problem.samples.values
        problem = problem_of(values, width=60, symmetric=False)
        kernel = nn.EmpiricalKernel(problem)
    plan = nn.plan_training(problem, Training(integrator=integrator, step=0.9 / kernel.largest_eigenvalue()))
    assert len(set(plan.schedule.step_sizes)) > 1
    training = nn.LinearisedTraining(kernel, kernel.start)
    flow, products = training.flow(TIMES), training.products
    steps = training.steps(plan.schedule, plan.integrator.taylor)
    trained = nn.train(problem, Training(integrator=integrator, step=plan.step, precision="double")).error
    assert distance(steps, trained) < 1e-6
    assert distance(flow, trained) > {"gradient-descent": 1e-2, "heun": 1e-3, "rk4": 2e-5}[integrator]
    assert training.products <= products + 10  # one Krylov space serves both


def test_steps_of_a_wide_network():
    """Feature learning decreases with the width. The drawn kernel already contains the finite width itself."""
    left = []
    for width in (1000, 10_000):
        problem = problem_of(TARGET.values, width=width)
        kernel = nn.EmpiricalKernel(problem)
        settings = Training(integrator="gradient-descent", step=1 / kernel.largest_eigenvalue(), precision="double")
        plan = nn.plan_training(problem, settings)
        training = nn.LinearisedTraining(kernel, kernel.start)
        trained = nn.train(problem, settings).error
        left.append(distance(training.steps(plan.schedule, plan.integrator.taylor), trained))
    assert left[1] < 1e-3
    assert left[1] < left[0] / 8  # a sampling error would fall only threefold
    infinite = nn.LinearisedTraining(nn.InfiniteWidthKernel(problem), kernel.start)
    assert distance(infinite.steps(plan.schedule, plan.integrator.taylor), trained) > 4 * left[1]


def test_zero_error_stays_zero():
    kernel = nn.InfiniteWidthKernel(problem_of(TARGET.values, width=2))
    training = nn.LinearisedTraining(kernel, np.zeros((1, 32)))
    assert not training.flow(TIMES).any() and not training.steps(Schedule(TIMES, 0.5), (1, 1)).any()
