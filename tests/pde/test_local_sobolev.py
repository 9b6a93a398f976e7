"""The local operator under Sobolev losses, dv/dt = -(A p v) / prod extent with p = (1 + |xi|^2)^s: against exact
solutions, a spectral method, and the data operator."""

from mpi4py import MPI  # isort: skip

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from numpy.polynomial import legendre

from freqbias import nn, pde
from freqbias.meshes import BoxPlan
from freqbias.numerics import Grid
from freqbias.pde import IntegrationRecord, LocalOperator, ShiftInvertIntegrator
from freqbias.problem import Gaussian, Mesh, Network, Pde, Problem, Rates, SobolevLoss, Uniform, waves
from tests import oracle

R, SIGMA_A, EXTENT = 3.0, 0.4, 1.3
FROZEN = Rates(frequencies=0.0)


def problem_of(grid, density, order, times, *, sigma_a=0.5, rates=None, window=0.1, nu=3.0):
    """Waves that vanish at the edge of the box."""
    samples = waves(grid, [[nu] * grid.dimension], window=window)
    rates = {} if rates is None else {"rates": rates}
    network = Network(width=2, sigma_a=sigma_a)
    return Problem(density, samples, network, np.array(times), loss=SobolevLoss(grid, order), **rates)


@pytest.mark.parametrize("order", [-1.0, 0.5, 1.0])
@pytest.mark.parametrize("grid", [Grid((64,), (1.0,)), Grid((40, 32), (1.0, 0.8))])
@pytest.mark.parametrize("integrator", ["lanczos", "adaptive", "crank-nicolson"])
def test_without_diffusion_each_frequency_decays_on_its_own(grid, order, integrator):
    """v = v(0) exp(-p rho_w t / prod extent)."""
    law = Gaussian(2.0)
    problem = problem_of(grid, law, order, [0.0, 3.0, 100.0], rates=FROZEN)
    spectrum = pde.solve(problem, Pde(operator="local", degree=4, tolerance=1e-3, integrator=integrator))
    xi = spectrum.frequency
    rate = (1 + (xi**2).sum(axis=1)) ** order * law.density(xi) / np.prod(grid.extent)
    exact = spectrum.error[0, 0] * np.exp(-rate * problem.times[:, None])
    assert np.linalg.norm(spectrum.error[:, 0] - exact, axis=1).max() < 1e-3 * np.linalg.norm(exact[0])
    assert np.linalg.norm(exact[2] - exact[0]) > 0.1 * np.linalg.norm(exact[0]), "something is learnt"
    assert spectrum.attributes["error_estimate"] < 1e-3


def spectral_flow(order, time, at, modes=70):
    """w(t) = p v(t) for a constant rho_w on [-R, R], by Legendre polynomials: with M_ij = integral of P_i P_j / p,
    M dw/dt = -rho (w, y) - rho sigma_a^2 (w', y')."""
    t, weight = legendre.leggauss(4 * modes)
    p = (1 + (R * t) ** 2) ** order
    values = legendre.legvander(t, modes - 1)
    slopes = np.stack([legendre.legval(t, legendre.legder(row)) for row in np.eye(modes)], axis=1) / R
    mass = values.T @ ((weight * R / p)[:, None] * values)
    rho = 1 / (2 * R)
    stiffness = rho * R / EXTENT * (values.T * weight @ values + SIGMA_A**2 * (slopes.T * weight) @ slopes)
    right = values.T @ (weight * R / p * start(R * t))
    w = scipy.linalg.expm(-time * np.linalg.solve(mass, stiffness)) @ np.linalg.solve(mass, right)
    return legendre.legval(at / R, w)


def start(xi):
    """w(0), with w' = 0 at the edges, so that there are no boundary layers."""
    return np.cos(np.pi * (xi + R) / R) + 0.5 * np.cos(2.5 * np.pi * (xi + R) / R)


@pytest.mark.parametrize("order", [-1.0, 0.5, 1.0])
@pytest.mark.parametrize("degree, cells", [(1, 48), (2, 24), (3, 24), (4, 20)])
def test_order_in_space(order, degree, cells):
    """Two-sided: a lower order is an error of the equation, a higher one an error of the test."""
    grid, errors = Grid((64,), (EXTENT,)), []
    problem = problem_of(grid, Uniform(R), order, [0.0, 3.0], sigma_a=SIGMA_A)
    for count in (cells, 2 * cells):
        plan = BoxPlan.uniform((R,), (count,), degree)
        operator = LocalOperator(problem, plan, MPI.COMM_WORLD, -problem.samples.values, accuracy=1e-10)
        xi, fine = operator.nodes.frequency[:, 0], np.linspace(-R, R, 2000)
        (state,) = ShiftInvertIntegrator(1e-12, 10.0).evolve(
            operator, start(xi)[None], problem.times, IntegrationRecord()
        )
        found, exact = interpolate(xi, state[0], fine, degree, count), spectral_flow(order, 3.0, fine)
        errors.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
        operator.destroy()
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.15)


