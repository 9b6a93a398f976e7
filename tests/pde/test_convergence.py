"""Convergence orders on the exact modes of a constant rho_w on a box with natural boundaries.

v = prod_i cos(k_i (xi_i + R)), k_i = pi m_i / (2R), decays as exp(-(rho / prod extent) (1 + sigma_a^2 |k|^2) t).
"""

from mpi4py import MPI  # isort: skip
from dataclasses import dataclass

import numpy as np
import pytest
import ufl
from dolfinx import fem
from scipy.special import jnp_zeros, jv, spherical_jn

from freqbias.meshes import BoxPlan, LayeredPlan
from freqbias.numerics import Grid
from freqbias.pde import IntegrationRecord, LocalOperator, ShiftInvertIntegrator, ThetaMethod, fastest_rate
from freqbias.pde.forms import at_quadrature_points
from freqbias.problem import Ball, Network, Problem, Uniform, waves

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
        return self(self.operator.nodes.frequency.T, 0.0)[None, :]

    def error(self, state, t):
        """|v_h - v| / |v(0)| in L2."""
        solution = fem.Function(self.operator.space)
        solution.x.array[: state.shape[1]] = state[0]
        solution.x.scatter_forward()
        x = ufl.SpatialCoordinate(self.operator.space.mesh)
        coordinates = [x[i] for i in range(len(self.wavenumbers))]
        dx = ufl.dx(metadata={"quadrature_degree": 12})
        norms = [
            fem.assemble_scalar(fem.form(f**2 * dx))
            for f in (solution - self(coordinates, t, ufl), self(coordinates, 0.0, ufl))
        ]
        return np.sqrt(norms[0] / norms[1])


def mode(dimension, cells, degree):
    grid = Grid((64,) * dimension, (EXTENT,) * dimension)
    samples = waves(grid, [[1.0] * dimension])
    problem = Problem(Uniform(R), samples, Network(width=2, sigma_a=SIGMA_A), np.array([0.0, 1.0]))
    plan = BoxPlan.uniform((R,) * dimension, (cells,) * dimension, degree)
    operator = LocalOperator(problem, plan, MPI.COMM_WORLD, -samples.values, accuracy=1e-9)
    wavenumbers = np.pi * np.array({1: [5], 2: [5, 3], 3: [2, 1, 1]}[dimension]) / (2 * R)
    rate = (2 * R) ** -dimension / EXTENT**dimension * (1 + SIGMA_A**2 * np.sum(wavenumbers**2))
    return Mode(operator, wavenumbers, rate)


ORDERS_ON_BOXES = [(1, 1, 32), (1, 2, 16), (1, 3, 16), (1, 4, 12), (2, 1, 20), (2, 2, 10), (2, 3, 8)]
ORDERS_ON_BOXES += [(3, 1, 8), (3, 2, 4)]


@pytest.mark.parametrize("dimension, degree, coarse", ORDERS_ON_BOXES)
def test_order_in_space(dimension, degree, coarse):
    errors = []
    for cells in (coarse, 2 * coarse):
        exact = mode(dimension, cells, degree)
        errors.append(exact.error(evolved(exact), 1 / exact.rate))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.1)


def evolved(exact):
    """The state at t = 1 / rate."""
    integrator = ShiftInvertIntegrator(1e-12, fastest_rate(exact.operator.problem, operator="local", folded=False))
    (state,) = integrator.evolve(exact.operator, exact.start(), np.array([0.0, 1 / exact.rate]), IntegrationRecord())
    return state


