"""tr q(K) / n against the eigenvalues of the network's own kernel matrix."""

import numpy as np
import pytest

from freqbias.nn import JointKernel, PredictedCurve, Trace
from freqbias.nn import trace as module
from tests.nn.test_predicted_curve import BUDGETS, exact_losses, problem_of, spectral


class Dense:
    """The kernel matrix of a drawn network."""

    def __init__(self, problem):
        kernel = JointKernel(problem)
        self.start, identity = kernel.start, np.eye(kernel.start.size)
        self.matrix = np.array([kernel.apply(row.reshape(self.start.shape))[0].ravel() for row in identity])

    def apply(self, values):
        return (values.ravel() @ self.matrix).reshape(values.shape), values[:, :0]


@pytest.fixture(scope="module")
def kernel():
    return Dense(problem_of("grid"))


@pytest.fixture(scope="module")
def exact():
    problem = problem_of("grid")
    largest, at = PredictedCurve(JointKernel(problem), BUDGETS).largest, spectral(problem)
    return {each: (each.decay(largest), exact_losses(problem, each, largest, at)[2]) for each in BUDGETS}


@pytest.mark.parametrize("budget", BUDGETS)
def test_exact_for_few_samples(kernel, exact, budget):
    decay, expected = exact[budget]
    assert Trace(kernel, products=1)(decay) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("budget", BUDGETS)
def test_random_signs(kernel, exact, budget):
    decay, expected = exact[budget]
    assert Trace(kernel, products=40, probes=200)(decay) == pytest.approx(expected, rel=0.03)


def test_noise_falls_with_the_number_of_signs(kernel, exact):
    decay, expected = exact[BUDGETS[1]]
    spread = {}
    for probes in (2, 32):
        found = [Trace(kernel, products=40, probes=probes, seed=seed)(decay) for seed in range(20)]
        spread[probes] = np.sqrt(np.mean((np.array(found) - expected) ** 2))
    assert 2 < spread[2] / spread[32] < 8  # 4 is expected


@pytest.mark.parametrize("signs_per_value, probes", [(0.1, 2), (12, 12), (20.5, 21)])
def test_number_of_signs(kernel, monkeypatch, signs_per_value, probes):
    monkeypatch.setattr(module, "EXACT_SIZE", 0)
    monkeypatch.setattr(module, "SIGNS", signs_per_value * kernel.start.size)
    products = []
    Trace(kernel, products=3, callback=lambda: products.append(1))
    assert len(products) == 3 * probes


class Diagonal:
    """A kernel that multiplies each value."""

    def __init__(self, size):
        self.eigenvalues, self.start = np.linspace(0.1, 1.0, size), np.ones((1, size))

    def apply(self, values):
        return values * self.eigenvalues, values[:, :0]


@pytest.mark.parametrize("size, products", [(1024, 1024), (1025, 16), (2048, 8), (10_000, 2)])
def test_default_for_a_number_of_values(size, products):
    kernel, done = Diagonal(size), []
    found = Trace(kernel, products=1, callback=lambda: done.append(1))(lambda eigenvalues: eigenvalues)
    assert len(done) == products
    assert found == pytest.approx(0.55, rel=1e-9)  # z^T K z has no noise for a diagonal K
