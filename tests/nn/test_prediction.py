"""Predictions at positions without samples: against the oracle at infinite width, and against linearised training."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import nn
from freqbias.errors import InputError
from freqbias.numerics import Grid, GridSubset, Scattered, Schedule
from freqbias.problem import Gaussian, Network, Problem, Samples, Training
from tests import oracle
from tests.fuzz.predictions import STABILITY, joint_kernel, kernel_prediction
from tests.nn.definition import jacobians

TIMES = np.array([0.0, 0.7, 5.0, 60.0])


def half_of(grid):
    """Two parts of a grid: the samples and the rest."""
    order = np.random.default_rng(0).permutation(grid.size)
    return GridSubset(grid, np.sort(order[: grid.size // 2])), GridSubset(grid, np.sort(order[grid.size // 2 :]))


def random_points(count, dimension, seed=1):
    return Scattered(np.random.default_rng(seed).uniform(-0.6, 0.6, (count, dimension)))


PLACES = {  # samples and targets
    "parts of a grid, 1-D": half_of(Grid((41,), (1.0,))),
    "parts of a grid, 2-D": half_of(Grid((8, 9), (1.0, 0.5))),
    "parts of a grid, 3-D": half_of(Grid((4, 5, 4), (1.0, 0.5, 1.0))),
    "off the grid, 1-D": (Grid((40,), (1.0,)), random_points(30, 1)),
    "off the grid, 2-D": (Grid((7, 8), (1.0, 1.0)), random_points(30, 2)),
    "finer grid": (Grid((32,), (1.0,)), Grid((75,), (1.0,))),
    "scattered, 2-D": (random_points(60, 2), random_points(25, 2, seed=2)),
    "scattered, 3-D": (random_points(60, 3), random_points(25, 3, seed=2)),
}


DENSITY = Gaussian(3.0)


def problem_on(sites, *, density=DENSITY, channels=2, **network):
    values = np.random.default_rng(5).normal(size=(channels, sites.size))
    settings = Network(**{"width": 40, "sigma_a": 1.0} | network)
    return Problem(density, Samples(sites, values), settings, TIMES, seed=2)


def distance(one, other):
    return np.abs(one - other).max()


@pytest.mark.parametrize("place", PLACES)
def test_flow_at_infinite_width(place):
    sites, targets = PLACES[place]
    problem = problem_on(sites)
    kernel, start = nn.InfiniteWidthKernel(problem), -problem.samples.values
    joint = joint_kernel(problem, targets, oracle.gaussian(3.0))
    exact, _ = oracle.prediction(joint, sites.size, start, TIMES, lambda values, t: np.exp(-t * values))
    found = nn.LinearisedTraining(kernel, start).follow_flow(TIMES, tolerance=1e-12).at(kernel.at(targets))
    assert distance(found.values, exact) < 1e-9 * np.abs(exact).max()
    assert np.abs(exact[-1]).max() > 0.1


@pytest.mark.parametrize("network", [{}, {"depth": 3, "activation": "tanh", "hidden_width": 20}])
@pytest.mark.parametrize("place", ["parts of a grid, 2-D", "off the grid, 1-D"])
def test_infinite_width_starts_where_a_network_that_is_not_symmetric_does(place, network):
    sites, targets = PLACES[place]
    problem = problem_on(sites, symmetric=False, **network)
    kernel, drawn = nn.InfiniteWidthKernel(problem), nn.EmpiricalKernel(problem)
    joint = joint_kernel(problem, targets, oracle.gaussian(3.0))
    exact, _ = oracle.prediction(joint, sites.size, drawn.start, TIMES, lambda values, t: np.exp(-t * values))
    found = nn.LinearisedTraining(kernel, drawn.start).follow_flow(TIMES, tolerance=1e-12).at(kernel.at(targets))
    start = drawn.at(targets).start
    np.testing.assert_allclose(found.values, start + exact, rtol=0, atol=1e-8 * np.abs(exact).max())
    assert np.abs(start).max() > 0.1


NETWORKS = {
    "two layers": {},
    "diagonal": {"diagonal": True},
    "sigma_a": {"sigma_a": 0.3},
    "sine": {"depth": 3, "activation": "sine"},
    "relu": {"depth": 3, "activation": "relu"},
    "tanh": {"depth": 4, "activation": "tanh", "sigma_a": 2.0},
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("place", ["parts of a grid, 2-D", "off the grid, 1-D"])
def test_networks_at_infinite_width(network, place):
    sites, targets = PLACES[place]
    problem = problem_on(sites, density=Gaussian(2.0), **NETWORKS[network])
    kernel, start = nn.InfiniteWidthKernel(problem), -problem.samples.values
    joint = joint_kernel(problem, targets, oracle.gaussian(2.0))
    exact, _ = oracle.prediction(joint, sites.size, start, TIMES, lambda values, t: np.exp(-t * values))
    found = nn.LinearisedTraining(kernel, start).follow_flow(TIMES, tolerance=1e-12).at(kernel.at(targets))
    assert distance(found.values, exact) < 1e-8 * np.abs(exact).max()
    diagonal = np.diag(joint)[sites.size :]
    np.testing.assert_allclose(kernel.at(targets).diagonal, diagonal, rtol=1e-9)


@pytest.mark.parametrize("integrator", STABILITY)
def test_steps_at_infinite_width(integrator):
    sites, targets = PLACES["parts of a grid, 2-D"]
    problem = problem_on(sites)
    kernel, start = nn.InfiniteWidthKernel(problem), -problem.samples.values
    joint = joint_kernel(problem, targets, oracle.gaussian(3.0))
    step = 0.9 / np.linalg.eigvalsh(joint[: sites.size, : sites.size] / sites.size)[-1]
    schedule = Schedule(TIMES, step)

    def factor(values, t):
        growth = np.ones_like(values)
        for size, count, end in zip(schedule.step_sizes, schedule.step_counts, TIMES[1:], strict=True):
            if end <= t:
                growth = growth * np.polyval(STABILITY[integrator][::-1], -size * values) ** count
        return growth

    exact, _ = oracle.prediction(joint, sites.size, start, TIMES, factor)
    training = nn.LinearisedTraining(kernel, start)
    found = training.follow_steps(schedule, STABILITY[integrator], tolerance=1e-12).at(kernel.at(targets))
    assert distance(found.values, exact) < 1e-9 * np.abs(exact).max()
    assert distance(found.values, training.follow_flow(TIMES).at(kernel.at(targets)).values) > 1e-5


DRAWN = {
    "one channel": ("parts of a grid, 1-D", {"channels": 1}),
    "channels": ("parts of a grid, 2-D", {}),
    "volume": ("parts of a grid, 3-D", {"channels": 1}),
    "not symmetric": ("off the grid, 2-D", {"symmetric": False}),
    "scattered": ("scattered, 2-D", {"sampling": "sobol"}),
    "diagonal": ("off the grid, 1-D", {"diagonal": True}),
    "three layers": ("parts of a grid, 2-D", {"depth": 3, "activation": "relu", "hidden_width": 20}),
    "four layers": ("scattered, 3-D", {"depth": 4, "activation": "sine", "hidden_width": 12, "symmetric": False}),
}


@pytest.mark.parametrize("case", DRAWN)
@pytest.mark.parametrize("integrator", ["gradient-descent", "rk4"])
def test_drawn_kernel_predicts_linearised_training(case, integrator):
    """Steps of theta <- theta - eta J^T u / N for f + J (theta - theta_0), on samples and at the targets."""
    place, keys = DRAWN[case]
    sites, targets = PLACES[place]
    problem = problem_on(sites, density=Gaussian(2.0), **keys)
    kernel = nn.EmpiricalKernel(problem)
    (values, at_samples), (values_at, at_targets) = jacobians(problem, sites, targets)
    if problem.network.symmetric:
        values, values_at = 0 * values, 0 * values_at
    size = values.shape[1]
    eta = 0.8 / np.linalg.eigvalsh(at_samples @ at_samples.T / size)[-1]
    times = np.array([0.0, 3.0, 40.0]) * eta
    error = (values - problem.samples.values).ravel()
    moved, expected = np.zeros(at_samples.shape[1]), [values_at]
    for step in range(1, 41):
        stage, taylor = moved, STABILITY[integrator]
        for j in range(len(taylor) - 1, 0, -1):  # Horner's scheme of the stability polynomial
            stage = moved - eta / j * at_samples.T @ (error + at_samples @ stage) / size
        moved = stage
        if step in (3, 40):
            expected.append(values_at + (at_targets @ moved).reshape(values_at.shape))
    training = nn.LinearisedTraining(kernel, kernel.start)
    at = kernel.at(targets)
    found = training.follow_steps(Schedule(times, eta), STABILITY[integrator], tolerance=1e-12).at(at)
    assert distance(found.values, expected) < 1e-9 * np.abs(expected).max()
    exact = (at_targets**2).sum(axis=1).reshape(values_at.shape).max(axis=0)
    assert (at.diagonal >= exact * (1 - 1e-9)).all() and (at.diagonal <= 3 * exact + 1).all()


def test_wide_network_learns_what_is_predicted():
    """At width 8,000 the drawn kernel's prediction is closer to the training than that at infinite width."""
    sites, targets = PLACES["parts of a grid, 1-D"]
    problem = replace(problem_on(sites, channels=1, width=8_000, sampling="sobol"), times=np.array([0.0, 20.0]))
    *_, last = nn.trajectory(nn.plan_training(problem, Training(precision="double"), tolerance=1e-3))
    trained = last.network.values_at(last.state, targets)
    distances = []
    for kernel in (nn.EmpiricalKernel(problem), nn.InfiniteWidthKernel(problem)):
        training = nn.LinearisedTraining(kernel, -problem.samples.values)
        predicted = training.follow_flow(problem.times).at(kernel.at(targets)).values[-1]
        distances.append(np.linalg.norm(predicted - trained) / np.linalg.norm(trained))
    assert distances[0] < 1e-3 and 2e-3 < distances[1] < 0.02


