"""The initial weights of a two-layer network: pairs, moduli, moments, seeds, channels."""

import tracemalloc
from importlib import import_module

import numpy as np
import pytest

from freqbias.problem import Gaussian, Network, Neurons, Uniform, draw

LAW = Gaussian(4.0)
SAMPLINGS = pytest.mark.parametrize("sampling", ["iid", "sobol"])


def neurons(width=2**16, *, sigma_a=0.7, sampling="iid", symmetric=False, law=LAW, **more) -> Neurons:
    network = Network(width=width, sigma_a=sigma_a, sampling=sampling, symmetric=symmetric)
    return draw(law, network, **{"dimension": 2, **more})


def values(drawn: Neurons, x: np.ndarray) -> np.ndarray:
    """f(x), (C, N)."""
    angle = 2 * np.pi * drawn.frequencies @ x.T
    return (drawn.cosine @ np.cos(angle) + drawn.sine @ np.sin(angle)) / np.sqrt(drawn.width)


@SAMPLINGS
@pytest.mark.parametrize(("width", "symmetric"), [(1, False), (2, True), (37, False), (38, True)])
def test_width_counts_all_neurons(sampling, width, symmetric):
    drawn = neurons(width, sampling=sampling, symmetric=symmetric, dimension=3, channels=2)
    assert drawn.width == width
    assert drawn.frequencies.shape == (width, 3)
    assert drawn.cosine.shape == drawn.sine.shape == (2, width)
    assert drawn.frequencies.dtype == drawn.cosine.dtype == np.float64


@SAMPLINGS
def test_symmetric_network_starts_at_zero(sampling):
    drawn = neurons(400, sampling=sampling, symmetric=True, channels=3)
    np.testing.assert_array_equal(drawn.frequencies[:200], drawn.frequencies[200:])
    np.testing.assert_array_equal(drawn.cosine[:, :200], -drawn.cosine[:, 200:])
    np.testing.assert_array_equal(drawn.sine[:, :200], -drawn.sine[:, 200:])
    x = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    assert np.abs(values(drawn, x)).max() < 1e-13
    plain = neurons(400, sampling=sampling, symmetric=False, channels=3)
    assert np.abs(values(plain, x)).max() > 0.1


@SAMPLINGS
def test_variance_of_output_weights(sampling):
    drawn = neurons(sampling=sampling)
    a, b = drawn.cosine[0], drawn.sine[0]
    error = 5 * 0.7**2 * np.sqrt(2 / drawn.width)
    for second, expected in ((a * a, 0.49), (b * b, 0.49), (a * b, 0.0)):
        assert abs(second.mean() - expected) < error
    assert abs(a.mean()) < error
    assert abs(b.mean()) < error
    for coordinate in drawn.frequencies.T / 4:
        assert abs((a * coordinate).mean()) < error
        assert abs((a * a * coordinate**2).mean() - 0.49) < 3 * error


def test_iid_weights_are_normal():
    a = neurons().cosine[0] / 0.7
    assert abs((a**4).mean() - 3) < 5 * np.sqrt(96 / len(a))


def test_sobol_weights_have_one_modulus():
    drawn = neurons(1000, sampling="sobol", channels=2)
    np.testing.assert_allclose(drawn.cosine**2 + drawn.sine**2, 2 * 0.7**2, rtol=1e-14)
    assert np.unique(np.round(np.arctan2(drawn.sine, drawn.cosine), 12)).size == 2000


@SAMPLINGS
@pytest.mark.parametrize("law", [LAW, Uniform(4.0)])
def test_frequencies_follow_the_density(sampling, law):
    drawn = neurons(2**12, sampling=sampling, law=law)
    z = np.array([[0.03, 0.01], [0.0, 0.05], [-0.06, 0.02]])
    error = np.abs(np.cos(2 * np.pi * drawn.frequencies @ z.T).mean(axis=0) - law.transform(z)).max()
    assert error < (4 if sampling == "iid" else 0.3) / np.sqrt(drawn.width)


@SAMPLINGS
def test_seeds(sampling):
    once, again, other = (neurons(64, sampling=sampling, seed=seed) for seed in (5, 5, 6))
    for name in ("frequencies", "cosine", "sine"):
        np.testing.assert_array_equal(getattr(once, name), getattr(again, name))
        assert not np.isin(getattr(once, name), getattr(other, name)).any()


@SAMPLINGS
def test_channels_are_independent(sampling):
    drawn = neurons(sampling=sampling, channels=2)
    assert abs((drawn.cosine[0] * drawn.cosine[1]).mean()) < 5 * 0.49 / np.sqrt(drawn.width)


@SAMPLINGS
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("shard", [slice(0, 5), slice(3, 30), slice(17, 38), slice(25, 26)], ids=str)
def test_shards(sampling, symmetric, shard, monkeypatch):
    monkeypatch.setattr(import_module("freqbias.problem.neurons"), "CHUNK", 8)
    whole, some = (
        neurons(38, sampling=sampling, symmetric=symmetric, channels=3, shard=s) for s in (slice(None), shard)
    )
    np.testing.assert_array_equal(some.frequencies, whole.frequencies[shard])
    np.testing.assert_array_equal(some.cosine, whole.cosine[:, shard])
    np.testing.assert_array_equal(some.sine, whole.sine[:, shard])


def test_draw_of_earlier_versions():
    rng = np.random.default_rng(5)
    unit, weights = rng.random((70_000, 2)), 0.7 * rng.standard_normal((2, 1, 70_000))
    drawn = neurons(70_000, seed=5)
    np.testing.assert_array_equal(drawn.frequencies, LAW.from_unit_cube(unit))
    np.testing.assert_array_equal([drawn.cosine, drawn.sine], weights)


def test_memory_of_a_shard():
    tracemalloc.start()
    drawn = neurons(2**21, shard=slice(2**20, 2**20 + 2**15))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert drawn.width == 2**15 and peak < 2**21 * 8  # less than one number per neuron of the network
