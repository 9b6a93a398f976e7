"""Gradient descent of long steps, predicted by the equation and met by a wide network."""

from itertools import pairwise

import numpy as np

from freqbias import nn, pde
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Pde, Problem, Training, waves
from tests import oracle

TIMES = np.array([0.0, 2.0, 4.0, 9.0])


def test_the_equation_predicts_the_steps_of_a_training_where_its_flow_does_not():
    samples = waves(Grid((32,), (1.0,)), [[1.0], [4.0]], window=0.2)
    problem = Problem(Gaussian(3.0), samples, Network(width=100_000, sigma_a=1.0, sampling="sobol"), TIMES)
    positions = oracle.grid(problem.grid.shape, problem.grid.extent)
    matrix = oracle.dense_kernel(positions, oracle.gaussian(3.0), 1.0)
    step = 1.6 / np.linalg.eigvalsh(matrix)[-1]
    step = 1.0 / np.ceil(1.0 / step)  # the output times are whole numbers, so that every step is this long

    u, exact = -samples.values, [-samples.values]
    for before, after in pairwise(TIMES):
        for _ in range(round((after - before) / step)):
            u = u - step * u @ matrix
        exact.append(u)

    descent = pde.solve(problem, Pde(dynamics="gradient-descent", step=step, tolerance=1e-4))
    flow = pde.solve(problem, Pde(tolerance=1e-4))
    v = oracle.spectrum(np.array(exact), positions, descent.frequency)
    scale = np.linalg.norm(v[0])
    assert np.linalg.norm(descent.error - v, axis=(1, 2)).max() <= 1e-4 * scale

    training = Training(integrator="gradient-descent", step=step, precision="double")
    trained = nn.train(problem, training).error
    met = oracle.spectrum(trained, positions, descent.frequency)
    assert np.linalg.norm(descent.error - met, axis=(1, 2)).max() < 4e-4 * scale  # of sampling
    assert np.linalg.norm(flow.error - met, axis=(1, 2)).max() > 0.03 * scale
