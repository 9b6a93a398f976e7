"""The law of each network against kernels of drawn networks: the distance falls as 1/sqrt(width).

Discrete frequencies are drawn without error: the kernel of a network with frozen frequencies is that of infinite width.
"""

import numpy as np
import pytest

from freqbias.nn import EmpiricalKernel
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Ball,
    Gaussian,
    Network,
    Octaves,
    Points,
    Problem,
    Rates,
    Samples,
    StudentT,
    Uniform,
    siren_density,
)
from tests import oracle

GRID, LONG = Grid((12,), (1.0,)), Grid((12,), (2.0,))
PLANE = Scattered(np.random.default_rng(0).random((12, 2)) - 0.5)
OWN = Points(2.0 * np.random.default_rng(1).normal(size=(5, 2)))
ENCODING = oracle.points(Octaves(0.5, 5).frequencies(1))
BIASED = {"biases": 2.0, "hidden": 0.5}
FROZEN = {"frequencies": 0.0}

# name: (sites, density, k, network, rates, multiples of the smallest width)
LAWS = {
    "gaussian": (GRID, Gaussian(3.0), oracle.gaussian(3.0), {}, {}),
    "uniform, rates of the layers": (GRID, Uniform(5.0), oracle.uniform(5.0), {}, {"frequencies": 0.3, "output": 2.0}),
    "ball": (PLANE, Ball(4.0), oracle.disc(4.0), {}, {}),
    "heavy tails, diagonal": (GRID, StudentT(2.0, 3.0), oracle.student_t(2.0, 3), {"diagonal": True}, {}),
    "frozen": (GRID, Gaussian(3.0), oracle.gaussian(3.0), {}, FROZEN),
    "octaves": (GRID, Octaves(0.5, 5), ENCODING, {}, {}),
    "own features": (PLANE, OWN, oracle.points(OWN.w), {}, {}),
    # omega_0 = 10.5 pi, for which uniform biases of the first layer are uniform on the circle
    "SIREN": (LONG, siren_density(10.5 * np.pi, 1), oracle.uniform(5.25), {"omega_0": 10.5 * np.pi}, {"biases": 0.5}),
}
DEEP = {
    "relu": (GRID, Gaussian(3.0), oracle.gaussian(3.0), {"depth": 3, "activation": "relu"}, {}),
    "octaves, relu, frozen": (GRID, Octaves(0.5, 5), ENCODING, {"depth": 3, "activation": "relu"}, FROZEN),
    "sine": (GRID, Uniform(3.0), oracle.uniform(3.0), {"depth": 3, "activation": "sine"}, {"hidden": 0.5}),
    "tanh, 5 layers": (GRID, Gaussian(2.0), oracle.gaussian(2.0), {"depth": 5, "activation": "tanh"}, {}),
    "sine, biases": (GRID, Uniform(3.0), oracle.uniform(3.0), {"depth": 4, "activation": "sine", "bias": 1.2}, BIASED),
    "SIREN, 4 layers": (LONG, siren_density(2 * np.pi, 1), oracle.uniform(1), {"omega_0": 2 * np.pi, "depth": 4}, {}),
    "relu, 8 layers": (GRID, Gaussian(2.0), oracle.gaussian(2.0), {"depth": 8, "activation": "relu"}, {}),
}


def distance(case, width, seed):
    """|K_width - K| / |K| in the Frobenius norm, for one drawn network."""
    sites, density, k, network, rates = case
    deep = {"hidden_width": width} if "activation" in network else {}
    sigma_a = {} if "omega_0" in network else {"sigma_a": 0.7}
    settings = Network(width=width, symmetric=False, **network, **deep, **sigma_a)
    samples = Samples(sites, np.zeros((1, sites.size)), held_out=True)
    problem = Problem(density, samples, settings, np.array([0.0, 1.0]), seed=seed, rates=Rates(**rates))
    kernel, x = EmpiricalKernel(problem), sites.positions()
    drawn = np.array([kernel.apply(row[None])[0] for row in np.eye(sites.size)])
    if settings.omega_0 is not None:
        exact = oracle.siren_kernel(x, k, width, settings.depth - 1, settings.omega_0, **rates)
    elif settings.depth > 2:
        exact = oracle.deep_kernel(x, k, 0.7, settings.activation, settings.depth, bias=settings.bias or 0.0, **rates)
    elif settings.diagonal:
        exact = oracle.diagonal_kernel(x, k, 0.7, **rates)
    else:
        exact = oracle.dense_kernel(x, k, 0.7, **rates)
    return np.linalg.norm(drawn - exact) / np.linalg.norm(exact)


def slope(case, widths, seeds):
    """d log(root mean square distance) / d log(width), and the distance at the largest width."""
    distances = [np.sqrt(np.mean([distance(case, m, seed) ** 2 for seed in range(seeds)])) for m in widths]
    return np.polyfit(np.log(widths), np.log(distances), 1)[0], distances[-1]


@pytest.mark.parametrize("name", LAWS)
def test_two_layers(name):
    power, last = slope(LAWS[name], (1000, 8000, 64000), seeds=4)
    assert power == pytest.approx(-0.5, abs=0.1)
    assert last < 0.02


@pytest.mark.parametrize("name", DEEP)
def test_hidden_layers(name):
    """Wider ones, to 64,000, are in benchmarks/drawn_kernels.py."""
    power, last = slope(DEEP[name], (150, 1000), seeds=8)
    assert power == pytest.approx(-0.5, abs=0.15)
    assert last < 0.16


@pytest.mark.parametrize("sampling", ["iid", "sobol"])
@pytest.mark.parametrize("name, width", [("octaves", 20), ("own features", 20), ("octaves", 5000)])
def test_frozen_encodings_are_exact(name, width, sampling):
    sites, density, k, _, _ = LAWS[name]
    assert distance((sites, density, k, {"sampling": sampling}, FROZEN), width, seed=3) < 1e-10
