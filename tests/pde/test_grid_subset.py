"""The data operator on a part of a grid against the exact NTK, with the mesh of the whole grid."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.compare.comparison import compare
from freqbias.compare.spectra import MassNorm, leakage
from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.numerics import Grid, Scattered
from freqbias.pde.integrators import fastest_rate
from freqbias.problem import ErrorHistory, Gaussian, Network, Pde, Problem, Samples, Uniform, squared_loss
from tests import oracle

SHAPES = {1: (64,), 2: (16, 12)}


def problems(density, dimension=1, *, held_out=0.5, depth=2, end=30.0):
    """A wave and noise of all frequencies on a grid, and on a part of this grid."""
    grid = Grid(SHAPES[dimension], (1.0, 0.75)[:dimension])
    rng, x = np.random.default_rng(9), grid.positions()
    values = np.sin(2 * np.pi * x.sum(axis=1) * 2.3) + rng.normal(size=(1, grid.size))
    hidden = {} if depth == 2 else {"depth": depth, "hidden_width": 8, "activation": "relu"}
    network = Network(width=50, sigma_a=1.0, **hidden)
    whole = Problem(density, Samples(grid, values), network, np.array([0, 0.003, 0.1, 1.0]) * end)
    return whole, replace(whole, samples=whole.samples.split(held_out, seed=2)[0])


def worst_error(problem, kernel, settings):
    """max_t |v - v_exact| / |v(0)| over the nodes, and the spectrum."""
    points, spectrum = problem.sites.positions(), pde.solve(problem, settings)
    v = oracle.spectrum(oracle.flow(kernel, -problem.samples.values, problem.times), points, spectrum.frequency)
    norms = np.linalg.norm(spectrum.error - v, axis=(1, 2)) / np.linalg.norm(v[0])
    assert np.linalg.norm(v[-1]) < 0.95 * np.linalg.norm(v[0])  # something was learned
    return norms.max(), spectrum


@pytest.mark.parametrize("held_out", [0.5, 0.9])
@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("sigma", [1.0, 20.0])
def test_solution_on_the_mesh_of_the_whole_grid(sigma, dimension, held_out):
    """A density inside the Nyquist box, and one that reaches far beyond, where the laws are folded."""
    whole, part = problems(Gaussian(sigma), dimension, held_out=held_out)
    plan, settings = plan_mesh(whole, Pde(tolerance=1e-3)), Pde(tolerance=1e-3)
    assert plan_mesh(part, settings) == plan
    assert plan.folded == (sigma > 10)
    kernel = oracle.dense_kernel(part.sites.positions(), oracle.gaussian(sigma), 1.0)
    assert np.linalg.eigvalsh(kernel)[-1] <= fastest_rate(part, operator="data", folded=plan.folded)
    error, spectrum = worst_error(part, kernel, settings)
    assert error <= 1e-3
    assert (np.abs(spectrum.frequency) <= whole.sites.nyquist * (1 + 1e-12)).all()
    assert "floor" not in spectrum.attributes  # folding is exact, so nothing is estimated


def test_deeper_network_on_a_part_of_a_grid():
    """The laws of relu fall slowly; folded onto the Nyquist box they are exact."""
    whole, part = problems(Gaussian(4.0), depth=3)
    assert plan_mesh(part, Pde()) == plan_mesh(whole, Pde())
    kernel = oracle.deep_kernel(part.sites.positions(), oracle.gaussian(4.0), 1.0, "relu", 3)
    error, _ = worst_error(part, kernel, Pde())
    assert error <= Pde().tolerance


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_norm_depends_on_neither_density_nor_mesh(dimension):
    """On the Nyquist box ||v(0)||^2 = mean u^2 / (N cell volume), for every density that reaches its edge."""
    for sigma in (20.0, 60.0):
        _, part = problems(Gaussian(sigma), dimension)
        spectrum = pde.solve(part, Pde(tolerance=1e-3))
        norm = MassNorm(spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree)
        expected = np.sqrt(np.mean(part.samples.values**2) * part.sites.closest_density)
        np.testing.assert_allclose(norm(spectrum.error[0]), expected, rtol=1e-3)


def test_comparison_within_the_nyquist_box():
    """A distance of 0.2, from a spectrum whose mesh is that of scattered samples, as older results have it."""
    _, part = problems(Gaussian(20.0))
    scattered = replace(part, samples=replace(part.samples, sites=Scattered(part.sites.positions())))
    error = -part.samples.values * np.exp(-part.times / part.times[-1])[:, None, None]
    history = ErrorHistory(part.times, part.sites.positions(), 1.2 * error, squared_loss(1.2 * error))
    for problem in (part, scattered):
        spectrum = pde.solve(problem, Pde(tolerance=1e-2))
        spectrum = replace(
            spectrum, error=oracle.spectrum(error, part.sites.positions(), spectrum.frequency), loss=None
        )
        found = compare(spectrum, history, part)
        np.testing.assert_array_equal(found.limit, [32.0])
        np.testing.assert_allclose(found.metrics["error_over_initial"][0], 0.2, rtol=1e-6)
        np.testing.assert_allclose(found.metrics["loss_pde"], squared_loss(error), rtol=1e-3)
    with pytest.raises(InputError, match="the loss of scattered samples"):
        compare(spectrum, history, scattered)


def test_leakage_of_a_random_part():
    """The standard deviation of v over the draws of the part, which is 0 for the whole grid."""
    whole, part = problems(Gaussian(20.0))
    assert leakage(pde.solve(whole, Pde(tolerance=1e-2))) == 0.0
    spectrum, xi = pde.solve(part, Pde(tolerance=1e-2)), np.linspace(0.5, 31, 40)[:, None]
    exact = oracle.spectrum(whole.samples.values, whole.sites.positions(), xi)
    draws = [whole.samples.split(0.5, seed)[0] for seed in range(200)]
    v = np.array([oracle.spectrum(each.values, each.sites.positions(), xi) for each in draws])
    found = [leakage(replace(spectrum, sample_error=each.values[None])) for each in draws]
    spread = np.sqrt(np.mean(np.abs(v - exact) ** 2))
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(spread, rel=0.03)


def test_local_operator_is_refused_with_a_remedy():
    _, part = problems(Gaussian(2.0))
    with pytest.raises(InputError, match=r"held_out leaves gaps .*; use operator = \"data\", or leave held_out out"):
        plan_mesh(part, Pde(operator="local"))


def test_a_jump_inside_the_mesh():
    whole, part = problems(Uniform(11.0))
    assert plan_mesh(part, Pde()) == plan_mesh(whole, Pde())
    kernel = oracle.dense_kernel(part.sites.positions(), oracle.uniform(11.0), 1.0)
    assert worst_error(part, kernel, Pde())[0] <= Pde().tolerance
