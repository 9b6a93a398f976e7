"""The equation for discrete laws against the exact kernel of the oracle: positional encodings and own features."""

from mpi4py import MPI  # isort: skip
from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.numerics import Grid, Positions, Scattered
from freqbias.pde.point_operator import PointOperator
from freqbias.problem import Mesh, Network, Octaves, Pde, Points, Problem, Rates, Samples
from tests import oracle

RNG = np.random.default_rng(1)
SITES = {
    "grid": (Grid((40,), (1.0,)), Octaves(0.5, 6)),
    "aliased": (Grid((12, 10), (1.0, 1.5)), Octaves(0.5, 6, "all")),
    "scattered": (Scattered(RNG.random((60, 2)) - 0.5), Points(3 * RNG.normal(size=(9, 2)))),
    "volume": (Grid((5, 4, 3), (1.0, 1.0, 1.0)), Octaves(0.5, 2)),
}


def of(name, *, sigma_a=0.6, rates=None, **network):
    sites, density = SITES[name]
    samples = Samples(sites, np.random.default_rng(2).normal(size=(2, sites.size)))
    width = 2 * len(density.frequencies(sites.dimension))
    network = Network(width=width, sigma_a=sigma_a, **network)
    return Problem(density, samples, network, np.array([0.0, 1.0, 30.0, 1000.0]), rates=rates or Rates())


def exact(problem, **rates):
    x = problem.sites.positions()
    k = oracle.points(problem.density.frequencies(problem.dimension))
    network = problem.network
    if network.depth == 2:
        return oracle.dense_kernel(x, k, network.sigma_a, **rates)
    return oracle.deep_kernel(x, k, network.sigma_a, network.activation, network.depth, **rates)


@pytest.mark.parametrize("name", SITES)
def test_operator_is_exact(name):
    problem = of(name)
    operator = PointOperator(problem, plan_mesh(problem), MPI.COMM_WORLD, -problem.samples.values, accuracy=1e-14)
    u = problem.samples.values[0]
    expected = exact(problem) @ u
    atol = (1e-10 if name == "scattered" else 1e-12) * np.abs(expected).max()
    np.testing.assert_allclose(operator.apply(u), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("rates", [{}, {"frequencies": 0.0}, {"output": 0.5, "frequencies": 2.0}])
@pytest.mark.parametrize("name", SITES)
def test_flow(name, rates):
    problem = of(name, rates=Rates(**rates))
    spectrum = pde.solve(problem, Pde(tolerance=1e-6))
    u = oracle.flow(exact(problem, **rates), -problem.samples.values, problem.times)
    np.testing.assert_allclose(spectrum.sample_error, u, rtol=0, atol=1e-6 * np.abs(u[0]).max())
    v = oracle.spectrum(u, problem.sites.positions(), spectrum.frequency)
    assert np.linalg.norm(spectrum.error - v, axis=(1, 2)).max() <= 1e-6 * np.linalg.norm(v[0])


@pytest.mark.parametrize("activation", ["relu", "sine"])
@pytest.mark.parametrize("rates", [{}, {"frequencies": 0.0}])
@pytest.mark.parametrize("name", ["grid", "aliased"])
def test_deep_networks_on_grids(name, activation, rates):
    problem = of(name, depth=3, hidden_width=4, activation=activation, rates=Rates(**rates))
    spectrum = pde.solve(problem, Pde(tolerance=1e-6))
    u = oracle.flow(exact(problem, **rates), -problem.samples.values, problem.times)
    np.testing.assert_allclose(spectrum.sample_error, u, rtol=0, atol=1e-6 * np.abs(u[0]).max())


def test_prediction_at_other_positions():
    problem = replace(of("scattered"), predict_at=Positions(np.array([[0.1, 0.2], [-0.3, 0.45]])))
    spectrum = pde.solve(problem, Pde(tolerance=1e-6))
    x, y = problem.sites.positions(), problem.predict_at.positions()
    k, variance = oracle.points(problem.density.frequencies(2)), problem.network.sigma_a**2
    rows = (1 + 4 * np.pi**2 * variance * y @ x.T) * k(y[:, None] - x) / len(x)
    eigenvalues, vectors = np.linalg.eigh(exact(problem))
    for t, found in zip(problem.times, spectrum.prediction, strict=True):
        decays = -np.expm1(-t * eigenvalues) / np.where(np.abs(eigenvalues) < 1e-14, np.inf, eigenvalues)
        integral = (-problem.samples.values @ vectors) * (decays + t * (np.abs(eigenvalues) < 1e-14)) @ vectors.T
        np.testing.assert_allclose(found, -integral @ rows.T, rtol=0, atol=1e-4)


def test_the_mesh_does_not_matter():
    problem = of("grid")
    coarse = pde.solve(problem, Pde(tolerance=1e-6), mesh=Mesh(half_width=3.0, size=1.0))
    fine = pde.solve(problem, Pde(tolerance=1e-6))
    np.testing.assert_array_equal(coarse.sample_error, fine.sample_error)


def test_refused():
    with pytest.raises(InputError, match=r'operator = "local": .*point masses.*use operator = "data"'):
        pde.solve(of("grid"), Pde(operator="local"))
    with pytest.raises(InputError, match=r"depth = 3: .*on one grid.*`freqbias ntk`"):
        pde.solve(of("scattered", depth=3, hidden_width=4), Pde())
