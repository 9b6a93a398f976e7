"""Density, transform, sampler, maximum and tail radius of each law, held against each other for d = 1, 2, 3."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from problem import Ball, Density, Gaussian, Uniform

SCALE = 3.0  # sigma or radius, cycles/length
LAWS = [Gaussian(SCALE), Uniform(SCALE), Ball(SCALE)]
DIMENSIONS = [1, 2, 3]
each_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__.lower())
each_dimension = pytest.mark.parametrize("dimension", DIMENSIONS)


def panels(edges, count):
    """Gauss-Legendre points and weights on consecutive panels."""
    t, weight = np.polynomial.legendre.leggauss(count)
    pieces = list(itertools.pairwise(edges))
    points = np.concatenate([(a + b) / 2 + (b - a) / 2 * t for a, b in pieces])
    return points, np.concatenate([(b - a) / 2 * weight for a, b in pieces])


def quadrature(law, dimension):
    """Points (n, d) and weights (n,) that integrate the law times a smooth function, and reach beyond its support."""
    if isinstance(law, Ball) and dimension > 1:
        r, weight_r = panels([0, SCALE, 1.5 * SCALE], 24)
        angle = 2 * np.pi * np.arange(48) / 48
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        if dimension == 2:
            points = r[:, None, None] * circle
            weights = np.repeat((weight_r * r)[:, None], 48, axis=1) * (2 * np.pi / 48)
            return points.reshape(-1, 2), weights.ravel()
        height, weight_h = panels([-1, 1], 24)
        across = np.sqrt(1 - height**2)
        sphere = np.concatenate(
            [across[:, None, None] * circle, np.broadcast_to(height[:, None, None], (24, 48, 1))], axis=-1
        )
        points = r[:, None, None, None] * sphere
        weights = (weight_r * r**2)[:, None, None] * weight_h[:, None] * np.full(48, 2 * np.pi / 48)
        return points.reshape(-1, 3), weights.ravel()
    reach = 8 * SCALE if isinstance(law, Gaussian) else SCALE
    outside = [] if isinstance(law, Gaussian) else [1.5 * SCALE]
    x, weight = panels([*(-np.array(outside)), -reach, reach, *outside], 60 if isinstance(law, Gaussian) else 24)
    points = np.stack([a.ravel() for a in np.meshgrid(*[x] * dimension, indexing="ij")], axis=-1)
    weights = np.prod(np.stack([a.ravel() for a in np.meshgrid(*[weight] * dimension, indexing="ij")]), axis=0)
    return points, weights


def some_z(dimension, count=7):
    """Lengths at which the transforms have fallen to some tenths, the origin among them."""
    z = np.random.default_rng(1).normal(scale=0.4 / SCALE / np.sqrt(dimension), size=(count, dimension))
    z[0] = 0
    return z


@each_law
@each_dimension
def test_the_transform_is_the_fourier_integral_of_the_density(law, dimension):
    points, weights = quadrature(law, dimension)
    z = some_z(dimension)
    mass = weights * law.density(points)
    integral = np.array([np.sum(mass * np.cos(2 * np.pi * points @ point)) for point in z])
    assert abs(mass.sum() - 1) < 1e-10
    np.testing.assert_allclose(law.transform(z), integral, rtol=0, atol=1e-10)
    assert law.transform(z)[0] == 1
    assert np.ptp(integral) > 0.3  # so that a wrong scale of z would be seen


@each_law
@each_dimension
def test_samples_follow_the_density(law, dimension):
    """Their empirical characteristic function is k(z): to the Monte-Carlo error, and much better with Sobol points."""
    count, z = 2**14, some_z(dimension)[1:]

    def error(unit):
        return np.abs(np.exp(2j * np.pi * law.warp(unit) @ z.T).mean(axis=0) - law.transform(z)).max()

    independent = np.random.default_rng(0).random((count, dimension))
    sobol = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(0)).random(count)
    assert 0 < error(independent) < 4 / np.sqrt(count)
    assert error(sobol) < 0.5 / np.sqrt(count)
    assert error(sobol) < 0.2 * error(independent)


@each_law
@each_dimension
def test_samples_lie_in_the_support(law, dimension):
    xi = law.warp(np.random.default_rng(2).random((2000, dimension)))
    assert xi.shape == (2000, dimension)
    assert (law.density(xi) > 0).all()
    corners = np.array(list(itertools.product([2.0**-54, 1 - 2.0**-53], repeat=dimension)))
    assert np.isfinite(law.warp(corners)).all()


@each_law
@each_dimension
@given(data=st.data())
def test_density_and_transform_are_even_and_bounded(law, dimension, data):
    coordinate = st.floats(-3 * SCALE, 3 * SCALE)
    xi = np.array(data.draw(st.lists(coordinate, min_size=dimension, max_size=dimension)))
    assert law.density(-xi) == law.density(xi)
    assert 0 <= law.density(xi) <= law.maximum(dimension) == law.density(np.zeros(dimension))
    assert law.transform(-xi) == law.transform(xi)
    assert abs(law.transform(xi)) <= 1


@each_law
@each_dimension
@given(share=st.floats(1e-12, 0.95), direction=st.integers(0, 10**6))
def test_tail_radius_is_the_smallest(law, dimension, share, direction):
    level = share * law.maximum(dimension)
    radius = law.tail_radius(level, dimension)
    outside = np.random.default_rng(direction).uniform(-1, 1, size=(50, dimension))
    outside *= radius * (1 + 1e-9) / np.abs(outside).max(axis=1, keepdims=True)
    assert (law.density(np.concatenate([outside, 1.3 * outside, 5 * outside])) <= level).all()
    inside = np.zeros(dimension)
    inside[direction % dimension] = radius * (1 - 1e-9)
    assert law.density(inside) > level


@pytest.mark.parametrize("s", [1e-3, 9.9e-3, 1.01e-2, 3e-2])
def test_the_ball_near_the_origin(s):
    """The branch for small arguments and the closed form, against the power series with one term more."""
    z = s / (2 * np.pi * SCALE)
    series = {2: 1 - s**2 / 8 + s**4 / 192 - s**6 / 9216, 3: 1 - s**2 / 10 + s**4 / 280 - s**6 / 15120}
    for dimension, expected in series.items():
        point = np.full(dimension, z / np.sqrt(dimension))
        assert Ball(SCALE).transform(point) == pytest.approx(expected, abs=1e-11)


@each_law
@each_dimension
def test_the_laws_scale(law: Density, dimension):
    """A law twice as wide: density / 2^d, at twice the frequency; transform at half the length."""
    twice = type(law)(2 * SCALE)  # type: ignore[call-arg]
    xi = np.random.default_rng(3).normal(scale=SCALE, size=(20, dimension))
    np.testing.assert_allclose(twice.density(2 * xi), law.density(xi) / 2**dimension, rtol=1e-12)
    np.testing.assert_allclose(twice.transform(xi / 20), law.transform(xi / 10), rtol=1e-10, atol=1e-14)


def test_a_box_mesh_follows_every_law_but_the_ball():
    assert [law.follows_box(1) for law in LAWS] == [True, True, True]
    assert [law.follows_box(2) for law in LAWS] == [law.follows_box(3) for law in LAWS] == [True, True, False]


@each_law
@each_dimension
def test_breaks_and_radii_are_where_the_density_jumps(law, dimension):
    """Along an axis, the finite differences of the density and of its slope."""
    edges = sorted({*law.breaks(dimension)[0], *law.radii(dimension)})
    expected = np.array([jump(law, dimension, edge) for edge in edges])
    assert (expected > 0.01).all()
    between = np.linspace(0.02, 2.9, 40) * SCALE
    smooth = [x for x in between if all(abs(x - edge) > 0.01 * SCALE for edge in edges)]
    assert max(jump(law, dimension, x) for x in smooth) < 1e-3
    assert law.compact(dimension) == (law.density(np.eye(dimension)[0] * 1e3 * SCALE) == 0 and bool(edges))


def jump(law, dimension, x):
    """|jump| of rho_w and of its slope across xi_1 = x, over the maximum and over maximum / SCALE."""
    xi = np.zeros((6, dimension))
    step = 1e-5 * SCALE
    xi[:, 0] = x + step * np.array([-2, -1, -0.001, 0.001, 1, 2])
    value = law.density(xi) / law.maximum(dimension)
    slope = np.array([value[1] - value[0], value[5] - value[4]]) / step * SCALE
    return max(abs(value[3] - value[2]), abs(slope[1] - slope[0]))
