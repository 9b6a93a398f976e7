"""The columns of metrics.csv for noisy labels."""

import numpy as np

from freqbias.compare.comparison.clean_loss import clean_loss_metrics
from freqbias.numerics import Grid
from freqbias.problem import (
    ErrorHistory,
    Gaussian,
    LabelNoise,
    Network,
    NoisePrediction,
    Problem,
    Samples,
    squared_loss,
)

TIME = np.array([0.0, 1.0, 2.0])


def prediction(part):
    """A prediction in which noise adds `part` to the expected loss."""
    error = np.random.default_rng(0).normal(size=(3, 1, 8))
    loss = squared_loss(error)
    noise = NoisePrediction(noise_level=np.ones(1), clean_loss=loss + part, clean_loss_standard_error=0 * loss)
    return ErrorHistory(TIME, np.zeros((8, 1)), error, loss, noise=noise)


def metrics(predictions, noise=None, *, dynamics="flow"):
    samples = Samples(Grid((8,), (1.0,)), np.ones((1, 8)))
    problem = Problem(Gaussian(1.0), samples, Network(width=4, sigma_a=1.0), TIME, noise=noise)
    errors = {"nn": np.full((2, 1, 8), 0.5), "pde": np.full((2, 1, 8), 0.4)}
    losses = {name: squared_loss(error) for name, error in errors.items()}
    indices = dict.fromkeys(predictions, np.array([0, 2]))
    return clean_loss_metrics(problem, errors, losses, predictions, indices, dynamics=dynamics)


def test_network_and_equation_use_their_own_kernels():
    parts = {"empirical-steps": 1.0, "empirical": 2.0, "infinite-width": 3.0, "infinite-width-steps": 4.0}
    parts = {name: value * np.array([1.0, 5.0, 10.0]) for name, value in parts.items()}
    predictions = {name: prediction(part) for name, part in parts.items()}
    found = metrics(predictions)
    np.testing.assert_allclose(found["clean_loss_nn"], 0.125 + np.array([1.0, 10.0]))
    np.testing.assert_allclose(found["clean_loss_pde"], 0.08 + np.array([3.0, 30.0]))
    np.testing.assert_allclose(found["clean_loss_empirical"], predictions["empirical"].noise.clean_loss[[0, 2]])
    steps = metrics(predictions, dynamics="gradient-descent")
    np.testing.assert_allclose(steps["clean_loss_pde"], 0.08 + np.array([4.0, 40.0]))
    assert "true_clean_loss_nn" not in found
    del predictions["empirical-steps"]
    np.testing.assert_allclose(metrics(predictions)["clean_loss_nn"], 0.125 + np.array([2.0, 20.0]))


def test_clean_labels_that_are_known():
    """u against the labels without noise is u + e."""
    added = np.linspace(-1, 2, 8)[None]
    found = metrics({}, LabelNoise(0.0, added, 0.6))
    np.testing.assert_allclose(found["true_clean_loss_nn"], 0.5 * np.mean((0.5 + added) ** 2))
    assert found.keys() == {"true_clean_loss_nn", "true_clean_loss_pde"}
    assert metrics({}, LabelNoise(0.1, added, 0.6)) == {}  # the file has noise of its own
    assert metrics({}) == {}
