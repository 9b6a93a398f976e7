"""The fast sums and the hand-written gradient flow against the dense sum, differentiated by torch in double."""

import math
from functools import cache

import numpy as np
import pytest
import torch

from freqbias.nn import FourierNetwork
from freqbias.nn.dense import DenseTransforms
from freqbias.nn.nufft import NufftTransforms
from freqbias.nn.separable import SeparableTransforms
from freqbias.nn.trainable import loss
from freqbias.numerics import Grid, Scattered, Sites
from freqbias.problem import Gaussian, Network, Problem, Samples

GRIDS = [
    Grid((32,), (0.4,)),
    Grid((33,), (2.5,)),
    Grid((12, 11), (1.0, 2.5)),
    Grid((9, 16), (0.4, 1.0)),
    Grid((6, 5, 8), (1.0, 0.4, 2.5)),
    Grid((5, 7, 3), (1.0, 1.0, 1.0)),
]


def scattered(count: int, dimension: int, centre: float) -> Scattered:
    """Denser at one end, with two coinciding samples; extents of about 1, 2 and 0.5, around 0 or far from it."""
    points = (np.random.default_rng(1).beta(0.5, 2.0, (count, dimension)) - 0.5) * [1.0, 2.0, 0.5][:dimension]
    points[7] = points[3]
    return Scattered(points + centre)


SCATTERED = [scattered(60, 1, 0.0), scattered(60, 1, 300.0), scattered(101, 2, -20.0), scattered(80, 3, 0.3)]
BACKENDS = {
    "nufft": lambda sites, precision: NufftTransforms(sites, precision=precision),
    "nufft, three threads": lambda sites, precision: NufftTransforms(sites, precision=precision, threads=3),
    "dense": lambda sites, precision: DenseTransforms(sites, precision=precision),
    "dense, in chunks": lambda sites, precision: DenseTransforms(sites, precision=precision, chunk=1000),
    "separable": lambda grid, precision: SeparableTransforms(grid, precision=precision),
    "separable, in chunks": lambda grid, precision: SeparableTransforms(grid, precision=precision, chunk=3000),
}
BOUNDS = {"double": 1e-9, "single": 1e-4}


def problem_on(sites: Sites, *, channels: int = 2, symmetric: bool = False, width: int = 40) -> Problem:
    values = np.random.default_rng(5).normal(size=(channels, sites.size))
    network = Network(width=width, sigma_a=1.5, symmetric=symmetric)
    sigma = float(sites.nyquist.max()) if isinstance(sites, Grid) else (15.0, 8.0, 3.0)[sites.dimension - 1]
    return Problem(Gaussian(sigma), Samples(sites, values), network, np.array([0.0, 1.0]), seed=3)


def dense(problem: Problem, network: FourierNetwork) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """f, u and the derivatives of the loss with respect to a, b and w, from the definition."""
    neurons = network.layout.neurons(network.start)
    a, b, w = (torch.tensor(array, requires_grad=True) for array in (neurons.cosine, neurons.sine, neurons.frequencies))
    angle = 2 * math.pi * w @ torch.tensor(problem.sites.positions()).T
    f = (a @ torch.cos(angle) + b @ torch.sin(angle)) / math.sqrt(len(w))
    u = f - torch.tensor(problem.samples.values)
    (u**2).mean(dim=1).sum().div(2).backward()
    return f.detach().numpy(), u.detach().numpy(), tuple(p.grad.numpy() for p in (a, b, w))


def distance(found: torch.Tensor, expected: np.ndarray) -> float:
    """The largest difference over the largest value."""
    assert tuple(found.shape) == expected.shape
    return float(np.abs(found.cpu().numpy() - expected).max() / np.abs(expected).max())


def assert_equal_to_dense(problem: Problem, network: FourierNetwork, bound: float) -> None:
    f, u, (by_a, by_b, by_w) = dense(problem, network)
    error, negative_gradient = network.error_and_negative_gradient(network.start)
    amplitude_gradient, frequency_gradient = network.layout.split(negative_gradient)
    assert distance(network.values(network.start), f) < bound
    assert distance(error, u) < bound
    assert distance(amplitude_gradient.real, -by_a) < bound
    assert distance(amplitude_gradient.imag, by_b) < bound  # c = a - i b
    assert distance(frequency_gradient, -by_w.T) < bound
    assert loss(error) == pytest.approx(0.5 * (u**2).mean(axis=1).sum(), rel=bound)


