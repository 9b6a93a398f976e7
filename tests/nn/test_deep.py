"""The network with hidden layers against its definition, differentiated by torch in double."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from freqbias.nn import DeepNetwork
from freqbias.nn.deep_layout import DeepLayout
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples, initial_values

PHI = {
    "relu": lambda y: torch.clamp(y, min=0),
    "sine": torch.sin,
    "tanh": torch.tanh,
    "erf": torch.special.erf,
    "gelu": torch.nn.functional.gelu,
}
SECOND_MOMENT = {
    "relu": 0.5,
    "sine": (1 - math.exp(-2)) / 2,
    "tanh": integrate.quad(lambda y: math.tanh(y) ** 2 * stats.norm.pdf(y), -12, 12, epsabs=1e-14)[0],
    "erf": 2 / math.pi * math.asin(2 / 3),
    "gelu": integrate.quad(lambda y: (y * special.ndtr(y)) ** 2 * stats.norm.pdf(y), -12, 12, epsabs=1e-14)[0],
}
SITES = {1: Grid((9,), (1.5,)), 2: Scattered(np.random.default_rng(0).uniform(-0.5, 2.0, (8, 2)))}
CASES = [*product(PHI, (3, 4), (False, True), (1, 2), (1, 2)), *(("tanh", 5, True, 1, 1), ("sine", 8, True, 2, 2))]
BOUNDS = {"double": 1e-10, "single": 2e-5}
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")


def problem_of(
    activation: str, depth: int, symmetric: bool = False, channels: int = 1, dimension: int = 1, **network
) -> Problem:
    sites = SITES[dimension]
    values = np.random.default_rng(5).normal(size=(channels, sites.size))
    settings = {"width": 10, "hidden_width": 8, "sigma_a": 1.5} | network
    kind = Network(depth=depth, activation=activation, symmetric=symmetric, **settings)
    return Problem(Gaussian(2.0), Samples(sites, values), kind, np.array([0.0, 1.0]), seed=3)


def away_from(network: DeepNetwork) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    moved = torch.randn(network.start.shape, generator=random, dtype=torch.float64)
    return network.start + 0.3 * moved.to(network.start.device)


def one(state: torch.Tensor, problem: Problem, m: int, n: int) -> torch.Tensor:
    """f (C, N) of one network, from its definition; state: W, the V_l, c, and the biases if there are any."""
    network, (d, channels) = problem.network, (problem.dimension, problem.samples.channels)
    phi, x = PHI[network.activation], torch.tensor(problem.sites.positions()).T
    layers, beta = network.depth - 2, network.bias or 0.0
    sizes = [m * d, n * 2 * m, *[n * n] * (layers - 1), channels * n, layers * n if beta else 0]
    w, first, *later, c, biases = state.split(sizes)
    b = biases.view(layers, n, 1) if beta else torch.zeros(layers, n, 1)

    def biased(layer: int, z: torch.Tensor) -> torch.Tensor:
        return (z + beta * b[layer]) / math.sqrt(1 + beta**2)

    turns = w.view(m, d) @ x
    h = torch.cat([torch.cos(2 * math.pi * turns), torch.sin(2 * math.pi * turns)]) / math.sqrt(m)
    h = phi(biased(0, first.view(n, 2 * m) @ h)) / math.sqrt(SECOND_MOMENT[network.activation])
    for layer, matrix in enumerate(later, 1):
        h = phi(biased(layer, matrix.view(n, n) @ h / math.sqrt(n))) / math.sqrt(SECOND_MOMENT[network.activation])
    return c.view(channels, n) @ h / math.sqrt(n)


def definition(state: torch.Tensor, problem: Problem) -> torch.Tensor:
    network = problem.network
    if not network.symmetric:
        return one(state, problem, network.width, network.hidden_width)
    m, n = network.width // 2, network.hidden_width // 2
    layers = network.depth - 2
    sizes = [m * problem.dimension, n * 2 * m, *[n * n] * (layers - 1), problem.samples.channels * n]
    sizes += [layers * n] if network.bias else []
    halves = [part.view(2, -1) for part in state.split([2 * size for size in sizes])]
    plus, minus = (one(torch.cat([part[half] for part in halves]), problem, m, n) for half in (0, 1))
    return (plus - minus) / math.sqrt(2)


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference over the largest value."""
    assert found.shape == expected.shape and found.dtype == torch.float64
    return float((found.cpu() - expected).abs().max() / expected.abs().max())


def assert_equal_to_definition(problem: Problem, network: DeepNetwork, bound: float) -> None:
    state = away_from(network)
    flat = state.cpu()
    jacobian = torch.autograd.functional.jacobian(lambda s: definition(s, problem).ravel(), flat)
    f, target = definition(flat, problem), torch.from_numpy(problem.samples.values)
    error, derivative = network.error_and_negative_gradient(state)
    assert distance(error, f - target) < bound
    assert distance(derivative, -jacobian.T @ (f - target).ravel() / target.shape[1]) < bound
    change = torch.sin(torch.arange(len(flat), dtype=torch.float64))
    assert distance(network.jvp(state, change.to(state.device)).ravel(), jacobian @ change) < bound
    assert distance(network.kernel_matrix(state).double(), jacobian @ jacobian.T) < bound


