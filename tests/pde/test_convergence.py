"""Convergence orders on the exact modes of a constant rho_w on a box with natural boundaries.

v = prod_i cos(k_i (xi_i + R)), k_i = pi m_i / (2R), decays as exp(-(rho / prod extent) (1 + sigma_a^2 |k|^2) t).
"""

from mpi4py import MPI  # isort: skip
from dataclasses import dataclass

import numpy as np
import pytest
import ufl
from dolfinx import fem

from meshes import Plan
from pde.integrators import Effort, ShiftInvertLanczos, ThetaMethod, fastest_rate
from pde.local_operator import LocalOperator
from problem import Grid, Network, Problem, Uniform, waves

R, SIGMA_A, EXTENT = 3.0, 0.7, 1.3


@dataclass
class Mode:
    operator: LocalOperator
    wavenumbers: np.ndarray
    rate: float

    def __call__(self, xi, t, xp=np):
        """The exact solution, for NumPy and for UFL."""
        product = 1.0
        for k, coordinate in zip(self.wavenumbers, xi, strict=True):
            product = product * xp.cos(float(k) * (coordinate + R))
        return float(np.exp(-self.rate * t)) * product

    def start(self):
        nodes = self.operator.nodes()
        return self(nodes.frequency[nodes.owned].T, 0.0)[None, :]

    def error(self, state, t):
        """|v_h - v| / |v(0)| in L2."""
        solution = fem.Function(self.operator.space)
        solution.x.array[: state.shape[1]] = state[0]
        solution.x.scatter_forward()
        x = ufl.SpatialCoordinate(self.operator.space.mesh)
        coordinates = [x[i] for i in range(len(self.wavenumbers))]
        dx = ufl.dx(metadata={"quadrature_degree": 20})
        norms = [
            fem.assemble_scalar(fem.form(f**2 * dx))
            for f in (solution - self(coordinates, t, ufl), self(coordinates, 0.0, ufl))
        ]
        return np.sqrt(norms[0] / norms[1])


def mode(dimension, cells, degree, numbers=(5, 3)):
    grid = Grid((64,) * dimension, (EXTENT,) * dimension)
    samples = waves(grid, [[1.0] * dimension])
    problem = Problem(Uniform(R), samples, Network(width=2, sigma_a=SIGMA_A), np.array([0.0, 1.0]))
    layout = Plan((R,) * dimension, (cells,) * dimension, degree, False)
    operator = LocalOperator(problem, layout, MPI.COMM_WORLD, -samples.values, accuracy=1e-9)
    wavenumbers = np.pi * np.array(numbers[:dimension]) / (2 * R)
    rate = (2 * R) ** -dimension / EXTENT**dimension * (1 + SIGMA_A**2 * np.sum(wavenumbers**2))
    return Mode(operator, wavenumbers, rate)


@pytest.mark.parametrize(
    "dimension, degree, coarse", [(1, 1, 32), (1, 2, 16), (1, 3, 16), (1, 4, 12), (2, 1, 20), (2, 2, 10), (2, 3, 8)]
)
def test_order_in_space_is_degree_plus_one(dimension, degree, coarse):
    end, errors = None, []
    for cells in (coarse, 2 * coarse):
        exact = mode(dimension, cells, degree)
        end = 1 / exact.rate
        integrator = ShiftInvertLanczos(1e-12, fastest_rate(exact.operator.problem, operator="local", folded=False))
        (state,) = integrator.evolve(exact.operator, exact.start(), np.array([0.0, end]), Effort())
        errors.append(exact.error(state, end))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.1)


@pytest.mark.parametrize("theta, order", [(1.0, 1), (0.5, 2)])
def test_order_in_time(theta, order):
    exact = mode(1, 24, 6)
    end, errors = 2 / exact.rate, []
    for steps in (20, 40):
        effort = Effort()
        (state,) = ThetaMethod(theta, end / steps).evolve(exact.operator, exact.start(), np.array([0.0, end]), effort)
        assert effort.steps == steps
        errors.append(exact.error(state, end))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_shift_and_invert_serves_times_of_any_spread():
    """Output times over five decades are cut into groups, each right."""
    exact = mode(1, 24, 6)
    times = np.concatenate([[0.0], np.geomspace(1e-4, 10, 11)]) / exact.rate
    integrator = ShiftInvertLanczos(1e-8, fastest=100 * exact.rate)
    assert [len(group) for group in integrator.groups(times[1:])] == [9, 2]
    states = list(integrator.evolve(exact.operator, exact.start(), times, Effort()))
    assert max(exact.error(state, t) for state, t in zip(states, times[1:], strict=True)) < 1e-7


def test_operators_are_symmetric_semidefinite_and_conserve_nothing_they_should_not():
    exact = mode(2, 4, 2)
    size = exact.start().shape[1]
    dense = np.array([exact.operator.apply(e) for e in np.eye(size)])
    np.testing.assert_allclose(dense, dense.T, atol=1e-14)
    assert np.linalg.eigvalsh(dense)[0] >= -1e-14
    constant = np.ones(size)  # gradient free: only the damping acts on it
    np.testing.assert_allclose(
        exact.operator.apply(constant), (2 * R * EXTENT) ** -2 * exact.operator.mass(constant), atol=1e-14
    )
