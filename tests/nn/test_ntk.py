"""The kernel at infinite width and its largest eigenvalue against the dense matrix of the oracle."""

import numpy as np
import pytest

from nn import InfiniteWidthKernel
from problem import Ball, Gaussian, Grid, Network, Problem, Samples, Uniform
from tests import oracle

CASES = [
    (Gaussian(10.0), oracle.gaussian(10.0), (200,), (1.0,), 1.0),
    (Gaussian(2.0), oracle.gaussian(2.0), (63,), (2.5,), 0.3),
    (Uniform(20.0), oracle.uniform(20.0), (128,), (0.4,), 2.0),
    (Uniform(4.0), oracle.uniform(4.0), (17, 20), (1.0, 0.4), 1.0),
    (Ball(6.0), oracle.disc(6.0), (24, 24), (1.0, 1.0), 0.0),
    (Gaussian(3.0), oracle.gaussian(3.0), (7, 8, 6), (1.0, 1.0, 0.5), 1.0),
]


def of(density, shape, extent, sigma_a):
    grid = Grid(shape, extent)
    samples = Samples(grid, np.random.default_rng(0).normal(size=(2, grid.size)))
    return Problem(density, samples, Network(width=2, sigma_a=sigma_a), np.array([0.0, 1.0]))


@pytest.mark.parametrize("density, k, shape, extent, sigma_a", CASES)
def test_products_equal_the_dense_ones(density, k, shape, extent, sigma_a):
    problem = of(density, shape, extent, sigma_a)
    matrix = oracle.dense_kernel(oracle.grid(shape, extent), k, sigma_a)
    expected = problem.samples.values @ matrix
    np.testing.assert_allclose(
        InfiniteWidthKernel(problem).apply(problem.samples.values),
        expected,
        rtol=0,
        atol=1e-12 * np.abs(expected).max(),
    )


@pytest.mark.parametrize("density, k, shape, extent, sigma_a", CASES)
def test_the_largest_eigenvalue_is_near_and_from_above(density, k, shape, extent, sigma_a):
    exact = np.linalg.eigvalsh(oracle.dense_kernel(oracle.grid(shape, extent), k, sigma_a))[-1]
    found = InfiniteWidthKernel(of(density, shape, extent, sigma_a)).largest_eigenvalue()
    assert found >= exact
    assert found / 1.05 == pytest.approx(exact, rel=0.01)


def test_the_smallest_grid_has_fewer_points_than_lanczos_steps():
    exact = np.linalg.eigvalsh(oracle.dense_kernel(oracle.grid((2,), (1.0,)), oracle.gaussian(1.0), 1.0))[-1]
    assert InfiniteWidthKernel(of(Gaussian(1.0), (2,), (1.0,), 1.0)).largest_eigenvalue() == pytest.approx(1.05 * exact)