def interpolate(xi, w, at, degree, count):
    """The finite-element function with these values at its nodes, by the polynomial of each cell."""
    order, result = np.argsort(xi), np.empty(len(at))
    xi, w = xi[order], w[order]
    for cell in range(count):
        nodes = slice(cell * degree, (cell + 1) * degree + 1)
        inside = (at >= xi[nodes][0] - 1e-12) & (at <= xi[nodes][-1] + 1e-12)
        center, half = xi[nodes].mean(), np.ptp(xi[nodes]) / 2
        coefficients = legendre.legfit((xi[nodes] - center) / half, w[nodes], degree)
        result[inside] = legendre.legval((at[inside] - center) / half, coefficients)
    return result


@pytest.mark.parametrize("order", [-1.0, -0.5, 0.5, 1.0])
@pytest.mark.parametrize("sigma_a", [0.0, 0.5])
def test_local_against_data_operator(order, sigma_a):
    """They agree for a target that vanishes at the edge of the box. s < 0 spreads the error by about 1/(2 pi)."""
    grid = Grid((96,), (3.0,))
    problem = problem_of(grid, Gaussian(2.0), order, [0.0, 5.0, 50.0], sigma_a=sigma_a, window=0.15)
    local, data = (pde.solve(problem, Pde(operator=name, degree=4, tolerance=1e-4)) for name in ("local", "data"))
    xi = local.frequency
    v = np.exp(-2j * np.pi * xi @ grid.positions().T) @ data.sample_error[:, 0].T / grid.size
    apart = np.linalg.norm(local.error[:, 0] - v.T, axis=1) / np.linalg.norm(v[:, 0])
    assert apart.max() < 1e-4
    assert apart[2] < 1e-2 * np.linalg.norm(v[:, 2] - v[:, 0]) / np.linalg.norm(v[:, 0])


@pytest.mark.parametrize("order", [-1.0, 1.0])
def test_small_boxes(order):
    """The cells resolve the symbol, which varies over |xi| = 1, even where the samples would allow larger cells."""
    grid = Grid((64,), (0.05,))
    problem = problem_of(grid, Gaussian(100.0), order, [0.0, 0.1, 1.0], rates=FROZEN, window=0.005, nu=40.0)
    coarse, fine = (
        pde.solve(problem, Pde(operator="local", degree=6, tolerance=tolerance)) for tolerance in (1e-2, 1e-6)
    )
    worst = 0.0
    for found, exact in zip(coarse.error[:, 0], fine.error[:, 0], strict=True):
        values = np.interp(coarse.frequency[:, 0], fine.frequency[:, 0], exact.imag)
        worst = max(worst, np.linalg.norm(found.imag - values) / np.linalg.norm(coarse.error[0]))
    assert worst < 1e-2


def test_adaptive_meshes():
    """The estimated error is that of v, not of p v."""
    grid = Grid((64,), (1.0,))
    problem = problem_of(grid, Gaussian(2.0), 1.0, [0.0, 3.0, 30.0], rates=FROZEN)
    settings = Pde(operator="local", degree=2, tolerance=1e-3)
    spectrum = pde.solve(problem, settings, mesh=Mesh(adaptive=True))
    xi = spectrum.frequency
    rate = (1 + xi[:, 0] ** 2) * Gaussian(2.0).density(xi)
    exact = spectrum.error[0, 0] * np.exp(-rate * problem.times[:, None])
    assert np.linalg.norm(spectrum.error[:, 0] - exact, axis=1).max() < 1e-3 * np.linalg.norm(exact[0])
    assert spectrum.attributes["mesh_error"] < 1e-3


def test_the_mesh_reaches_as_far_as_the_loss_magnifies():
    """A wave of 22 cycles, beyond the mesh of the mean square, is learnt under H^2: without it the error is 1e-3."""
    samples = waves(Grid((128,), (1.0,)), [[2.0], [22.0]], window=0.08)
    problem = Problem(Gaussian(4.0), samples, Network(width=2, sigma_a=0.3), np.array([0.0, 1.0]))
    problem = replace(problem, loss=SobolevLoss(samples.sites, 2.0))
    kernel = nn.InfiniteWidthKernel(problem)
    problem = replace(problem, times=np.array([0.0, 100.0]) / kernel.largest_eigenvalue())
    exact = nn.LinearisedTraining(kernel, -samples.values, metric=problem.loss.metric).flow(problem.times)
    spectrum = pde.solve(problem, Pde(operator="local", tolerance=1e-3))
    v = oracle.spectrum(exact[:, 0], samples.sites.positions(), spectrum.frequency)
    assert np.linalg.norm(spectrum.error[-1, 0] - v[-1]) < 2e-4 * np.linalg.norm(v[0])