@dataclass
class BallMode:
    """Constant rho_w on a ball: J_2(k r) cos(2 phi) in the plane, j_1(k r) xi_1 / r in space, with (d/dr) = 0 at R."""

    operator: LocalOperator
    wavenumber: float
    rate: float

    def __call__(self, xi):
        r = np.linalg.norm(xi, axis=1)
        if xi.shape[1] == 2:
            return jv(2, self.wavenumber * r) * np.cos(2 * np.arctan2(xi[:, 1], xi[:, 0]))
        return spherical_jn(1, self.wavenumber * r) * xi[:, 0] / np.maximum(r, 1e-300)

    def start(self):
        return self(self.operator.nodes.frequency)[None, :]

    def error(self, state, t):
        """|v_h - v| / |v(0)| in L2, v at the points of a quadrature."""
        space = self.operator.space
        solution, exact = fem.Function(space), at_quadrature_points(space.mesh, self, 8)
        solution.x.array[: state.shape[1]] = state[0]
        dx, decay = ufl.dx(domain=space.mesh, metadata={"quadrature_degree": 8}), float(np.exp(-self.rate * t))
        norms = [fem.assemble_scalar(fem.form(f**2 * dx)) for f in (solution - decay * exact, exact)]
        return np.sqrt(norms[0] / norms[1])


def ball_mode(dimension, refined, degree):
    samples = waves(Grid((16,) * dimension, (EXTENT,) * dimension), [[1.0] * dimension])
    problem = Problem(Ball(R), samples, Network(width=2, sigma_a=SIGMA_A), np.array([0.0, 1.0]))
    plan = LayeredPlan(dimension, ((R, refined),), 2 * refined, degree)
    operator = LocalOperator(problem, plan, MPI.COMM_WORLD, -samples.values, accuracy=1e-9)
    wavenumber = (jnp_zeros(2, 1)[0] if dimension == 2 else 2.0815759778181) / R
    rate = Ball(R).maximum(dimension) / EXTENT**dimension * (1 + (SIGMA_A * wavenumber) ** 2)
    return BallMode(operator, wavenumber, rate)


@pytest.mark.parametrize("dimension, degree, coarse", [(2, 1, 6), (2, 2, 4), (2, 3, 3), (3, 1, 3), (3, 2, 2)])
def test_order_on_balls(dimension, degree, coarse):
    errors = []
    for refined in (coarse, 2 * coarse):
        exact = ball_mode(dimension, refined, degree)
        errors.append(exact.error(evolved(exact), 1 / exact.rate))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.2)


@pytest.mark.parametrize("theta, order", [(1.0, 1), (0.5, 2)])
def test_order_in_time(theta, order):
    exact = mode(1, 24, 6)
    end, errors = 2 / exact.rate, []
    for steps in (20, 40):
        record = IntegrationRecord()
        (state,) = ThetaMethod(theta, end / steps).evolve(exact.operator, exact.start(), np.array([0.0, end]), record)
        assert record.steps == steps
        errors.append(exact.error(state, end))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_shift_and_invert_over_five_decades():
    """Output times over five decades are split into groups, and each group is right."""
    exact = mode(1, 24, 6)
    times = np.concatenate([[0.0], np.geomspace(1e-4, 10, 11)]) / exact.rate
    integrator = ShiftInvertIntegrator(1e-8, fastest=100 * exact.rate)
    assert [len(group) for group in integrator.groups(times[1:])] == [9, 2]
    states = list(integrator.evolve(exact.operator, exact.start(), times, IntegrationRecord()))
    assert max(exact.error(state, t) for state, t in zip(states, times[1:], strict=True)) < 1e-7


def test_symmetry_and_semidefiniteness():
    exact = mode(2, 4, 2)
    size = exact.start().shape[1]
    dense = np.array([exact.operator.apply(e) for e in np.eye(size)])
    np.testing.assert_allclose(dense, dense.T, atol=1e-14)
    assert np.linalg.eigvalsh(dense)[0] >= -1e-14
    constant = np.ones(size)  # its gradient is 0: only the damping acts on it
    np.testing.assert_allclose(
        exact.operator.apply(constant), (2 * R * EXTENT) ** -2 * exact.operator.mass(constant), atol=1e-14
    )
