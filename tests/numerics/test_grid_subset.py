"""Parts of a grid, and the transforms of these parts against direct sums in the Fourier convention."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import (
    Grid,
    GridSubset,
    Scattered,
    SubsetTransform,
    make_tensor_transform,
    make_transform,
    phase,
    subset,
)

GRID = Grid((5, 4), (2.0, 1.0))


def test_a_part_has_the_box_of_its_grid():
    part = GridSubset(GRID, np.array([7, 0, 9]))  # the corners are left out
    np.testing.assert_array_equal(part.positions(), GRID.positions()[[7, 0, 9]])
    assert (part.size, part.dimension, part.volume, part.lattice) == (3, 2, 2.0, GRID)
    for name in ("reach", "span", "nyquist"):
        np.testing.assert_array_equal(getattr(part, name), getattr(GRID, name))
    np.testing.assert_allclose(GRID.nyquist, [1.25, 2.0])
    np.testing.assert_allclose(GRID.span, [1.6, 0.75])
    assert part.closest_density == pytest.approx(1 / (3 * 0.4 * 0.25))
    assert part.peak_density(1.0) == 1 / 2.0 and part.peak_density(1e3) == GRID.peak_density(1e3)
    assert GridSubset(Grid((100,), (2.0,)), np.arange(4)).peak_density(1.0) == pytest.approx(0.05 / (4 * 0.02))


def test_embed_is_the_adjoint_of_restrict():
    part, rng = GridSubset(GRID, np.array([7, 0, 9])), np.random.default_rng(0)
    values, whole = rng.normal(size=(2, 3)), rng.normal(size=(2, 20))
    np.testing.assert_array_equal(part.restrict(part.embed(values)), values)
    assert part.embed(values).shape == (2, 20) and np.count_nonzero(part.embed(values)) == 6
    filled = part.embed(values, np.nan)
    np.testing.assert_array_equal(part.restrict(filled), values)
    assert np.isnan(filled).sum() == 34
    assert np.sum(part.embed(values) * whole) == pytest.approx(np.sum(values * part.restrict(whole)))


def test_parts_of_all_sites():
    part = subset(GRID, np.array([3, 5, 8, 11]))
    assert isinstance(part, GridSubset)
    smaller = subset(part, np.array([2, 0]))
    assert isinstance(smaller, GridSubset)
    np.testing.assert_array_equal(smaller.indices, [8, 3])
    scattered = subset(Scattered(GRID.positions()), np.array([3, 5, 8]))
    np.testing.assert_array_equal(scattered.positions(), GRID.positions()[[3, 5, 8]])
    assert scattered.lattice is None and np.isinf(scattered.nyquist).all() and np.isinf(scattered.closest_density)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([3], "there is 1 sample"),
        ([], "there is 0 sample"),
        ([0, 20], "lie between 0 and 20; give numbers from 0 to 19"),
        ([-1, 2], "lie between -1 and 2"),
        ([4, 2, 4], "the index 4 occurs 2 times"),
        ([0.0, 1.0], "give whole numbers"),
    ],
)
def test_wrong_indices_are_refused(indices, message):
    with pytest.raises(InputError, match=message):
        GridSubset(GRID, np.array(indices))


@pytest.mark.parametrize("shape", [(9,), (6, 5), (4, 3, 4)])
@pytest.mark.parametrize("tensor", [False, True])
def test_transforms_equal_direct_sums(shape, tensor):
    rng = np.random.default_rng(2)
    grid = Grid(shape, (1.0, 1.5, 0.7)[: len(shape)])
    part = GridSubset(grid, rng.permutation(grid.size)[: grid.size // 2])
    axes = np.meshgrid(*[np.linspace(-9, 8, 5)] * len(shape), indexing="ij")
    frequencies = np.stack([axis.ravel() for axis in axes], axis=-1)
    make = make_tensor_transform if tensor else make_transform
    transform = make(part, frequencies, eps=1e-13, threads=2)
    assert isinstance(transform, SubsetTransform)
    dense = phase(frequencies, part.positions())
    values = rng.normal(size=(2, part.size))
    amplitudes = rng.normal(size=(3, len(frequencies), 2)) @ [1, 1j]
    np.testing.assert_allclose(transform.to_frequencies(values), values @ dense.T, rtol=0, atol=1e-11)
    np.testing.assert_allclose(transform.to_samples(amplitudes), amplitudes @ dense.conj(), rtol=0, atol=1e-10)
