"""The control of the local error with step = "auto": the estimates, the tolerance, and the steps that are predicted."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from freqbias.errors import ComputationError
from freqbias.nn import (
    RUNGE_KUTTA,
    EmpiricalKernel,
    InfiniteWidthKernel,
    plan_training,
    planned_schedule,
    train,
    trajectory,
)
from freqbias.nn.local_error import LocalErrorControl
from freqbias.numerics import Grid, Scattered, Schedule
from freqbias.problem import Gaussian, Network, Problem, Samples, Training
from tests.fuzz.trainings import Case, converged_errors, distance, random_case

GRID = Grid((32,), (1.0,))


def sine(scale: float, *, width: int = 400, end: float = 1.0) -> Problem:
    """100 sin(6 pi x) changes the kernel of 400 neurons threefold until t = 1."""
    values = scale * np.sin(6 * np.pi * GRID.positions().T)
    return Problem(Gaussian(4.0), Samples(GRID, values), Network(width=width, sigma_a=1.0), np.array([0.0, end]))


def far_away() -> Problem:
    rng = np.random.default_rng(0)
    x = rng.uniform(100, 101, (24, 1))
    samples = Samples(Scattered(x), np.cos(5 * x.T))
    return Problem(Gaussian(2.0), samples, Network(width=200, sigma_a=0.01), np.array([0.0, 0.1, 0.3]))


@pytest.fixture(scope="module", params=[sine(100.0), far_away()], ids=["large values", "far from 0"])
def converged(request) -> tuple[Problem, np.ndarray]:
    return request.param, converged_errors(request.param)


@pytest.mark.parametrize("integrator", ["heun", "rk4"])
def test_tolerance_if_the_kernel_changes(converged, integrator):
    """With two steps of Runge-Kutta 4 for the large values, as lambda_max alone allows, the error would be 0.1.

    With a tolerance of 3e-2 and a first step of ten times the length, it would be 0.14.
    """
    problem, exact = converged
    for tolerance in (3e-2, 1e-4):
        error = Case(problem, tolerance, integrator).history().error - exact
        assert 0 < np.linalg.norm(error, axis=(1, 2)).max() <= tolerance * np.linalg.norm(exact[0])


@pytest.mark.parametrize("number", [0, 1, 3, 10])
def test_random_trainings(number):
    assert distance(random_case(number))[0] <= 1


def test_reference_agrees_with_short_steps():
    problem = sine(100.0)
    fine = train(problem, Training(precision="double", step=0.004)).error
    np.testing.assert_allclose(converged_errors(problem), fine, rtol=0, atol=1e-7 * np.abs(fine).max())


@pytest.mark.parametrize("name, order", [("heun", 3), ("rk4", 4)])
def test_order_of_the_estimate(name, order):
    """For y' = -y^2, y(0) = 1, the solution is y(t) = 1 / (1 + t). The estimate of Heun is the error itself."""

    def step(h: float) -> tuple[float, float]:
        y = torch.ones(1, dtype=torch.float64)
        after = RUNGE_KUTTA[name].advance(lambda y: -(y**2), y, h, -(y**2), estimate=True)
        return float(after.local_error(-(after.state**2))), float(after.state) - 1 / (1 + h)

    (coarse, _), (fine, error) = step(0.02), step(0.01)
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.05)
    assert RUNGE_KUTTA[name].estimate.order == order
    if name == "heun":
        assert fine == pytest.approx(error, rel=0.05)
    else:
        assert abs(fine) > 10 * abs(error)


@pytest.mark.parametrize("change, progress", [(2.0, 2.0), (0.1, 0.5)])
def test_largest_accepted_estimate(change, progress):
    """It follows the change of u, or the mean change |u(0)| h / t_end if this is larger, and rounding is added."""
    rule = LocalErrorControl(tolerance=1e-3, scale=3.0, order=4, rounding=1e-4, start=5.0, end=10.0)
    assert rule.excess(3e-3 * progress + 5e-4, change, size=1.0) == pytest.approx(1, rel=1e-12)


