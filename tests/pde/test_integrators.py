"""The settings get the integrator they name. Other tests would not notice an accurate one of another name."""

from mpi4py import MPI  # isort: skip
import weakref

import numpy as np
import pytest

from freqbias.errors import ComputationError
from freqbias.numerics import Grid
from freqbias.pde import (
    AdaptiveIntegrator,
    IntegrationRecord,
    LanczosIntegrator,
    ShiftInvertIntegrator,
    ThetaMethod,
    choose_integrator,
    krylov,
)
from freqbias.problem import Gaussian, Network, Pde, Problem, waves

PROBLEM = Problem(
    Gaussian(4.0), waves(Grid((32,), (1.0,)), [[2.0]]), Network(width=2, sigma_a=1.0), np.array([0.0, 9.0])
)


@pytest.mark.parametrize("operator, kind", [("data", LanczosIntegrator), ("local", ShiftInvertIntegrator)])
def test_lanczos_of_each_operator(operator, kind):
    assert isinstance(choose_integrator(PROBLEM, Pde(operator=operator), folded=False), kind)


def test_each_shift_frees_its_krylov_space(monkeypatch):
    """The space of one group of output times is gone before that of the next needs its memory."""
    spaces, compute = [], krylov.shift_invert_exponential

    def watched(*arguments, **keys):
        assert all(space() is None for space in spaces)
        trajectory = compute(*arguments, **keys)
        spaces.append(weakref.ref(trajectory.krylov))
        return trajectory

    monkeypatch.setattr(krylov, "shift_invert_exponential", watched)
    integrator = ShiftInvertIntegrator(1e-6, fastest=1.0)
    times, record = np.array([0.0, 1.0, 1e3, 1e6]), IntegrationRecord()
    states = list(integrator.evolve(Slow(), np.ones((1, 2)), times, record))
    assert len(spaces) == record.factorisations == 3
    np.testing.assert_allclose(np.array(states)[:, 0, 0], np.exp(-1e-6 * times[1:]), atol=1e-6)


class Slow:
    """M = 1 and B = 1e-6 on two values."""

    def apply(self, u):
        return 1e-6 * u

    def mass(self, u):
        return u

    def dot(self, rows, u):
        return rows @ u

    def solver(self, shift):
        return lambda b, looseness=1.0: b / (1 + 1e-6 * shift)


@pytest.mark.parametrize("name, theta", [("crank-nicolson", 0.5), ("backward-euler", 1.0)])
@pytest.mark.parametrize("step", ["auto", 0.7])
def test_theta_and_step(name, theta, step):
    chosen = choose_integrator(PROBLEM, Pde(operator="local", integrator=name, step=step), folded=False)
    assert isinstance(chosen, ThetaMethod)
    assert chosen.theta == theta
    assert step in (chosen.step, "auto")


class Decaying:
    """M = B = 1 on two values, with a solver that gives NaN after four solves.

    elsewhere: the NaN is on another rank, which `state_comm` simulates.
    """

    def __init__(self, *, elsewhere):
        self.state_comm, self.elsewhere, self.solves = self, elsewhere, 0

    def apply(self, u):
        return u

    mass = apply

    def dot(self, rows, u):
        return rows @ u

    def solver(self, shift):
        def solve(b, looseness=1.0):
            self.solves += 1
            return b * (np.nan if self.solves > 4 and not self.elsewhere else 1 / (1 + shift))

        return solve

    def allreduce(self, here, _operation):
        return here and self.solves <= 4


@pytest.mark.parametrize("elsewhere", [False, True])
def test_nan_on_one_rank_stops_all(elsewhere):
    operator = Decaying(elsewhere=elsewhere)
    with pytest.raises(ComputationError, match="the solution is not finite"):
        list(ThetaMethod(1.0, 0.1).evolve(operator, np.ones((1, 2)), np.array([0.0, 1.0]), IntegrationRecord()))


def test_nan_is_an_error():
    operator, record = Decaying(elsewhere=False), IntegrationRecord(scale=(1.0, 1.0))
    operator.state_comm = MPI.COMM_SELF
    assert np.isnan(record.relative(operator, np.array([[1.0, 1.0], [1.0, np.nan]])))
    with pytest.raises(ComputationError, match="the error bound is nan"):
        list(AdaptiveIntegrator(1e-3).evolve(operator, np.ones((1, 2)), np.array([0.0, 1.0]), IntegrationRecord()))