CASES = [
    pytest.param(sites, backend, id=f"{backend}-{sites if isinstance(sites, Grid) else f'scattered{index}'}")
    for backend in BACKENDS
    for index, sites in enumerate([*GRIDS, *([] if "separable" in backend else SCATTERED)])
]


@pytest.mark.parametrize("sites, backend", CASES)
@pytest.mark.parametrize("precision", BOUNDS)
def test_gradients_equal_the_dense_sum(sites, precision, backend):
    problem = problem_on(sites)
    assert_equal_to_dense(problem, FourierNetwork(problem, BACKENDS[backend](sites, precision)), BOUNDS[precision])


@pytest.mark.parametrize("sites", [Grid((6, 5), (1.0, 1.0)), scattered(30, 2, -20.0)], ids=["grid", "scattered"])
@pytest.mark.parametrize("precision", BOUNDS)
def test_many_neurons_over_threads(sites, precision):
    problem = problem_on(sites, width=60_001)
    network = FourierNetwork(problem, NufftTransforms(sites, precision=precision, threads=3))
    assert_equal_to_dense(problem, network, BOUNDS[precision])


@pytest.mark.parametrize("backend", ["nufft", "nufft, three threads", "dense"])
def test_scattered_transforms_follow_frequencies(backend):
    """Existing plans of both directions must follow. The last frequencies are far higher than the first."""
    problem = problem_on(SCATTERED[2])
    network = FourierNetwork(problem, BACKENDS[backend](problem.sites, "double"))
    for factor in (1.3, 4.0):
        network.error_and_negative_gradient(network.start)
        network.layout.split(network.start)[1].mul_(factor)
        assert_equal_to_dense(problem, network, 1e-9)


@cache
def dense_start_kernel(sites: Sites) -> np.ndarray:
    """J J^T / N as a matrix (C N, C N), J by automatic differentiation of the dense sum."""
    problem = problem_on(sites)
    network = FourierNetwork(problem, DenseTransforms(sites, precision="double"))
    neurons = network.layout.neurons(network.start)
    positions = torch.tensor(problem.sites.positions())

    def f(a: torch.Tensor, b: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        angle = 2 * math.pi * w @ positions.T
        return ((a @ torch.cos(angle) + b @ torch.sin(angle)) / math.sqrt(len(w))).ravel()

    parameters = tuple(torch.tensor(array) for array in (neurons.cosine, neurons.sine, neurons.frequencies))
    jacobian = torch.cat([part.flatten(1) for part in torch.autograd.functional.jacobian(f, parameters)], dim=1)
    return (jacobian @ jacobian.T / problem.sites.size).numpy()


@pytest.mark.parametrize("sites, backend", CASES)
def test_kernel_equals_autograd(sites, backend):
    problem = problem_on(sites)
    network = FourierNetwork(problem, BACKENDS[backend](sites, "double"))
    values = np.random.default_rng(8).normal(size=(2, sites.size))
    expected = (dense_start_kernel(sites) @ values.ravel()).reshape(values.shape)
    assert distance(network.kernel(network.start, torch.tensor(values)), expected) < 1e-10


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_symmetric_network_starts_at_0(precision, backend):
    problem = problem_on(Grid((12, 11), (1.0, 2.5)), symmetric=True, width=600)
    network = FourierNetwork(problem, BACKENDS[backend](problem.grid, precision))
    assert not network.values(network.start).any()
    assert torch.equal(network.error_and_negative_gradient(network.start)[0], -torch.from_numpy(problem.samples.values))


def test_symmetric_network_after_its_start():
    problem = problem_on(Grid((12, 11), (1.0, 2.5)), symmetric=True)
    network = FourierNetwork(problem, NufftTransforms(problem.grid, precision="double"))
    network.start += 0.1 * torch.randn(
        network.layout.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    assert_equal_to_dense(problem, network, 1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_non_finite_frequencies_are_refused(backend):
    problem = problem_on(Grid((32,), (1.0,)))
    network = FourierNetwork(problem, BACKENDS[backend](problem.grid, "double"))
    network.layout.split(network.start)[1][0, 7] = math.nan
    with pytest.raises(FloatingPointError, match="NaN"):
        network.error_and_negative_gradient(network.start)
