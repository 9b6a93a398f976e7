"""Orders and error constants of the integrators, two-sided, on a mode and on a network; schedules of steps."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from freqbias.nn import RUNGE_KUTTA, plan_training, trajectory
from freqbias.numerics import Grid, Schedule
from freqbias.problem import Gaussian, Network, Problem, Samples, Training, draw

CONSTANTS = {
    "gradient-descent": 2 * np.e,
    "heun": 6 * np.e,
    "rk4": 120 * np.e,
}  # error over the start = z^order / constant
ORDERS = {"gradient-descent": 1, "heun": 2, "rk4": 4}
NAMES = list(ORDERS)


def mode_errors(name: str, z: float) -> np.ndarray:
    """|y_s - exp(-s z)| after each of the integrator's own steps z of dy/dt = -y, for s z up to 6."""
    y, errors = torch.ones(1, dtype=torch.float64), []
    for s in range(1, round(6 / z) + 1):
        y = RUNGE_KUTTA[name].advance(lambda x: -x, y, z, -y).state
        errors.append(abs(float(y) - np.exp(-s * z)))
    return np.array(errors)


@pytest.mark.parametrize("name, z", [("gradient-descent", 0.01), ("heun", 0.02), ("rk4", 0.05)])
def test_order_and_constant_on_a_mode(name, z):
    errors, finer = mode_errors(name, z), mode_errors(name, z / 2)
    assert errors.max() == pytest.approx(z ** ORDERS[name] / CONSTANTS[name], rel=0.05)
    assert (np.argmax(errors) + 1) * z == pytest.approx(1, abs=2 * z)  # at t = 1 / lambda
    assert np.log2(errors.max() / finer.max()) == pytest.approx(ORDERS[name], abs=0.1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("z", [0.03, 0.4, 1.3])
def test_decay_error(name, z):
    assert RUNGE_KUTTA[name].decay_error(z) == pytest.approx(mode_errors(name, z).max(), rel=2e-3, abs=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
def test_largest_step_meets_the_tolerance(name, tolerance):
    z = RUNGE_KUTTA[name].largest_step(tolerance)
    slower = z * np.linspace(0.01, 1, 100)  # the modes below lambda_max
    worst = max(RUNGE_KUTTA[name].decay_error(each) for each in slower)
    assert 0.98 * tolerance < worst < 1.02 * tolerance
    assert z == pytest.approx((tolerance * CONSTANTS[name]) ** (1 / ORDERS[name]), rel=0.5 if tolerance > 1e-3 else 0.2)


def jacobian(problem: Problem) -> np.ndarray:
    """df(x_q) / d(a, b, w) at the start, (N, 3 m), d = 1."""
    neurons = draw(problem.density, problem.network, dimension=1, seed=problem.seed)
    x, w = problem.grid.positions(), neurons.frequencies
    cosine, sine = np.cos(2 * np.pi * x @ w.T), np.sin(2 * np.pi * x @ w.T)
    return np.hstack([cosine, sine, 2 * np.pi * x * (neurons.sine * cosine - neurons.cosine * sine)]) / np.sqrt(len(w))


def network_time_error(name: str, z: float) -> float:
    """max over t <= 6 / lambda of |u_h - u| / |u(0)|, the target being the network's fastest mode.

    The target is so small that the training is linear.
    """
    grid, network = Grid((24,), (1.0,)), Network(width=300, sigma_a=1.0)
    blank = Problem(Gaussian(3.0), Samples(grid, np.ones((1, 24))), network, np.array([0.0, 1.0]), seed=1)
    values, vectors = np.linalg.eigh(jacobian(blank) @ jacobian(blank).T / grid.size)
    start = 1e-4 * vectors[:, -1]
    times = np.arange(0, 6, z) / values[-1]  # one step between two
    problem = Problem(Gaussian(3.0), Samples(grid, -start[None, :]), network, times, seed=1)
    plan = plan_training(problem, Training(integrator=name, step=z / values[-1] * 1.0001, precision="double"))
    assert plan.schedule.steps == len(times) - 1
    errors = [snapshot.error.numpy()[0] - np.exp(-values[-1] * snapshot.time) * start for snapshot in trajectory(plan)]
    return float(np.linalg.norm(errors, axis=1).max() / np.linalg.norm(start))


@pytest.mark.parametrize("name, z", [("gradient-descent", 0.02), ("heun", 0.05), ("rk4", 0.1)])
def test_order_and_constant_on_a_network(name, z):
    error, finer = network_time_error(name, z), network_time_error(name, z / 2)
    assert error == pytest.approx(z ** ORDERS[name] / CONSTANTS[name], rel=0.2)
    assert error == pytest.approx(RUNGE_KUTTA[name].decay_error(z), rel=0.05)
    assert np.log2(error / finer) == pytest.approx(ORDERS[name], abs=0.1)


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8).map(lambda gaps: np.concatenate([[0.0], np.cumsum(gaps)])),
    st.floats(0.5, 1e4),
)
def test_steps_land_on_every_output_time(times, longest):
    schedule = Schedule(times, longest)
    met = [schedule.time(step) for step in range(schedule.steps + 1) if schedule.output_index(step) is not None]
    np.testing.assert_array_equal(met, times)
    sizes = np.array([schedule.step_size(step) for step in range(schedule.steps)])
    assert (sizes <= longest * (1 + 1e-9)).all()
    np.testing.assert_allclose(
        np.cumsum(sizes), [schedule.time(step) for step in range(1, schedule.steps + 1)], rtol=1e-9
    )
    fewest = np.ceil(np.diff(times) / longest * (1 - 1e-9)).sum()
    assert schedule.steps == fewest