@pytest.mark.parametrize("number", range(20))
def test_bound_is_never_below_the_error(number):
    assert not kernel_prediction(number).failure


def test_predict_in_the_units_of_the_user():
    """Standardised values and centred positions: the same f as without them, if f* and x are the same."""
    rng = np.random.default_rng(1)
    x, values = rng.uniform(-0.5, 0.5, (40, 2)), rng.normal(size=(2, 40))
    shift = (x.min(axis=0) + x.max(axis=0)) / 2
    plain = Samples(Scattered(x - shift), values)
    scale = np.array([[3.0], [7.0]])
    moved = Samples(Scattered(x + 5), 4 + scale * values)
    network, times = Network(width=40, sigma_a=1.0), np.array([0.0, 5.0])
    standardized = Problem(Gaussian(2.0), moved.centered().standardized(), network, times)
    mean, deviation = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
    reference = Problem(Gaussian(2.0), replace(plain, values=(values - mean) / deviation), network, times)
    y = rng.uniform(-0.5, 0.5, (7, 2))
    found = nn.predict(standardized, y + 5)
    expected = nn.predict(reference, y - shift)
    np.testing.assert_allclose(found.values, 4 + scale * (mean + deviation * expected.values), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.bound, expected.bound * (scale * deviation)[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(found.positions, y + 5)
    infinite = nn.predict(standardized, y + 5, kernel="infinite-width")
    assert 0.01 < distance(infinite.values, found.values) / np.abs(found.values).max() < 1


@pytest.mark.parametrize("arguments, message", [
    ({"positions": np.zeros((3, 2))}, r"shape \(3, 2\); give \(P, 1\)"),
    ({"positions": np.zeros(3)}, r"shape \(3,\)"),
    ({"positions": np.zeros((0, 1))}, "there are no positions"),
    ({"positions": np.array([[np.nan]])}, "leave that sample out"),
    ({"positions": np.zeros((3, 1)), "kernel": "ntk"}, 'use "empirical" or "infinite-width"'),
])  # fmt: skip
def test_bad_positions(arguments, message):
    with pytest.raises(InputError, match=message):
        nn.predict(problem_on(PLACES["off the grid, 1-D"][0]), **arguments)
