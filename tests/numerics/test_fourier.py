"""The Fourier convention, the grid and the two-layer laws, against explicit formulas."""

import numpy as np
import pytest

from freqbias.numerics import Grid, phase, transform
from freqbias.problem import Ball, Gaussian, Uniform, two_layer_laws

GRIDS = [Grid((48,), (2.5,)), Grid((31, 36), (2.0, 3.0)), Grid((20, 21, 22), (2.0, 2.0, 2.0))]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{grid.dimension}d")
def test_transform_of_a_shifted_gaussian(grid):
    """F[exp(-|x - s|^2 / (2 c^2))] = (2 pi c^2)^(d/2) exp(-2 pi^2 c^2 |xi|^2) exp(-2 pi i xi.s)."""
    c, d = 0.12, grid.dimension
    shift = np.array([0.11, -0.07, 0.05])[:d]
    x = grid.positions()
    u = np.exp(-np.sum((x - shift) ** 2, axis=1) / (2 * c**2))
    xi = np.random.default_rng(0).uniform(-2, 2, (9, d))
    exact = np.exp(-2 * np.pi**2 * c**2 * np.sum(xi**2, axis=1) - 2j * np.pi * xi @ shift)
    v = transform(u, x, xi) * grid.volume / (2 * np.pi * c**2) ** (d / 2)
    np.testing.assert_allclose(v, exact, rtol=0, atol=1e-6)
    assert np.abs(v - exact.conj()).max() > 0.3  # detects the opposite sign
    assert np.abs(exact).min() < 0.7  # detects a missing 2 pi


def test_transform_of_a_single_wave():
    grid = Grid((64,), (2.0,))
    x = grid.positions()
    wave = np.exp(2j * np.pi * 3.5 * x[:, 0])
    np.testing.assert_allclose(transform(wave, x, np.array([[3.5], [-3.5], [4.0]])), [1, 0, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [16, 17])
def test_spectrum_of_a_grid_is_periodic(n):
    """v(xi + n / extent) = (-1)^(n + 1) v(xi)."""
    grid = Grid((n,), (0.4,))
    u = np.random.default_rng(1).normal(size=n)
    xi = np.linspace(-30, 30, 13)[:, None]
    v, shifted = (transform(u, grid.positions(), points) for points in (xi, xi + n / 0.4))
    np.testing.assert_allclose(shifted, (-1) ** (n + 1) * v, rtol=0, atol=1e-12)


def test_transform_with_leading_axes():
    x, xi = np.random.default_rng(2).normal(size=(5, 2)), np.random.default_rng(3).normal(size=(4, 2))
    u = np.random.default_rng(4).normal(size=(3, 2, 5))
    v = transform(u, x, xi)
    assert v.shape == (3, 2, 4)
    expected = sum(u[2, 1, j] * np.exp(-2j * np.pi * xi[3] @ x[j]) for j in range(5)) / 5
    assert v[2, 1, 3] == pytest.approx(expected)
    assert phase(xi, x)[3, 4] == pytest.approx(np.exp(-2j * np.pi * xi[3] @ x[4]))


def test_grid_points_are_cell_centres():
    grid = Grid((4,), (2.0,))
    np.testing.assert_allclose(grid.positions()[:, 0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(Grid((3,), (3.0,)).positions()[:, 0], [-1, 0, 1])


def test_grid_is_in_c_order():
    grid = Grid((2, 3), (2.0, 9.0))
    expected = [[-0.5, -3], [-0.5, 0], [-0.5, 3], [0.5, -3], [0.5, 0], [0.5, 3]]
    np.testing.assert_allclose(grid.positions(), expected)
    assert (grid.size, grid.dimension, grid.volume) == (6, 2, 18.0)
    np.testing.assert_allclose(grid.spacing, [1, 3])
    np.testing.assert_allclose(grid.nyquist, [0.5, 1 / 6])
    np.testing.assert_allclose(grid.reach, [0.5, 3])
    for axis, coordinates in enumerate(grid.axes()):
        np.testing.assert_allclose(np.unique(grid.positions()[:, axis]), coordinates)


@pytest.mark.parametrize("law", [Gaussian(3.0), Uniform(3.0), Ball(3.0)])
def test_two_layer_laws(law):
    """damping = rho_w, diffusion = sigma_a^2 rho_w, values and transforms; no atom."""
    laws = two_layer_laws(law, 1.5, 2)
    xi, z = np.random.default_rng(5).normal(size=(2, 30, 2)) * [[[2.0]], [[0.1]]]
    np.testing.assert_array_equal(laws.damping.value(xi), law.density(xi))
    np.testing.assert_allclose(laws.diffusion.value(xi), 2.25 * law.density(xi), rtol=1e-15)
    np.testing.assert_array_equal(laws.damping.transform(z), law.transform(z))
    np.testing.assert_allclose(laws.diffusion.transform(z), 2.25 * law.transform(z), rtol=1e-15)
    assert laws.atom == 0
