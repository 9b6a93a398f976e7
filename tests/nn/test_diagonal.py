"""The diagonal layer: its gradients; network, equation and kernel against its own exact NTK."""

import math

import numpy as np
import torch

from freqbias import pde
from freqbias.nn import InfiniteWidthKernel, train
from freqbias.nn.diagonal import DiagonalNetwork
from freqbias.nn.nufft import NufftTransforms
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples, Training, waves
from tests import oracle

TIMES = np.array([0.0, 2.0, 5.0, 20.0])
SIGMA_A = 1.5


def problem_of(width: int, **network) -> Problem:
    samples = waves(Grid((48,), (1.0,)), [[2.0], [7.0]], window=0.15)
    return Problem(
        Gaussian(5.0), samples, Network(width=width, sigma_a=SIGMA_A, diagonal=True, **network), TIMES, seed=2
    )


def test_derivatives_equal_autograd():
    grid, random = Grid((7, 6), (1.0, 2.0)), np.random.default_rng(4)
    samples = Samples(grid, random.normal(size=(2, grid.size)))
    problem = Problem(Gaussian(3.0), samples, Network(width=30, sigma_a=SIGMA_A, diagonal=True), TIMES, seed=3)
    network = DiagonalNetwork(problem, NufftTransforms(grid, precision="double"))
    moved = torch.from_numpy(0.3 * random.normal(size=network.start.shape))
    state = network.start + moved
    x = torch.from_numpy(grid.positions())

    def f(state: torch.Tensor) -> torch.Tensor:
        c, w, gains = state.split([2 * 2 * 30, 2 * 30, 2 * 30])
        a, minus_b = c.view(2, 30, 2).unbind(-1)
        p, q = gains.view(30, 2).unbind(-1)
        angle = 2 * math.pi * w.view(2, 30).T @ x.T
        return (a * p @ torch.cos(angle) - minus_b * q @ torch.sin(angle)) / math.sqrt(30)

    jacobian = torch.autograd.functional.jacobian(f, state).view(2 * grid.size, -1)
    torch.testing.assert_close(network.values(state), f(state), rtol=0, atol=1e-9)
    error, negative_gradient = network.error_and_negative_gradient(state)
    torch.testing.assert_close(negative_gradient, -jacobian.T @ error.ravel() / grid.size, rtol=0, atol=1e-9)
    torch.testing.assert_close(network.jvp(state, moved).ravel(), jacobian @ moved, rtol=0, atol=1e-8)


def test_start_equals_the_plain_network():
    problem = problem_of(600)
    network = DiagonalNetwork(problem, NufftTransforms(problem.sites, precision="single"))
    assert not network.values(network.start).any()


def test_all_follow_the_exact_ntk():
    problem = problem_of(100_000, sampling="sobol")
    x, k = problem.sites.positions(), oracle.gaussian(5.0)
    matrix = oracle.diagonal_kernel(x, k, SIGMA_A)
    u = -problem.samples.values
    exact, without = (oracle.flow(each, u, TIMES) for each in (matrix, oracle.dense_kernel(x, k, SIGMA_A)))
    scale = np.linalg.norm(u)

    trained = train(problem, Training(tolerance=1e-3)).error
    assert np.linalg.norm(trained - exact, axis=(1, 2)).max() < 0.01 * scale
    assert np.linalg.norm(trained - without, axis=(1, 2)).max() > 0.1 * scale

    found = InfiniteWidthKernel(problem).apply(u)
    np.testing.assert_allclose(found, u @ matrix, rtol=0, atol=1e-12)

    solved = pde.solve(problem, Pde(tolerance=1e-4))
    expected = oracle.spectrum(exact, x, solved.frequency)
    assert np.linalg.norm(solved.error - expected, axis=(1, 2)).max() < 1e-4 * np.linalg.norm(expected[0])


def test_damping_of_the_local_operator():
    """The target vanishes at the edge of the data, as the local operator requires."""
    samples = waves(Grid((96,), (1.0,)), [[3.0]], window=0.08)
    network = Network(width=2, sigma_a=0.4, diagonal=True)
    problem = Problem(Gaussian(6.0), samples, network, TIMES)
    solved = pde.solve(problem, Pde(operator="local", tolerance=1e-3))
    x = problem.sites.positions()
    exact = oracle.flow(oracle.diagonal_kernel(x, oracle.gaussian(6.0), 0.4), -samples.values, TIMES)
    expected = oracle.spectrum(exact, x, solved.frequency)
    assert np.linalg.norm(solved.error - expected, axis=(1, 2)).max() < 1e-3 * np.linalg.norm(expected[0])
