"""The held-out errors that `freqbias check` predicts, against steps of the linearised network taken one by one."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import nn
from freqbias.compare.commands import cost
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, Samples, Training, initial_errors

STEPS = 12


def plan_of(step_factor):
    """Return a plan whose steps are this many times 1 / lambda_max, and the kernel."""
    samples = Samples(Grid((8, 8), (1.0, 1.0)), np.random.default_rng(0).normal(size=(1, 64)))
    training, held_out = samples.split(0.4, seed=2)
    times, network = np.array([0.0, 1.0]), Network(width=80, sigma_a=1.0)
    problem = Problem(Gaussian(2.0), training, network, times, held_out=held_out)
    kernel = nn.EmpiricalKernel(problem)
    step = step_factor / kernel.largest_eigenvalue()
    problem = replace(problem, times=np.array([0.0, STEPS * step]))
    return nn.plan_training(problem, Training(integrator="gradient-descent", step=step)), kernel, step


@pytest.mark.parametrize("step_factor", [0.1, 1.5])
def test_steps_of_gradient_descent(step_factor):
    plan, kernel, step = plan_of(step_factor)
    u, across = kernel.start, kernel.at(plan.problem.held_out.sites)
    expected = across.start - plan.problem.held_out.values
    for _ in range(STEPS):
        expected, u = expected - step * across.apply(u), u - step * kernel.apply(u)
    quick = cost.Cost(STEPS, cost.IMPORT_SECONDS["nn"], 0.0)
    errors, name = cost.held_out_errors(plan, 1e-9, quick, 20)
    assert name == "the kernel of the drawn network"
    assert errors[-1] == pytest.approx(expected, abs=1e-6 * np.abs(expected).max())


def test_runge_kutta_at_infinite_width_with_planned_steps():
    """The errors of the linearised training decide the steps, which differ from those that the plan begins with."""
    plan, _, _ = plan_of(0.1)
    problem = replace(plan.problem, times=np.array([0.0, 5.0]))
    plan = nn.plan_training(problem, Training(integrator="rk4"), tolerance=1e-2)
    kernel = nn.InfiniteWidthKernel(problem)
    across, u, w = kernel.at(problem.held_out.sites), initial_errors(problem), 0.0
    schedule = nn.planned_schedule(plan, kernel, u)
    assert schedule.steps < plan.schedule.steps
    for step in range(schedule.steps):
        h = schedule.step_size(step)
        k1 = -kernel.apply(u)
        k2 = -kernel.apply(u + h / 2 * k1)
        k3 = -kernel.apply(u + h / 2 * k2)
        stages = (u, u + h / 2 * k1, u + h / 2 * k2, u + h * k3)
        w = w + h / 6 * (stages[0] + 2 * stages[1] + 2 * stages[2] + stages[3])
        u = u - kernel.apply(h / 6 * (stages[0] + 2 * stages[1] + 2 * stages[2] + stages[3]))
    expected = across.start - across.apply(w) - problem.held_out.values
    errors, name = cost.held_out_errors(plan, 1e-9, cost.Cost(1, 1e6, 0.0), 20)
    assert name == "the kernel at infinite width"
    assert errors[-1] == pytest.approx(expected, abs=1e-7 * np.abs(expected).max())
