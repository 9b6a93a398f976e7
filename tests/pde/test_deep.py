"""The equation of networks with hidden layers, against exp(-t K) of the infinite-width kernel."""

import logging
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from freqbias import pde
from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.numerics import Grid, Scattered
from freqbias.pde.kernel_defect import integrated_defects
from freqbias.problem import Ball, Gaussian, Mesh, Network, Pde, Problem, Samples, Uniform, deep_laws
from tests import oracle
from tests.pde.test_scattered import towards_the_ends, two_clusters

KERNELS = {
    Gaussian: lambda law: oracle.gaussian(law.sigma),
    Uniform: lambda law: oracle.uniform(law.radius),
    Ball: lambda law: oracle.disc(law.radius),
}
FRACTIONS = np.array([0.0, 0.003, 0.1, 0.5, 1.0])  # of the time at which the error has fallen


def make_network(activation, depth, sigma_a):
    return Network(width=2, sigma_a=sigma_a, depth=depth, hidden_width=2, activation=activation)


def matrix_of(density, network, positions):
    k = KERNELS[type(density)](density)
    return oracle.deep_kernel(
        positions, k, network.sigma_a, network.activation, network.depth, bias=network.bias or 0.0
    )


def target(positions, window):
    """Waves plus an offset, which the atom acts on."""
    waves = 0.5 + np.sin(2 * np.pi * positions @ [2.0, 1.0][: positions.shape[1]]) + np.cos(15 * positions.sum(axis=1))
    return waves[None] * (np.exp(-(positions**2).sum(axis=1) / (2 * window**2)) if window else 1.0)


def problem_of(density, network, sites, values, left=0.15, latest=1e5):
    """The problem up to the time when |u| / |f*| has fallen to `left`, or to `latest`."""
    eigenvalues, vectors = np.linalg.eigh(matrix_of(density, network, sites.positions()))
    parts = np.linalg.norm(values @ vectors, axis=0) / np.linalg.norm(values)
    ends = np.geomspace(1, latest, 100)
    remaining = np.linalg.norm(parts * np.exp(-np.clip(eigenvalues, 0, None) * ends[:, None]), axis=1)
    end = ends[min(np.searchsorted(-remaining, -left), len(ends) - 1)]
    return Problem(density, Samples(sites, values), network, FRACTIONS * end)


def exact(problem):
    """u(t) by the oracle, (T, C, N)."""
    matrix = matrix_of(problem.density, problem.network, problem.sites.positions())
    return oracle.flow(matrix, -problem.samples.values, problem.times)


def worst_error(problem, spectrum):
    """max_t |v - v_exact| / |v(0)| over the nodes, and the remaining error |u(T)| / |u(0)|."""
    u = exact(problem)
    v = oracle.spectrum(u, problem.sites.positions(), spectrum.frequency)
    errors = np.linalg.norm(spectrum.error - v, axis=(1, 2)) / np.linalg.norm(v[0])
    return errors.max(), np.linalg.norm(u[-1]) / np.linalg.norm(u[0])


GRIDS = {1: Grid((80,), (1.0,)), 2: Grid((16, 15), (1.0, 0.9))}
DENSITIES = {1: Gaussian(8.0), 2: Gaussian(3.0)}


@cache
def laws_of(dimension, activation, depth):
    return deep_laws(DENSITIES[dimension], make_network(activation, depth, 1.0), dimension)


def on_a_grid(dimension, activation, depth, window):
    sites, network = GRIDS[dimension], make_network(activation, depth, 1.0)
    problem = problem_of(DENSITIES[dimension], network, sites, target(sites.positions(), window))
    return replace(problem, laws=laws_of(dimension, activation, depth))


@pytest.mark.parametrize("window", [0.2, None], ids=["windowed", "to the edge"])
@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("activation", ["relu", "sine", "tanh"])
@pytest.mark.parametrize("dimension", [1, 2])
def test_on_grids(dimension, activation, depth, window):
    problem = on_a_grid(dimension, activation, depth, window)
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=1e-3)))
    assert left < 0.2
    assert error <= 1e-3


@pytest.mark.parametrize(("activation", "depth", "bias"), [("sine", 3, 0.7), ("relu", 4, 1.5)])
def test_biases(activation, depth, bias):
    """They leave an atom at 0 even for odd activations."""
    network = Network(width=2, sigma_a=1.0, depth=depth, hidden_width=2, activation=activation, bias=bias)
    sites = GRIDS[1]
    problem = problem_of(DENSITIES[1], network, sites, target(sites.positions(), None))
    assert problem.laws.atom > 0.01
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=1e-3)))
    assert left < 0.2
    assert error <= 1e-3


@pytest.mark.parametrize(("activation", "depth"), [("relu", 8), ("gelu", 6)])
def test_many_layers(activation, depth):
    problem = on_a_grid(1, activation, depth, None)
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=1e-3)))
    assert left < 0.2
    assert error <= 1e-3


@pytest.mark.parametrize("dimension", [1, 2])
def test_atom_is_needed(dimension):
    problem = on_a_grid(dimension, "relu", 3, None)
    assert problem.laws.atom == pytest.approx(1 / np.pi)
    without = replace(problem, laws=replace(problem.laws, atom=0.0))
    error, _ = worst_error(problem, pde.solve(without, Pde(tolerance=1e-3)))
    assert error > 1e-2


