"""The data operator on 16 x 16 x 16 samples against the exact NTK, by FFTs: a dense kernel would take 134 MB."""

import numpy as np

from freqbias import pde
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples, waves
from tests import oracle

SHAPE, EXTENT, SIGMA, TIMES = (16, 16, 16), (1.0, 1.0, 1.0), 2.0, np.array([0.0, 10.0, 1000.0])


def test_oracle_against_dense_kernel():
    shape, extent, k = (7, 5, 6), (1.0, 0.7, 2.0), oracle.gaussian(1.5)
    matrix = oracle.dense_kernel(oracle.grid(shape, extent), k, 1.3)
    product, u = oracle.toeplitz_kernel(shape, extent, k, 1.3), np.random.default_rng(0).normal(size=210)
    np.testing.assert_allclose(product(u), matrix @ u, rtol=0, atol=1e-14)
    series = oracle.chebyshev_flow(product, u, TIMES[:2], 1.1 * np.linalg.eigvalsh(matrix)[-1], 60)
    np.testing.assert_allclose(series, oracle.flow(matrix, u, TIMES[:2]), rtol=0, atol=1e-12)


def test_16_x_16_x_16():
    grid, rng = Grid(SHAPE, EXTENT), np.random.default_rng(1)
    values = waves(grid, [[2.0, 1.0, 0.0], [0.0, -1.0, 3.0]]).values + 0.2 * rng.normal(size=(1, grid.size))
    problem = Problem(Gaussian(SIGMA), Samples(grid, values), Network(width=2, sigma_a=1.0), TIMES)
    spectrum = pde.solve(problem, Pde(tolerance=1e-2, degree=4))
    product, iterate = oracle.toeplitz_kernel(SHAPE, EXTENT, oracle.gaussian(SIGMA), 1.0), values[0]
    for _ in range(10):
        iterate = product(iterate)
        largest = np.linalg.norm(iterate)
        iterate = iterate / largest
    u = oracle.chebyshev_flow(product, -values[0], TIMES, 1.5 * largest, 90)
    some = rng.choice(len(spectrum.frequency), 400, replace=False)
    v = oracle.spectrum(u, oracle.grid(SHAPE, EXTENT), spectrum.frequency[some])
    assert np.linalg.norm(u[-1]) < 0.25 * np.linalg.norm(u[0])
    assert np.linalg.norm(spectrum.error[:, 0, some] - v, axis=1).max() <= 1e-2 * np.linalg.norm(v[0])
