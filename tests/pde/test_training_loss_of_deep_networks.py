"""The equation under other losses than the mean square with hidden layers, and in 3-D, against exp(-t K P)."""

import numpy as np
import pytest
import scipy.linalg

from freqbias import pde
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Gaussian,
    Network,
    Pde,
    Problem,
    Samples,
    SobolevLoss,
    WeightedSquare,
    trapezoidal_weights,
)
from tests import oracle

LINE = Grid((20,), (1.0,))
CUBE = Grid((4, 5, 3), (1.0, 1.2, 0.8))
CLOUD = Scattered(np.random.default_rng(0).uniform(-0.5, 0.5, (50, 1)) ** 3 * 4)
SPACE = Scattered(np.random.default_rng(1).uniform(-0.4, 0.4, (60, 3)))
RELU, SINE, TANH = ({"depth": 3, "hidden_width": 2, "activation": name} for name in ("relu", "sine", "tanh"))


def weighted(sites, order=None):
    weights = trapezoidal_weights(sites)
    return WeightedSquare(weights) if order is None else SobolevLoss(sites, order, weights)


CASES = {  # sites, loss, network, tolerance
    "H^-1, relu": (LINE, SobolevLoss(LINE, -1.0), RELU, 1e-4),
    "H^1, relu": (LINE, SobolevLoss(LINE, 1.0), RELU, 1e-4),
    "weighted, sine": (CLOUD, weighted(CLOUD), SINE, 1e-4),
    "H^1/2, weighted, sine": (CLOUD, weighted(CLOUD, 0.5), SINE, 1e-4),
    "H^-1, weighted, tanh": (CLOUD, weighted(CLOUD, -1.0), TANH, 1e-4),
    "H^-1, 3-D": (CUBE, SobolevLoss(CUBE, -1.0), {}, 1e-3),
    "H^1, 3-D, relu": (CUBE, SobolevLoss(CUBE, 1.0), RELU, 1e-3),
    "weighted, 3-D": (SPACE, weighted(SPACE), {}, 1e-2),
    "H^1/2, weighted, 3-D": (SPACE, weighted(SPACE, 0.5), {}, 1e-2),
}


@pytest.mark.parametrize("name", CASES)
def test_flow(name):
    sites, loss, network, tolerance = CASES[name]
    x, network = sites.positions(), Network(width=2, sigma_a=0.5, **network)
    k = oracle.gaussian(1.5)
    kernel = oracle.deep_kernel(x, k, 0.5, network.activation or "relu", network.depth)
    matrix = kernel @ loss.residual(np.eye(len(x)))
    start = -(np.sin(4 * np.pi * x[:, 0]) + 0.3 * np.random.default_rng(1).normal(size=len(x)))
    times = np.array([0.0, 1.0, 10.0, 100.0]) / np.abs(np.linalg.eigvals(matrix)).max()
    problem = Problem(Gaussian(1.5), Samples(sites, -start[None]), network, times, loss=loss)
    exact = np.array([scipy.linalg.expm(-t * matrix) @ start for t in times])
    spectrum = pde.solve(problem, Pde(tolerance=tolerance))
    error = spectrum.sample_error[:, 0] - exact
    assert max(map(loss.value, error)) < tolerance**2 * loss.value(start), "tolerances hold in the norm of P"
    if loss.smallest is not None:
        assert np.linalg.norm(error, axis=1).max() < tolerance * np.linalg.norm(start)
    v = oracle.spectrum(exact, x, spectrum.frequency)
    missed = np.abs(spectrum.error[:, 0] - v).max(axis=1)
    transform = 0.05 * tolerance * np.linalg.norm(start)  # its error
    assert (missed <= (np.linalg.norm(error, axis=1) + transform) / np.sqrt(len(start))).all()
    plain = np.array([scipy.linalg.expm(-t * kernel) @ start for t in times])
    assert np.linalg.norm(plain - exact, axis=1).max() > 0.02 * np.linalg.norm(start), "another loss, another flow"
