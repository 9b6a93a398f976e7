"""The held-out errors that `freqbias check` predicts, against steps of the linearised network taken one by one."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import nn
from freqbias.compare.commands import cost
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, Samples, Training

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
