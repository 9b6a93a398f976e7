"""The initial weights of a network with hidden layers: shapes, distributions, independence, seeds."""

import numpy as np
import pytest

from freqbias.problem import Gaussian, Network, draw_deep


def drawn(*, seed=0, symmetric=False, depth=4, sampling="iid", width=600, hidden_width=400):
    network = Network(
        width=width, hidden_width=hidden_width, depth=depth, sigma_a=2.0, symmetric=symmetric, sampling=sampling
    )
    return draw_deep(Gaussian(3.0), network, dimension=2, channels=300, seed=seed)


def arrays(weights) -> list[np.ndarray]:
    return [weights.frequencies, *weights.hidden, weights.output]


@pytest.mark.parametrize("sampling", ["iid", "sobol"])
def test_shapes_and_laws(sampling):
    weights = drawn(sampling=sampling)
    assert [each.shape for each in arrays(weights)] == [(600, 2), (400, 1200), (400, 400), (300, 400)]
    for each, deviation in zip(arrays(weights), (3.0, 1.0, 1.0, 2.0), strict=True):
        assert each.dtype == np.float64
        assert each.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * each.size))
        assert abs(each.mean()) < 4 * deviation / np.sqrt(each.size)
        kurtosis = ((each / deviation) ** 4).mean()  # 3 for a normal distribution
        assert kurtosis == pytest.approx(3, abs=5 * np.sqrt(96 / each.size))


def test_layers_are_independent():
    first, second, output = drawn().hidden[0][:, :400], drawn().hidden[1], drawn().output
    for one, other in [(first, second), (second[:300], output), (first[:300], output)]:
        assert abs((one * other).mean()) < 4 * one.std() * other.std() / np.sqrt(one.size)


def test_seeds():
    for one, same, other in zip(arrays(drawn(seed=1)), arrays(drawn(seed=1)), arrays(drawn(seed=2)), strict=True):
        np.testing.assert_array_equal(one, same)
        assert not (one == other).any()


def test_symmetric_network_has_half_widths():
    for half, whole in zip(arrays(drawn(symmetric=True)), arrays(drawn(width=300, hidden_width=200)), strict=True):
        np.testing.assert_array_equal(half, whole)


def test_three_layers_have_one_hidden_matrix():
    assert [each.shape for each in drawn(depth=3).hidden] == [(400, 1200)]
