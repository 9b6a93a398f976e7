"""The equation of SIREN, against exp(-t K) of the kernel by the oracle, and trainings of wide SIRENs."""

import numpy as np
import pytest

from freqbias import nn, pde
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Network, Octaves, Pde, Problem, Rates, Samples, Training, siren_density
from tests import oracle
from tests.pde.test_deep import target, towards_the_ends

OMEGA_0 = 12.0
SITES = {
    "line": Grid((60,), (2.0,)),
    "square": Grid((14, 13), (2.0, 1.8)),
    "scattered": Scattered(towards_the_ends(50, 1) * 2),
}
RATES = {"frequencies": 0.4, "hidden": 1.5, "output": 0.7, "biases": 3.0}


def problem_of(sites, depth, *, rates=None, width=4000, left=0.15, octaves=None):
    """The problem until |u| has fallen to `left` of its start, and the exact u, (T, C, N)."""
    network, x = Network(width=width, depth=depth, omega_0=OMEGA_0, symmetric=True), sites.positions()
    density = octaves or siren_density(OMEGA_0, sites.dimension)
    k = oracle.points(octaves.frequencies(sites.dimension)) if octaves else oracle.uniform(density.radius)
    matrix = oracle.siren_kernel(x, k, width // 2, depth - 1, OMEGA_0, **(rates or {}))
    values = target(x / 2, 0.3)
    eigenvalues, vectors = np.linalg.eigh(matrix)
    parts = np.linalg.norm(values @ vectors, axis=0) / np.linalg.norm(values)
    ends = np.geomspace(1e-6, 10, 100)
    remaining = np.linalg.norm(parts * np.exp(-np.clip(eigenvalues, 0, None) * ends[:, None]), axis=1)
    end = ends[np.searchsorted(-remaining, -left)]
    times = np.array([0.0, 0.01, 0.1, 0.5, 1.0]) * end
    problem = Problem(density, Samples(sites, values), network, times, rates=Rates(**(rates or {})))
    return problem, oracle.flow(matrix, -values, times)


@pytest.mark.parametrize(
    "sites, depth, rates",
    [
        ("line", 2, None),
        ("line", 2, {"frequencies": 0.4, "biases": 3.0}),
        ("line", 4, None),
        ("line", 4, RATES),
        ("square", 3, RATES),
        ("scattered", 5, None),
    ],
)
def test_equation(sites, depth, rates):
    problem, exact = problem_of(SITES[sites], depth, rates=rates)
    spectrum = pde.solve(problem, Pde(tolerance=1e-3))
    v = oracle.spectrum(exact, problem.sites.positions(), spectrum.frequency)
    assert np.linalg.norm(spectrum.error - v, axis=(1, 2)).max() <= 1e-3 * np.linalg.norm(v[0])
    assert np.linalg.norm(exact[-1]) < 0.2 * np.linalg.norm(exact[0])


@pytest.mark.parametrize("depth, left", [(2, 0.9), (3, 0.15)])
def test_octaves_in_the_first_layer(depth, left):
    problem, exact = problem_of(SITES["line"], depth, octaves=Octaves(0.4, 4), left=left)
    found = pde.solve(problem, Pde(tolerance=1e-6)).sample_error
    assert np.linalg.norm(found - exact, axis=(1, 2)).max() <= 1e-6 * np.linalg.norm(exact[0])


def test_training_of_a_wide_network():
    """The distance to the equation, while the features hardly change, is that of a random draw."""
    problem, exact = problem_of(SITES["line"], 2, width=5_000, left=0.3)
    history = nn.train(problem, Training(precision="double"))
    distances = np.linalg.norm(history.error - exact, axis=(1, 2)) / np.linalg.norm(exact[0])
    assert distances[0] < 1e-12 < distances[-1] < 0.04
