"""The equation of networks whose groups of parameters have learning rates, against exp(-t K) of the oracle."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Pde, Problem, Rates, Samples, Uniform
from tests import oracle

FROZEN = Rates(frequencies=0.0)
MIXED = Rates(frequencies=0.4, hidden=2.0, output=0.7)
SITES = {
    "1-D": Grid((64,), (1.0,)),
    "2-D": Grid((14, 12), (1.0, 0.8)),
    "scattered": Scattered(np.random.default_rng(2).uniform(-0.5, 0.5, (60, 1))),
}
CASES = {  # sites, keys of the network, and rates
    "frozen": ("1-D", {}, FROZEN),
    "frozen, 2-D": ("2-D", {}, FROZEN),
    "frozen, scattered": ("scattered", {}, FROZEN),
    "only frequencies": ("1-D", {}, Rates(output=0.0)),
    "fast": ("2-D", {}, Rates(frequencies=30.0, output=0.2)),
    "diagonal": ("1-D", {"diagonal": True}, MIXED),
    "three layers, frozen": ("1-D", {"depth": 3, "activation": "relu"}, FROZEN),
    "three layers": ("2-D", {"depth": 3, "activation": "sine"}, MIXED),
    "only frequencies of three layers": ("1-D", {"depth": 3, "activation": "sine"}, Rates(hidden=0.0, output=0.0)),
    "four layers, frozen": ("2-D", {"depth": 4, "activation": "sine"}, FROZEN),
    "four layers": ("1-D", {"depth": 4, "activation": "relu"}, MIXED),
}


def exact(problem):
    """u(t) of the oracle's kernel, (T, C, N)."""
    network, rates, x = problem.network, problem.rates, problem.sites.positions()
    k, both = oracle.gaussian(problem.density.sigma), {"frequencies": rates.frequencies, "output": rates.output}
    if network.depth > 2:
        both |= {"hidden": rates.hidden}
        matrix = oracle.deep_kernel(x, k, network.sigma_a, network.activation, network.depth, **both)
    elif network.diagonal:
        matrix = oracle.diagonal_kernel(x, k, network.sigma_a, hidden=rates.hidden, **both)
    else:
        matrix = oracle.dense_kernel(x, k, network.sigma_a, **both)
    return oracle.flow(matrix, -problem.samples.values, problem.times)


def problem_of(case):
    place, keys, rates = CASES[case]
    sites = SITES[place]
    x = sites.positions()
    values = 0.3 + np.sin(2 * np.pi * x @ [3.0, 1.0][: x.shape[1]]) + np.cos(15 * x.sum(axis=1))
    times = np.array([0.0, 1.0, 10.0, 100.0])
    density = Gaussian({1: 5.0, 2: 2.5}[x.shape[1]])
    return Problem(density, Samples(sites, values[None]), Network(width=2, sigma_a=1.3, **keys), times, rates=rates)


@pytest.mark.parametrize("case", CASES)
def test_data_operator(case):
    """Within the tolerance, and far from the solution with all rates 1."""
    problem = problem_of(case)
    u, spectrum = exact(problem), pde.solve(problem, Pde(tolerance=1e-3))
    v = oracle.spectrum(u, problem.sites.positions(), spectrum.frequency)
    errors = np.linalg.norm(spectrum.error - v, axis=(1, 2)) / np.linalg.norm(v[0])
    assert errors.max() <= 1e-3
    other = exact(replace(problem, rates=Rates(), laws=None))
    assert np.linalg.norm(u - other, axis=(1, 2)).max() > 0.02 * np.linalg.norm(u[0])


@pytest.mark.parametrize("integrator", ["lanczos", "crank-nicolson"])
def test_local_operator_without_diffusion(integrator):
    """Frozen frequencies: v(xi, t) = exp(-r t rho_w / extent) v(xi, 0), at every node."""
    sites, rates = Grid((64,), (1.5,)), Rates(frequencies=0.0, output=0.5)
    x = sites.positions()
    values = np.sin(2 * np.pi * 3 * x.T) * np.exp(-0.5 * (x.T / 0.12) ** 2)
    problem = Problem(
        Uniform(10.0), Samples(sites, values), Network(width=2, sigma_a=1.0), np.array([0.0, 5.0, 60.0]), rates=rates
    )
    spectrum = pde.solve(problem, Pde(operator="local", integrator=integrator, tolerance=1e-4))
    start = oracle.spectrum(-values, x, spectrum.frequency)
    inside = np.abs(spectrum.frequency[:, 0]) <= 10
    decay = np.exp(-problem.times[:, None] * np.where(inside, 0.5 / 20 / 1.5, 0.0))
    error = np.abs(spectrum.error[:, 0] - decay * start) / np.abs(start).max()
    assert error.max() < 1e-4 and 0.2 < decay.min() < 0.5
