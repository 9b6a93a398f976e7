"""Trainings with weight decay, Nesterov's momentum and learning rates that change, against their predictions."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

from freqbias import nn
from freqbias.errors import InputError
from freqbias.problem import Rates, Training, WeightDecay
from tests.nn.test_training_loss import LOSSES, dense, problem_of

SETTINGS = {
    "rk4": {"tolerance": 1e-5},
    "gradient descent, cosine": {"integrator": "gradient-descent", "rate_schedule": "cosine"},
    "momentum": {"integrator": "momentum", "momentum": 0.8},
    "Nesterov, steps": {
        "integrator": "momentum", "momentum": 0.8, "nesterov": True,
        "rate_schedule": "steps", "milestones": [0.3, 0.6], "warm_up": 0.1,
    },
}  # fmt: skip


def decaying(name, share, *, towards="start", width=2000):
    """A decay with the given share of the last output time; the target is so small that the network is linear."""
    problem = problem_of(*LOSSES[name], width=width, scale=0.01)
    return replace(problem, decay=WeightDecay(share / problem.times[-1], towards))


def difference(problem, name, *, decay=None):
    """The largest distance over time of the training and its prediction by the drawn network's kernel, over |u(0)|."""
    kernel = nn.EmpiricalKernel(problem)
    step = {} if "tolerance" in SETTINGS[name] else {"step": 0.5 / kernel.largest_eigenvalue()}
    plan = nn.plan_training(problem, Training(precision="double", **SETTINGS[name], **step))
    reached = [snapshot.error.numpy() for snapshot in nn.trajectory(plan) if snapshot.output is not None]
    rate = problem.decay.rate if decay is None else decay
    training = nn.LinearisedTraining(kernel, kernel.start, metric=problem.loss.metric, decay=rate)
    if "tolerance" in SETTINGS[name]:
        predicted = training.follow_flow(problem.times)
    else:
        predicted = plan.integrator.follow(training, plan.schedule)
    distance = np.linalg.norm(np.array(reached) - predicted.error, axis=(1, 2))
    return distance.max() / np.linalg.norm(kernel.start)


@pytest.mark.parametrize("loss", ["H^-1", "weighted"])
@pytest.mark.parametrize("name", SETTINGS)
def test_trainings_follow_their_predictions(name, loss):
    """Without the decay, the predictions miss by 0.1."""
    problem = decaying(loss, 1.0)
    assert difference(problem, name) < 3e-5
    assert difference(problem, name, decay=0.0) > 0.03


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_decay_towards_0_differs_by_its_amount(share):
    """The frequencies shrink by exp(-decay t), which no fixed kernel describes."""
    assert 0.1 * share < difference(decaying("weighted", share, towards="zero"), "rk4") < 1.1 * share


@pytest.mark.parametrize("name", LOSSES)
def test_linearised_flow_with_decay(name):
    problem = decaying(name, 3.0)
    (matrix, start), decay = dense(problem), problem.decay.rate
    n = len(start)
    block = np.block([[-matrix - decay * np.eye(n), decay * np.eye(n)], [np.zeros((n, 2 * n))]])
    exact = np.array([(scipy.linalg.expm(t * block) @ np.tile(start, 2))[:n] for t in problem.times])
    training = nn.LinearisedTraining(
        nn.InfiniteWidthKernel(problem), start[None], metric=problem.loss.metric, decay=decay
    )
    found = training.flow(problem.times, tolerance=1e-10)[:, 0]
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9 * np.linalg.norm(start))


def test_longest_stable_step():
    """The decay adds to lambda_max, at the start and in every measurement."""
    problem = decaying("weighted", 1.0, width=200)
    plain = nn.plan_training(replace(problem, decay=WeightDecay()))
    rate = 100 * plain.lambda_max
    plan = nn.plan_training(replace(problem, decay=WeightDecay(rate)))
    assert plan.lambda_max == pytest.approx(plain.lambda_max + rate, rel=1e-9)
    assert plan.step_control.lambda_max == pytest.approx(plain.step_control.lambda_max + rate, rel=1e-9)
    kernel, metric = nn.EmpiricalKernel(problem), problem.loss.metric
    measured = plan.step_control.measured(
        1, lambda u: kernel.apply(u.reshape(kernel.start.shape)).ravel(), metric, decay=rate
    )
    assert measured.lambda_max == pytest.approx(plan.step_control.lambda_max, rel=1e-3)
    unstable = nn.plan_training(
        replace(problem, decay=WeightDecay(rate)), Training(integrator="gradient-descent", step=3 / rate)
    )
    assert "step * lambda_max, with [training] decay" in unstable.warnings[-1]


def test_frozen_parameters_do_not_decay():
    """With frozen frequencies, decay towards 0 is that towards the start, because f stays linear and f(0) = 0."""
    problem = replace(decaying("weighted", 0.5, towards="zero"), rates=Rates(frequencies=0.0), laws=None)
    assert difference(problem, "gradient descent, cosine") < 1e-8


def test_planned_steps_with_decay():
    problem = decaying("H^1", 5.0)
    settings = Training(precision="double", tolerance=1e-4)
    plan, kernel = nn.plan_training(problem, settings), nn.EmpiricalKernel(problem)
    planned = nn.planned_schedule(plan, kernel, kernel.start).steps
    assert nn.train(problem, settings).attributes["steps"] == pytest.approx(planned, rel=0.1)


def test_resume_with_a_rate_schedule():
    problem = decaying("weighted", 1.0, width=500)
    step = 0.5 / nn.EmpiricalKernel(problem).largest_eigenvalue()
    plan = nn.plan_training(problem, Training(precision="double", step=step, **SETTINGS["Nesterov, steps"]))
    whole = list(nn.trajectory(plan))
    rest = list(nn.trajectory(plan, last=whole[7].checkpoint()))
    assert len(rest) == len(whole) - 7 and rest[-1].time == whole[-1].time
    assert all((a.state == b.state).all() for a, b in zip(rest, whole[7:], strict=True))


def test_messages():
    problem = decaying("weighted", 0.2, towards="zero", width=100)
    assert "differs from the predictions by about 0.2 of the initial error" in problem.warnings[-1]
    assert not replace(problem, rates=Rates(frequencies=0.0), laws=None).warnings
    with pytest.raises(InputError, match=r"\[training\] decay = 3.*give the decay to the problem"):
        nn.plan_training(problem, Training(decay=3.0))
    with pytest.raises(InputError, match="decay = -1"):
        WeightDecay(-1.0)
    with pytest.raises(InputError, match="decay and gauss_newton exclude each other"):
        replace(problem, gauss_newton=0.1)
    with pytest.raises(InputError, match="batch = 5 is for the mean square"):
        nn.plan_training(problem, Training(integrator="sgd", batch=5))
