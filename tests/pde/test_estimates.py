"""The error that each integrator reports, against the exact exponential on random problems: a sharp bound."""

from mpi4py import MPI  # isort: skip
import numpy as np
import pytest
import scipy.linalg

from freqbias.pde import AdaptiveIntegrator, IntegrationRecord, LanczosIntegrator, ShiftInvertIntegrator, ThetaMethod

SIZE = 60


class Dense:
    """M and B as dense matrices. The decay rates span `decades`, and three are 0. identity: M = I."""

    state_comm = MPI.COMM_SELF

    def __init__(self, seed, *, decades=5.0, identity=False):
        rng = np.random.default_rng(seed)
        self.rates = np.concatenate([10 ** rng.uniform(-decades, 0, SIZE - 3), np.zeros(3)])
        root = np.eye(SIZE) if identity else np.diag(rng.uniform(0.5, 2, SIZE)) + 0.1 * rng.normal(size=(SIZE, SIZE))
        orthogonal = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))[0]
        self._modes = root @ orthogonal  # M = root root^T, B = modes diag(rates) modes^T
        self._mass, self._matrix = root @ root.T, (self._modes * self.rates) @ self._modes.T
        self.start = rng.normal(size=(2, SIZE)) * [[1.0], [100.0]]
        self.solvers = 0

    def apply(self, u):
        return self._matrix @ u

    def mass(self, u):
        return self._mass @ u

    def dot(self, rows, u):
        return rows @ u

    def solver(self, shift):
        self.solvers += 1
        factors = scipy.linalg.cho_factor(self._mass + shift * self._matrix)
        return lambda b, looseness=1.0: scipy.linalg.cho_solve(factors, b)

    def exact(self, factors):
        """The start with its modes multiplied by factors (T, n), as (T, C, n)."""
        coefficients = self.start @ self._modes  # modes^T M^-1 ... of M-orthonormal modes M^-1 modes
        back = np.linalg.solve(self._mass, self._modes)
        return np.einsum("cn,tn,mn->tcm", coefficients, factors, back)

    def worst_error(self, states, exact):
        """max over t and channels of |u - exact|_M / |u(0)|_M."""
        difference = np.array(states) - exact
        norm = np.sqrt(np.einsum("tcm,mn,tcn->tc", difference, self._mass, difference))
        return float((norm / np.sqrt(np.einsum("cm,mn,cn->c", self.start, self._mass, self.start))).max())


TIMES = np.array([0.0, 1.0, 2.0, 10.0, 200.0])
SHORT = np.array([0.0, 0.02])
# The third number bounds estimate over error: at most 1.5 times the largest ratio of 30 seeds. The bound of one step is
# nearly its error. The stepping integrators add up such bounds, but the errors themselves decay with their modes.
# Shift-and-invert compares with three steps before, each of which divides the error by about 3.
CASES = {
    "lanczos": (LanczosIntegrator(1e-4), TIMES, 4),
    "shift-and-invert": (ShiftInvertIntegrator(1e-4, fastest=1.0), TIMES, 100),
    "adaptive": (AdaptiveIntegrator(1e-3), TIMES, 25),
    "adaptive, tight": (AdaptiveIntegrator(1e-6), TIMES, 25),
    "backward euler": (ThetaMethod(1.0, 0.05), TIMES, 6),
    "backward euler, one step": (ThetaMethod(1.0, 0.02), SHORT, 1.5),
    "crank-nicolson": (ThetaMethod(0.5, 0.2), TIMES, 8),
    "crank-nicolson, few steps": (ThetaMethod(0.5, 7.0), TIMES, 18),
    "crank-nicolson, one step": (ThetaMethod(0.5, 0.02), SHORT, 2.5),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", CASES)
def test_error_estimates(name, seed):
    integrator, times, slack = CASES[name]
    operator, record = Dense(seed, identity=name == "lanczos"), IntegrationRecord()
    states = list(integrator.evolve(operator, operator.start, times, record))
    error = operator.worst_error(states, operator.exact(np.exp(-np.outer(times[1:], operator.rates))))
    assert error <= record.error * (1 + 1e-6)
    assert record.error <= slack * error
    if hasattr(integrator, "tolerance"):
        assert record.error <= integrator.tolerance
    assert record.steps > 0
    assert record.factorisations == operator.solvers
    assert (record.solves > 0) == (operator.solvers > 0)
