"""The step size follows lambda_max, which rises many times for a target that is large for the width."""

import logging
from itertools import pairwise

import numpy as np
import pytest
import torch

from freqbias.nn import FourierNetwork, plan_training, train, trajectory
from freqbias.nn.nufft import NufftTransforms
from freqbias.nn.step_control import StepControl
from freqbias.numerics import Grid, Schedule
from freqbias.problem import Gaussian, Network, Problem, Samples, Training, waves

TIMES = np.array([0.0, 1.0, 3.0, 8.0])


def large(scale: float, times: np.ndarray = TIMES) -> Problem:
    """A target with values up to about `scale`, for 1000 neurons."""
    samples = waves(Grid((48,), (1.0,)), [[2.0], [7.0]], window=0.15)
    network = Network(width=1000, sigma_a=1.0)
    return Problem(Gaussian(5.0), Samples(samples.sites, scale * samples.values), network, times, seed=2)


def test_tolerance_with_a_changing_kernel():
    """With the step size that a tolerance of 1e-3 allows for the first kernel, the error would be 30 %."""
    problem = large(200.0)
    followed = train(problem, Training(precision="double"), tolerance=1e-3)
    fine = train(problem, Training(precision="double", step=0.04))
    assert followed.attributes["last_lambda_max"] > 8 * followed.attributes["lambda_max"]
    sizes = np.diff(followed.step_time)
    assert sizes.max() > 3 * sizes.min()
    difference = np.linalg.norm(followed.error - fine.error, axis=(1, 2)).max()
    assert difference < 1e-3 * np.linalg.norm(fine.error[0])


def test_lambda_max_of_the_current_network():
    problem = large(100.0)
    network = FourierNetwork(problem, NufftTransforms(problem.grid, precision="double"))
    measured = []
    for before, now in pairwise(trajectory(plan_training(problem, Training(precision="double")))):
        if now.step_control.next_measurement > before.step_control.next_measurement:
            network.values(now.state)
            kernel = network.kernel_at(now.state)
            exact = np.linalg.eigvalsh(np.stack([kernel(unit) for unit in np.eye(48)]))[-1]
            measured.append((now.step_control.lambda_max, exact))
    found, exact = np.array(measured).T
    assert len(measured) >= 10 and exact[-1] > 4 * exact[0]
    np.testing.assert_allclose(found, 1.05 * exact, rtol=0.01)


@pytest.mark.parametrize(("growth", "expected"), [(1.5, 1.5**2), (0.5, 0.5)])
def test_rise_of_lambda_max_is_extrapolated(growth, expected):
    z, before = 0.5, 1.05  # lambda_max from above
    step_control = StepControl(((0, z / before),), before, np.array([1.0, 0.0, 0.0]), z)
    now = step_control.measured(7, lambda u: growth * np.array([1.0, 0.5, 0.2]) * u)
    assert now.step_limits[-1] == (7, pytest.approx(z / (expected * before)))


def test_resume_keeps_step_control():
    plan = plan_training(large(100.0))
    whole = list(trajectory(plan))
    assert len(whole[-1].step_control.step_limits) > 5
    for middle in (whole[1], whole[len(whole) // 2]):
        rest = list(trajectory(plan, last=middle.checkpoint()))
        assert [(each.step, each.time, each.step_control.step_limits) for each in rest] == [
            (each.step, each.time, each.step_control.step_limits) for each in whole[middle.step :]
        ]
        assert all(torch.equal(a.state, b.state) for a, b in zip(rest, whole[middle.step :], strict=True))


def test_steady_kernel_is_measured_rarely():
    snapshots = list(trajectory(plan_training(large(1.0, np.array([0.0, 30.0])), Training(step=0.3))))
    measured = [
        now.step
        for before, now in pairwise(snapshots)
        if now.step_control.next_measurement > before.step_control.next_measurement
    ]
    assert measured == [1, 3, 7, 15, 31, 63]


def test_unstable_fixed_step_warns_once(caplog):
    problem = large(100.0)
    lambda_max = plan_training(problem).lambda_max
    with caplog.at_level(logging.WARNING, logger="freqbias"):
        for snapshot in trajectory(plan_training(problem, Training(integrator="heun", step=1.0 / lambda_max))):
            if snapshot.step_control.lambda_max > 2.1 * lambda_max:
                break
    (message,) = [message for message in caplog.messages if "unstable" in message]
    assert "heun is unstable" in message and 'use a smaller [training] step, or step = "auto"' in message


@pytest.mark.parametrize("steps", [(1,), (3, 4), (5, 9), (2, 10, 11)])
def test_replanned_steps_land_on_output_times(steps):
    times = np.array([0.0, 1.0, 1.5, 4.0])
    schedule, longest = Schedule(times, 0.31), [0.31, 0.11, 0.5, 0.07]
    for cut, step in enumerate(steps, start=1):
        before, schedule = schedule, schedule.replan(step, longest[cut])
        assert [schedule.time(s) for s in range(step + 1)] == [before.time(s) for s in range(step + 1)]
        sizes = [schedule.step_size(s) for s in range(step, schedule.steps)]
        left = np.unique([before.time(step), *times[times > before.time(step)]])
        assert max(sizes) <= longest[cut] * (1 + 1e-9)
        assert len(sizes) == np.ceil(np.diff(left) / longest[cut] - 1e-9).sum()  # not one more than needed
    assert [
        schedule.time(s) for s in range(schedule.steps + 1) if schedule.output_index(s) is not None
    ] == times.tolist()
    assert [schedule.output_index(s) for s in schedule.output_steps] == [0, 1, 2, 3]
    sums = np.cumsum([schedule.step_size(s) for s in range(schedule.steps)])
    np.testing.assert_allclose(sums, [schedule.time(s) for s in range(1, schedule.steps + 1)], rtol=1e-12)