@pytest.mark.parametrize("density, sites", [(Uniform(5.0), GRIDS[1]), (Ball(2.5), GRIDS[2])], ids=["interval", "disc"])
def test_edges_inside_the_box(density, sites):
    """At late times, ringing at the edges would learn frequencies outside them, which are hardly learnt at all."""
    noise = np.random.default_rng(4).normal(size=(1, sites.size))
    problem = problem_of(density, make_network("sine", 3, 1.0), sites, noise, latest=1e4)
    spectrum = pde.solve(problem, Pde(tolerance=1e-4))
    assert spectrum.attributes["folded"]
    error, left = worst_error(problem, spectrum)
    assert left < 0.8
    assert error <= 1e-4


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_narrow_peak(sigma):
    """Most of the kernel lies at xi = 0, far from the target's frequencies, and its errors add up over a long time."""
    network, noise = make_network("relu", 3, 1.0), np.random.default_rng(4).normal(size=(1, 80))
    problem = Problem(Gaussian(sigma), Samples(GRIDS[1], noise), network, np.array([0.0, 20.0, 400.0]))
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=1e-3)))
    assert left > 0.5
    assert error <= 1e-3


def test_two_channels():
    problem = on_a_grid(1, "relu", 3, None)
    noise = np.random.default_rng(4).normal(size=(1, problem.sites.size))
    both = replace(problem, samples=Samples(problem.sites, np.concatenate([problem.samples.values, 10 * noise])))
    spectrum = pde.solve(both, Pde(tolerance=1e-3))
    v = oracle.spectrum(exact(both), problem.sites.positions(), spectrum.frequency)
    assert (np.linalg.norm(spectrum.error - v, axis=2) <= 1e-3 * np.linalg.norm(v[0], axis=1)).all()


def samples_at(place, count, dimension):
    points = place(count, dimension)
    noise = 0.3 * np.random.default_rng(3).normal(size=count)
    return Scattered(points), target(points, None) + noise


@pytest.mark.parametrize("place", [two_clusters, towards_the_ends], ids=lambda place: place.__name__)
@pytest.mark.parametrize("dimension, sigma, activation", [(1, 4.0, "relu"), (1, 15.0, "tanh"), (2, 1.0, "sine")])
def test_scattered(dimension, sigma, activation, place):
    network = make_network(activation, 3, 1.0)
    problem = problem_of(Gaussian(sigma), network, *samples_at(place, 100, dimension), left=0.3)
    spectrum = pde.solve(problem, Pde(tolerance=1e-3))
    error, left = worst_error(problem, spectrum)
    assert left < 0.5
    assert error <= 1e-3
    assert spectrum.attributes["floor"] < 1e-3


@pytest.mark.parametrize("dimension, half_width", [(1, 120.0), (2, 12.0)])
def test_floor_on_scattered_samples(dimension, half_width, caplog):
    """The floor bounds the error. It may be ten times larger, since the flow damps the defects that it adds up."""
    sites, values = samples_at(two_clusters, 120, dimension)
    problem = problem_of(Gaussian({1: 4.0, 2: 1.0}[dimension]), make_network("relu", 3, 1.0), sites, values, left=0.3)
    with caplog.at_level(logging.WARNING, "freqbias"):
        spectrum = pde.solve(problem, Pde(tolerance=1e-4), mesh=Mesh(half_width=half_width))
    error, _ = worst_error(problem, spectrum)
    assert 1e-4 < error < 1.2 * spectrum.attributes["floor"] < 10 * error
    assert "larger [mesh] half_width" in caplog.text


def test_floor_for_a_given_half_width(caplog):
    problem = on_a_grid(1, "relu", 3, None)
    with caplog.at_level(logging.WARNING, "freqbias"):
        spectrum = pde.solve(problem, Pde(tolerance=1e-3), mesh=Mesh(half_width=24.0))
    error, _ = worst_error(problem, spectrum)
    assert 1e-3 < error < 1.2 * spectrum.attributes["floor"] < 10 * error
    assert "larger [mesh] half_width" in caplog.text


def test_floor_from_few_probes(monkeypatch):
    sites, values = samples_at(towards_the_ends, 120, 1)
    problem = problem_of(Gaussian(4.0), make_network("relu", 3, 1.0), sites, values, left=0.3)
    floors = []
    for probes in (120, 20):
        monkeypatch.setattr("freqbias.pde.kernel_defect.PROBES", probes)
        spectrum = pde.solve(problem, Pde(tolerance=1e-4), mesh=Mesh(half_width=60.0))
        floors.append(spectrum.attributes["floor"])
    assert floors[1] == pytest.approx(floors[0], rel=0.5)  # not smaller by the root of six


def test_integral_of_exponential_defects():
    times = np.array([0.0, 0.5, 2.0, 7.0])
    assert integrated_defects(times, 3 * np.exp(-0.8 * times))[-1] == pytest.approx(
        3 / 0.8 * (1 - np.exp(-5.6)), rel=1e-12
    )
    assert integrated_defects(times, np.array([1.0, 0.0, 0.0, 2.0]))[-1] == pytest.approx(0.25 + 5.0)
    assert integrated_defects(times, np.ones(4))[-1] == pytest.approx(7.0)


def test_local_operator_odd_activation():
    sites = Grid((128,), (1.0,))
    values = target(sites.positions(), 0.08)
    problem = problem_of(Gaussian(6.0), make_network("sine", 3, 1.0), sites, values)
    spectrum = pde.solve(problem, Pde(operator="local", tolerance=1e-3))
    error, left = worst_error(problem, spectrum)
    assert left < 0.2
    assert error <= 1e-3
    assert spectrum.attributes["outside"] < 1e-3


def test_local_operator_refuses_relu():
    with pytest.raises(InputError, match=r'atom of 0.318 .* use operator = "data", or an odd \[network\] activation'):
        plan_mesh(on_a_grid(1, "relu", 3, 0.2), Pde(operator="local"))
