"""The settings get the integrator they name: an accurate one of another name would go unnoticed elsewhere."""

import numpy as np
import pytest

from pde.integrators import Lanczos, ShiftInvertLanczos, ThetaMethod, choose
from problem import Gaussian, Grid, Network, Pde, Problem, waves

PROBLEM = Problem(
    Gaussian(4.0), waves(Grid((32,), (1.0,)), [[2.0]]), Network(width=2, sigma_a=1.0), np.array([0.0, 9.0])
)


@pytest.mark.parametrize("operator, kind", [("data", Lanczos), ("local", ShiftInvertLanczos)])
def test_lanczos_is_that_of_the_operator(operator, kind):
    assert isinstance(choose(PROBLEM, Pde(operator=operator), folded=False), kind)


@pytest.mark.parametrize("name, theta", [("crank-nicolson", 0.5), ("backward-euler", 1.0)])
@pytest.mark.parametrize("step", ["auto", 0.7])
def test_the_stepping_integrators_have_their_theta_and_step(name, theta, step):
    chosen = choose(PROBLEM, Pde(operator="local", integrator=name, step=step), folded=False)
    assert isinstance(chosen, ThetaMethod)
    assert chosen.theta == theta
    assert step in (chosen.step, "auto")