@pytest.mark.parametrize("activation, depth, symmetric, channels, dimension", CASES)
def test_derivatives_equal_autograd(activation, depth, symmetric, channels, dimension):
    problem = problem_of(activation, depth, symmetric, channels, dimension)
    assert_equal_to_definition(problem, DeepNetwork(problem, precision="double"), BOUNDS["double"])


@pytest.mark.parametrize("activation, depth, symmetric", [("relu", 3, False), ("sine", 4, True), ("gelu", 5, True)])
def test_biases(activation, depth, symmetric):
    problem = problem_of(activation, depth, symmetric, 2, 2, bias=1.3)
    network = DeepNetwork(problem, precision="double")
    assert_equal_to_definition(problem, network, BOUNDS["double"])
    np.testing.assert_allclose(
        network.kernel_diagonal_at(network.start, problem.sites).ravel(),
        network.kernel_matrix(network.start).diagonal(), rtol=1e-10,
    )  # fmt: skip
    start = 0.0 if symmetric else definition(network.start, problem).numpy()
    np.testing.assert_allclose(initial_values(problem), start, atol=1e-12)


@pytest.mark.parametrize("activation", PHI)
def test_single_precision_rounding(activation):
    problem = problem_of(activation, 4, True, 2, 2)
    network = DeepNetwork(problem, precision="single")
    assert network.start.dtype == torch.float64
    assert_equal_to_definition(problem, network, BOUNDS["single"])


@pytest.mark.cuda
@CUDA
@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("activation, depth, symmetric, channels, dimension", CASES[::9])
def test_derivatives_on_a_gpu(activation, depth, symmetric, channels, dimension, precision):
    problem = problem_of(activation, depth, symmetric, channels, dimension)
    assert_equal_to_definition(problem, DeepNetwork(problem, precision=precision, device="cuda"), BOUNDS[precision])


@pytest.mark.parametrize("by_matrix", [True, False])
@pytest.mark.parametrize("precision", BOUNDS)
def test_kernel_product_by_matrix(monkeypatch, by_matrix, precision):
    problem = problem_of("tanh", 4, True, 2, 1)
    network = DeepNetwork(problem, precision=precision)
    state = away_from(network)
    jacobian = torch.autograd.functional.jacobian(lambda s: definition(s, problem).ravel(), state)
    values = torch.randn(18, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    monkeypatch.setattr(DeepLayout, "matrix_is_cheaper", lambda self, samples: by_matrix)
    kernel = network.kernel_at(state)
    network.error_and_negative_gradient(network.start)  # the kernel must stay that of its state
    expected = jacobian @ (jacobian.T @ values) / 9
    assert distance(torch.from_numpy(kernel(values.numpy())), expected) < BOUNDS[precision]


@pytest.mark.parametrize("precision", BOUNDS)
def test_symmetric_network_starts_at_0(precision):
    problem = problem_of("gelu", 4, True, 2, 2, width=100, hidden_width=60)
    network = DeepNetwork(problem, precision=precision)
    assert not network.values(network.start).any()
    assert torch.equal(network.error_and_negative_gradient(network.start)[0], -torch.from_numpy(problem.samples.values))
    assert not initial_values(problem).any()


@pytest.mark.parametrize("activation", PHI)
def test_initial_values_of_the_equation(monkeypatch, activation):
    monkeypatch.setattr("freqbias.problem.initial_network.CHUNK", 30)  # several chunks of samples
    problem = problem_of(activation, 4, False, 2, 2)
    network = DeepNetwork(problem, precision="double")
    assert distance(torch.from_numpy(initial_values(problem)), network.values(network.start)) < 1e-12


def test_values_at_other_positions(monkeypatch):
    monkeypatch.setattr("freqbias.nn.unsharded.CHUNK", 50)
    problem = problem_of("sine", 3, True, 2, 2)
    points = np.random.default_rng(1).uniform(-1, 1, (11, 2))
    apart = Samples(Scattered(points), np.stack([points[:, 0], points[:, 1]]))
    there = Problem(Gaussian(2.0), apart, problem.network, problem.times, seed=3)
    network = DeepNetwork(problem)
    state = away_from(network)
    assert distance(torch.from_numpy(network.values_at(state, apart.sites)), definition(state, there)) < 1e-12


def test_non_finite_weights_are_refused():
    network = DeepNetwork(problem_of("relu", 3))
    for place in (0, 12):  # a frequency, a hidden weight
        state = network.start.clone()
        state[place] = math.nan
        with pytest.raises(FloatingPointError, match="NaN"):
            network.values(state)