def test_much_too_long_first_step():
    """The first step of the plan would move the frequencies far away. It is repeated until it is shorter."""
    plan = plan_training(sine(1e6), Training(precision="double"))
    snapshots = trajectory(plan)
    begun = [next(snapshots) for _ in range(4)]
    assert begun[-1].time < 1e-3 * plan.step
    assert begun[3].loss < begun[2].loss < begun[1].loss < begun[0].loss


@pytest.mark.parametrize("excess", [2.0, np.nan, np.inf])
def test_no_accurate_step_is_a_divergence(excess, monkeypatch):
    monkeypatch.setattr("freqbias.nn.local_error.LocalErrorControl.excess", lambda *arguments: excess)
    with pytest.raises(
        ComputationError, match=r"diverged at step 0 of .*needs .* steps; .*use a smaller \[training\] step"
    ):
        train(sine(1.0), Training(precision="double"))


@pytest.mark.parametrize("integrator", ["heun", "rk4"])
def test_planned_steps_are_those_of_a_wide_network(integrator):
    problem = sine(1.0, width=10_000, end=100.0)
    plan = plan_training(problem, Training(precision="double", integrator=integrator))
    kernel, taken = EmpiricalKernel(problem), train(problem, plan.settings)
    planned = planned_schedule(plan, kernel, kernel.start)
    at_infinite_width = planned_schedule(plan, InfiniteWidthKernel(problem), kernel.start)
    assert at_infinite_width.steps == pytest.approx(planned.steps, rel=0.1)
    assert taken.attributes["steps"] == pytest.approx(planned.steps, rel=0.05)
    assert planned.steps < 0.6 * plan.schedule.steps
    shared = min(planned.steps, taken.attributes["steps"]) // 4
    np.testing.assert_allclose(taken.step_time[:shared], planned.step_times()[:shared], rtol=0.1)


def test_planned_steps_are_repeated_if_they_are_too_long():
    problem = sine(1.0, width=20_000)
    plan = plan_training(problem, Training(precision="double"))
    assert plan.local_error is not None
    strict = replace(plan, local_error=replace(plan.local_error, tolerance=1e-6 * plan.local_error.tolerance))
    kernel = InfiniteWidthKernel(problem)
    start = EmpiricalKernel(problem).start
    first, strict_first = (planned_schedule(each, kernel, start).step_times()[1] for each in (plan, strict))
    assert first == pytest.approx(plan.step, rel=0.15)
    assert strict_first < 0.3 * plan.step


def test_step_time():
    problem = replace(sine(100.0), times=np.array([0.0, 0.3, 1.0]))
    history = train(problem, Training(precision="double"))
    assert history.step_time.size == history.attributes["steps"] + 1
    assert (np.diff(history.step_time) > 0).all() and np.isin(problem.times, history.step_time).all()
    assert np.ptp(np.diff(history.step_time)) > 0.01


@given(
    st.lists(st.floats(0.1, 10), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(1, 9), st.floats(0.05, 3.0)), max_size=4),
)
def test_schedule_through_its_own_steps(intervals, changes):
    times = np.concatenate([[0.0], np.cumsum(intervals)])
    schedule, step = Schedule(times, 1.0), 0
    for later, size in changes:
        step = min(step + later, schedule.steps)
        if step < schedule.steps:
            schedule = schedule.replan(step, size)
    again = Schedule.through(schedule.step_times(), times)
    assert again.steps == schedule.steps and (again.output_steps == schedule.output_steps).all()
    np.testing.assert_allclose(again.step_times(), schedule.step_times(), rtol=1e-9)
    assert [schedule.time(s) for s in range(schedule.steps + 1)] == schedule.step_times().tolist()


def test_output_time_between_steps_is_refused():
    with pytest.raises(ValueError, match="not the end of a step"):
        Schedule.through(np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.7, 2.0]))


def test_rising_loss_of_gradient_descent_warns_once(caplog):
    """The kernel grows threefold, so steps of 1 / lambda_max become unstable."""
    problem = sine(100.0, end=40.0)
    lambda_max = plan_training(problem).lambda_max
    with caplog.at_level(logging.WARNING, logger="freqbias"):
        train(problem, Training(integrator="gradient-descent", step=1 / lambda_max))
    rises = [message for message in caplog.messages if "the loss rose from" in message]
    assert len(rises) == 1 and "use a smaller [training] step" in rises[0]
