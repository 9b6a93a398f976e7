"""The transforms between two tensor grids against direct sums, with rounding errors as in the nodes of a mesh."""

import numpy as np
import pytest

from freqbias.numerics import Grid, GridTransform, TensorTransform, make_tensor_transform, phase
from tests.numerics.test_nufft import distance

GRIDS = [Grid((16, 11), (1.0, 2.5)), Grid((8, 7, 6), (1.0, 0.4, 2.5))]


def product(axes):
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("batch", [(), (1,), (3,)])
def test_tensor_products_equal_direct_sums(grid, batch):
    """Frequencies with rounding errors, in random order, a third of them missing."""
    rng = np.random.default_rng(3)
    every = product([rng.normal(size=n) for n in (9, 7, 5)[: grid.dimension]])
    chosen = rng.permutation(every)[: 2 * len(every) // 3]
    frequencies = chosen * (1 + 1e-15 * rng.normal(size=chosen.shape))
    values = rng.normal(size=(*batch, grid.size))
    amplitudes = rng.normal(size=(*batch, len(frequencies))) + 1j * rng.normal(size=(*batch, len(frequencies)))
    dense, transform = phase(frequencies, grid.positions()), TensorTransform(grid, frequencies)
    assert distance(transform.to_frequencies(values), values @ dense.T) < 1e-13
    for each in (amplitudes, amplitudes.real):
        assert distance(transform.to_samples(each), each @ dense.conj()) < 1e-13
    assert transform.shape == (9, 7, 5)[: grid.dimension]


def test_nodes_of_a_fine_mesh_stay_distinct():
    """Gauss-Lobatto nodes of degree 8 on 400 cells: the smallest distance is 1.2e-4 of the axis."""
    gaps = np.array([0.0, 0.05, 0.16, 0.32, 0.5, 0.68, 0.84, 0.95])
    axis = np.append((np.arange(400)[:, None] + gaps).ravel(), 400.0) / 4 - 50
    transform = TensorTransform(Grid((8, 8), (1.0, 1.0)), product([axis, np.array([0.0, 1.0])]))
    assert transform.shape == (3201, 2)


def test_not_a_tensor_grid():
    grid, rng = Grid((8, 8), (1.0, 1.0)), np.random.default_rng(4)
    with pytest.raises(ValueError, match="no tensor grid"):
        TensorTransform(grid, rng.normal(size=(30, 2)))
    assert isinstance(make_tensor_transform(grid, rng.normal(size=(30, 2)), eps=1e-6), GridTransform)
    with pytest.raises(FloatingPointError, match="NaN or infinite"):
        TensorTransform(grid, np.array([[0.0, np.nan]]))


def test_transform_chosen_by_grid():
    chosen = [
        type(make_tensor_transform(Grid(shape, (1.0,) * len(shape)), np.zeros((1, len(shape))), eps=1e-6, threads=1))
        for shape in ((64,), (64, 256), (64, 257), (32, 32, 32))
    ]
    assert chosen == [GridTransform, TensorTransform, GridTransform, TensorTransform]


@pytest.mark.parametrize("shape", [(8,), (8, 8)])
def test_no_frequencies(shape):
    """A rank may have no cells."""
    grid = Grid(shape, (1.0,) * len(shape))
    transform = make_tensor_transform(grid, np.zeros((0, len(shape))), eps=1e-6, threads=1)
    assert transform.to_frequencies(np.ones((2, grid.size))).shape == (2, 0)
    np.testing.assert_array_equal(transform.to_samples(np.zeros((2, 0))), np.zeros((2, grid.size)))
