"""Folded laws: on the data their inverse transforms are G and H, and they are the sum of shifted copies of the law."""

import numpy as np
import pytest

from freqbias.numerics import Grid
from freqbias.problem import (
    ACTIVATIONS,
    Ball,
    Gaussian,
    Laplace,
    Network,
    StudentT,
    Table,
    Uniform,
    deep_laws,
    fold,
    ntk_recursion,
)
from freqbias.problem.folding import MARGIN_STEPS

SIGMA_A = 1.5
DENSITIES = [
    (Gaussian(3.0), 1),
    (Laplace(2.0), 2),
    (StudentT(2.0, 1.0), 2),
    (Uniform(9.0), 2),
    (Ball(4.0), 3),
    (Table(np.array([1.0, 3.0, 2.0, 3.0, 1.0]), (6.0,)), 1),
]


def make(density, dimension, activation="sine", depth=3):
    return deep_laws(density, Network(width=2, sigma_a=SIGMA_A, depth=depth, activation=activation), dimension)


def box(grid):
    """Evenly spaced frequencies in the Nyquist box; their mean is exact for products of the cosines of the windowed
    series and those of the grid."""
    counts = [2 * n + MARGIN_STEPS for n in grid.shape]
    axes = [np.arange(count) / (count * h) for count, h in zip(counts, grid.spacing, strict=True)]
    return np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")], axis=-1)


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(("density", "dimension"), DENSITIES, ids=lambda value: type(value).__name__)
def test_inverse_transform_is_the_kernel(density, dimension, activation, depth):
    grid = Grid((9, 6, 4)[:dimension], (1.0, 1.5, 0.7)[:dimension])
    xi, z = box(grid), grid.positions() - grid.positions()[0]
    laws = make(density, dimension, activation, depth)
    exact = ntk_recursion(density.transform(z), ACTIVATIONS[activation], SIGMA_A, depth - 2)
    wave = np.cos(2 * np.pi * z @ xi.T) / len(xi) / np.prod(grid.spacing)
    damping, diffusion = (wave @ fold(law, grid.span, grid.nyquist)(xi) for law in (laws.damping, laws.diffusion))
    np.testing.assert_allclose(damping + laws.atom, exact[0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(diffusion, exact[1], rtol=0, atol=1e-11)


@pytest.mark.parametrize("activation", ["sine", "tanh", "erf", "gelu"])
@pytest.mark.parametrize("dimension", [1, 2])
def test_sum_of_shifted_copies(activation, dimension):
    """The Poisson summation formula, on a grid that covers G and H: length 1.5 for sigma = 3."""
    grid = Grid((24,) * dimension, (1.5,) * dimension)
    xi = np.random.default_rng(0).uniform(-8, 8, size=(20, dimension))
    copies = np.meshgrid(*[16.0 * np.arange(-9, 10)] * dimension, indexing="ij")
    shifts = np.stack(copies, axis=-1).reshape(-1, 1, dimension)
    laws = make(Gaussian(3.0), dimension, activation)
    for law in (laws.damping, laws.diffusion):
        values = law.value((xi + shifts).reshape(-1, dimension)).reshape(-1, len(xi))
        folded = fold(law, grid.span, grid.nyquist)(xi)
        np.testing.assert_allclose(values.sum(axis=0), folded, rtol=0, atol=1e-11 * law.maximum)
