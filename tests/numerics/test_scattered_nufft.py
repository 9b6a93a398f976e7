"""The transforms of scattered sites against direct sums in the Fourier convention."""

import numpy as np
import pytest

from freqbias.numerics import (
    Grid,
    GridTransform,
    Scattered,
    ScatteredTransform,
    make_tensor_transform,
    make_transform,
    phase,
)
from freqbias.numerics.dense_transform import DenseTransform


def distance(found, exact):
    assert found.shape == exact.shape
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


def clustered(count, dimension):
    """Sites away from the origin, denser towards the ends, every fifth position twice, extents 1 and 3."""
    points = np.random.default_rng(1).beta(0.5, 0.5, (count, dimension)) * [1.0, 3.0, 1.0][:dimension] - 0.2
    return Scattered(np.concatenate([points, points[::5]]))


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (1,), (3,)])
def test_transforms_equal_direct_sums(dimension, batch):
    sites, rng = clustered(50, dimension), np.random.default_rng(2)
    transform = ScatteredTransform(sites, rng.normal(size=(9, dimension)))
    for frequencies in (rng.uniform(-8, 8, (67, dimension)), rng.uniform(9, 11, (41, dimension))):
        transform.set_frequencies(frequencies)
        dense = phase(frequencies, sites.positions())
        values, amplitudes = rng.normal(size=(*batch, sites.size)), rng.normal(size=(*batch, len(frequencies), 2))
        amplitudes = amplitudes @ [1, 1j]
        assert distance(transform.to_frequencies(values), values @ dense.T) < 1e-11
        assert distance(transform.to_samples(amplitudes), amplitudes @ dense.conj()) < 1e-11


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_partition_and_adjoint_agree(dimension):
    """Even at a low requested accuracy."""
    sites, rng = clustered(40, dimension), np.random.default_rng(3)
    frequencies, values = rng.uniform(-6, 6, (60_000, dimension)), rng.normal(size=sites.size)
    amplitudes = rng.normal(size=60_000) + 0j
    alone, shared = (ScatteredTransform(sites, frequencies, eps=1e-2, threads=n) for n in (1, 3))
    assert distance(shared.to_frequencies(values), alone.to_frequencies(values)) < 1e-9
    assert distance(shared.to_samples(amplitudes), alone.to_samples(amplitudes)) < 1e-9
    one, other = np.vdot(amplitudes, alone.to_frequencies(values)), np.vdot(alone.to_samples(amplitudes), values)
    assert abs(one - other) < 1e-9 * np.linalg.norm(values) * np.linalg.norm(alone.to_samples(amplitudes))
    np.testing.assert_array_equal(shared.to_samples(amplitudes), shared.to_samples(amplitudes))


def test_far_positions_in_single_precision():
    """Positions near 10,000 lose no digits: the transforms centre the sites."""
    rng = np.random.default_rng(4)
    sites, frequencies = Scattered(1e4 + rng.uniform(size=(60, 1))), rng.uniform(-8, 8, (50, 1))
    transform = ScatteredTransform(sites, frequencies, eps=1e-6, precision="single")
    dense, values = phase(frequencies, sites.positions()), rng.normal(size=60)
    assert distance(transform.to_frequencies(values), dense @ values) < 1e-5
    amplitudes = rng.normal(size=50) + 0j
    assert distance(transform.to_samples(amplitudes), amplitudes @ dense.conj()) < 1e-5


def test_transform_chosen_by_sites():
    grid, sites, frequencies = Grid((8, 8), (1.0, 1.0)), clustered(8, 2), np.zeros((2000, 2))
    assert isinstance(make_transform(grid, frequencies), GridTransform)
    assert isinstance(make_transform(sites, frequencies), ScatteredTransform)
    assert isinstance(make_tensor_transform(sites, frequencies, eps=1e-6, threads=1), ScatteredTransform)
    assert isinstance(make_transform(sites, frequencies[:1]), DenseTransform)


@pytest.mark.parametrize("dimension, count", [(1, 40), (3, 10)])
def test_few_frequencies_far_apart(dimension, count):
    """The octaves of a positional encoding. FINUFFT's fine grid for them would have up to 10^12 points."""
    w = np.concatenate([0.5 * 2.0**j * np.eye(dimension) for j in range(count)])
    sites = Scattered(np.random.default_rng(0).random((50, dimension)) - 0.5)
    e = np.exp(-2j * np.pi * w @ sites.positions().T)
    u, c = np.random.default_rng(1).normal(size=(2, 50)), np.random.default_rng(2).normal(size=len(w)) + 1j
    found = make_transform(sites, w)
    np.testing.assert_allclose(found.to_frequencies(u), u @ e.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.to_samples(c), c @ e.conj(), rtol=0, atol=1e-12)
