"""Other losses than the mean square with hidden layers, and in 3-D: predictions against dense matrices, and training
against the network's own kernel."""

from dataclasses import replace

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

LINE = Grid((20,), (1.0,))
CUBE = Grid((4, 5, 3), (1.0, 1.2, 0.8))
CLOUD = Scattered(np.random.default_rng(0).uniform(-0.5, 0.5, (50, 1)) ** 3 * 4)
SPACE = Scattered(np.random.default_rng(1).uniform(-0.5, 0.5, (60, 3)))
RELU, SINE = ({"depth": 3, "hidden_width": 64, "activation": name} for name in ("relu", "sine"))
FOUR = {"depth": 4, "hidden_width": 64, "activation": "tanh"}


def weighted(sites, order=None):
    weights = trapezoidal_weights(sites)
    return WeightedSquare(weights) if order is None else SobolevLoss(sites, order, weights)


CASES = {  # sites, loss, network
    "H^-1, relu": (LINE, SobolevLoss(LINE, -1.0), RELU),
    "H^1, sine": (LINE, SobolevLoss(LINE, 1.0), SINE),
    "weighted, relu": (CLOUD, weighted(CLOUD), RELU),
    "H^1/2, weighted, relu": (CLOUD, weighted(CLOUD, 0.5), RELU),
    "H^-1, weighted, 4 layers": (CLOUD, weighted(CLOUD, -1.0), FOUR),
    "H^-1, 3-D": (CUBE, SobolevLoss(CUBE, -1.0), {}),
    "H^1, 3-D, relu": (CUBE, SobolevLoss(CUBE, 1.0), RELU),
    "H^1, cutoff": (LINE, SobolevLoss(LINE, 1.0, cutoff=4.0), {}),
    "H^1, cutoff, circle": (CLOUD, SobolevLoss(CLOUD, 1.0, trapezoidal_weights(CLOUD), cutoff=3.0, period=[1.1]), {}),
    "weighted, 3-D": (SPACE, weighted(SPACE), {}),
    "weighted, 3-D, sine": (SPACE, weighted(SPACE), SINE),
    "H^1/2, weighted, 3-D": (SPACE, weighted(SPACE, 0.5), {}),
    "H^-1, weighted, 3-D, relu": (SPACE, weighted(SPACE, -1.0), RELU),
}


def problem_of(name, *, size=1.0, ends=(1.0, 3.0, 10.0)):
    """A problem of some times the slowest time scale. size: of the target."""
    sites, loss, network = CASES[name]
    x = sites.positions()
    values = size * (np.sin(4 * np.pi * x[:, 0]) + 0.3 * np.cos(9 * x[:, -1]))
    network = Network(width=64, sigma_a=0.6, **network)
    problem = Problem(Gaussian(1.5), Samples(sites, values[None]), network, np.array([0.0, 1.0]), loss=loss)
    slowest = nn.InfiniteWidthKernel(problem).largest_eigenvalue()
    return replace(problem, times=np.array([0.0, *ends]) / slowest)


def kernel_of(problem):
    network, k = problem.network, oracle.gaussian(1.5)
    return oracle.deep_kernel(problem.sites.positions(), k, 0.6, network.activation or "relu", network.depth)


@pytest.mark.parametrize("name", CASES)
def test_linearised_training(name):
    problem = problem_of(name)
    matrix = kernel_of(problem) @ problem.loss.residual(np.eye(problem.sites.size))
    start = -problem.samples.values
    exact = np.array([scipy.linalg.expm(-t * matrix) @ start[0] for t in problem.times])
    training = nn.LinearisedTraining(nn.InfiniteWidthKernel(problem), start, metric=problem.loss.metric)
    found = training.flow(problem.times, tolerance=1e-10)[:, 0]
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9 * np.linalg.norm(start))
    plain = scipy.linalg.expm(-problem.times[-1] * kernel_of(problem)) @ start[0]
    assert np.linalg.norm(plain - exact[-1]) > 0.01 * np.linalg.norm(start), "another loss, another flow"


@pytest.mark.parametrize("name", CASES)
def test_training_of_a_small_target_follows_the_own_kernel(name):
    """Feature learning is proportional to the target, so the steps of the training are all that is left of it."""
    problem = problem_of(name, size=1e-6)
    trained = nn.train(problem, Training(precision="double", tolerance=1e-7)).error
    kernel = nn.EmpiricalKernel(problem)
    predicted = nn.LinearisedTraining(kernel, kernel.start, metric=problem.loss.metric).flow(problem.times)
    assert np.linalg.norm(trained - predicted, axis=(1, 2)).max() < 1e-7 * np.linalg.norm(kernel.start)
    plain = nn.LinearisedTraining(kernel, kernel.start).flow(problem.times)
    assert np.linalg.norm(plain - predicted, axis=(1, 2)).max() > 0.01 * np.linalg.norm(kernel.start)
