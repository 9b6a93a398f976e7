"""Density, transform, sampler, maximum and tail radius of each density agree with each other for d = 1, 2, 3."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, qmc

from freqbias.problem import Annulus, Ball, Gaussian, Laplace, Mixture, StudentT, Table, Uniform

SCALE = 3.0  # cycles/length


def table(scale, dimension):
    """An even table with random values, and another number of nodes on each axis."""
    values = np.random.default_rng(4).uniform(0.2, 1, size=(7, 4, 5)[:dimension])
    return Table(values + np.flip(values), tuple(scale * np.array([1.0, 1.2, 0.8])[:dimension]))


TABLE_AXES = [np.linspace(-r * SCALE, r * SCALE, n) for r, n in ((1.0, 7), (1.2, 4), (0.8, 5))]


MAKE = {
    "gaussian": lambda scale, _: Gaussian(scale),
    "laplace": lambda scale, _: Laplace(scale),
    "student-t": lambda scale, _: StudentT(scale, freedom=4.5),
    "uniform": lambda scale, _: Uniform(scale),
    "ball": lambda scale, _: Ball(scale),
    "annulus": lambda scale, _: Annulus(0.6 * scale, scale),
    "mixture": lambda scale, _: Mixture((1.0, 3.0), (Gaussian(scale), Uniform(1.5 * scale))),
    "table": table,
}
each_law = pytest.mark.parametrize("name", MAKE)
each_dimension = pytest.mark.parametrize("dimension", [1, 2, 3])


def panels(edges, count):
    """Gauss-Legendre points and weights on the panels between the edges."""
    t, weight = np.polynomial.legendre.leggauss(count)
    pieces = list(itertools.pairwise(edges))
    points = np.concatenate([(a + b) / 2 + (b - a) / 2 * t for a, b in pieces])
    return points, np.concatenate([(b - a) / 2 * weight for a, b in pieces])


def box_quadrature(edges_of_axes, count):
    """Points (n, d) and weights (n,) of the product rule with Gauss-Legendre panels on each axis."""
    points, weights = zip(*[panels(edges, count) for edges in edges_of_axes], strict=True)
    grid = np.stack([a.ravel() for a in np.meshgrid(*points, indexing="ij")], axis=-1)
    return grid, np.prod(np.stack([a.ravel() for a in np.meshgrid(*weights, indexing="ij")]), axis=0)


def ball_quadrature(edges, dimension):
    """Points (n, d) and weights (n,) in polar coordinates, d = 2 or 3, with Gauss-Legendre panels along the radius."""
    r, weight_r = panels(edges, 24)
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


def quadrature(name, dimension):
    """Points and weights that integrate the density times a smooth function, also outside its support."""
    if name in ("ball", "annulus") and dimension > 1:
        return ball_quadrature([0, 0.6 * SCALE, SCALE, 1.5 * SCALE], dimension)
    edges, count = {
        "gaussian": ([SCALE * np.array([-8, 8])] * dimension, 60),
        "laplace": ([SCALE * np.array([-32, -8, 0, 8, 32])] * dimension, 32),
        "uniform": ([SCALE * np.array([-1.5, -1, 1, 1.5])] * dimension, 24),
        "ball": ([SCALE * np.array([-1.5, -1, 1, 1.5])], 24),
        "annulus": ([SCALE * np.array([-1.5, -1, -0.6, 0.6, 1, 1.5])], 24),
        "mixture": ([SCALE * np.array([-8, -1.5, 1.5, 8])] * dimension, 24),
        "table": ([np.array([-5, *axis, 5]) for axis in TABLE_AXES][:dimension], 8),
    }[name]
    return box_quadrature(edges, count)


def some_z(dimension, count=7):
    """Lags at which the transforms are a few tenths, and the origin."""
    z = np.random.default_rng(1).normal(scale=0.4 / SCALE / np.sqrt(dimension), size=(count, dimension))
    z[0] = 0
    return z


@pytest.mark.parametrize("name", [name for name in MAKE if name != "student-t"])
@each_dimension
def test_transform_is_the_fourier_integral(name, dimension):
    law = MAKE[name](SCALE, dimension)
    points, weights = quadrature(name, dimension)
    z = some_z(dimension)
    mass = weights * law.density(points)
    integral = np.array([np.sum(mass * np.cos(2 * np.pi * points @ point)) for point in z])
    assert abs(mass.sum() - 1) < 1e-10
    np.testing.assert_allclose(law.transform(z), integral, rtol=0, atol=1e-10)
    assert law.transform(z)[0] == pytest.approx(1, abs=1e-14)
    assert np.ptp(integral) > 0.3  # large enough to detect a wrong scale of z


@pytest.mark.parametrize("freedom", [1.0, 2.0, 4.5, 100.0])
@each_dimension
def test_student_t_is_a_mixture_of_gaussians(freedom, dimension):
    """The Gaussians have variance sigma^2 nu / g, where g has a chi-squared distribution with nu degrees of freedom."""
    law, step = StudentT(SCALE, freedom), 0.02
    g = np.exp(np.arange(-100, 6, step))  # the trapezoidal rule in log g
    weights = chi2.pdf(g, freedom) * g * step
    parts = [Gaussian(SCALE * np.sqrt(freedom / value)) for value in g]
    xi = np.random.default_rng(2).normal(scale=3 * SCALE, size=(5, dimension))
    z = some_z(dimension)[1:] * np.array([[1e-3], [0.1], [0.3], [1.0], [2.0], [5.0]])
    expected = sum(w * part.density(xi) for w, part in zip(weights, parts, strict=True))
    np.testing.assert_allclose(law.density(xi), expected, rtol=1e-11)
    expected = sum(w * part.transform(z) for w, part in zip(weights, parts, strict=True))
    np.testing.assert_allclose(law.transform(z), expected, rtol=1e-10, atol=1e-13)
    assert law.transform(0 * z[0]) == 1


@pytest.mark.parametrize("freedom", [1.0, 2.0, 20.0, 100.0])
def test_student_t_near_the_origin(freedom):
    """The transform stays smooth where the Bessel function overflows; 1 - k is bounded by its first term."""
    s = np.logspace(-320, -1, 2000)
    k = StudentT(1 / (2 * np.pi * np.sqrt(freedom)), freedom).transform(s[:, None])
    assert np.isfinite(k).all()
    assert (np.diff(k) < 1e-13).all()
    bound = s**2 / (2 * freedom - 4) if freedom > 2 else s**2 * (1 - np.log(s)) if freedom == 2 else s
    assert (1 - k <= bound + 1e-13).all()


@each_law
@each_dimension
def test_samples_follow_the_density(name, dimension):
    """The empirical characteristic function is k(z) to the Monte-Carlo error, and much closer for Sobol points."""
    law = MAKE[name](SCALE, dimension)
    count, z = 2**14, some_z(dimension)[1:]

    def error(unit):
        return np.abs(np.exp(2j * np.pi * law.from_unit_cube(unit) @ z.T).mean(axis=0) - law.transform(z)).max()

    independent = np.random.default_rng(0).random((count, dimension))
    sobol = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(0)).random(count)
    assert 0 < error(independent) < 4 / np.sqrt(count)
    assert error(sobol) < 0.5 / np.sqrt(count)
    assert error(sobol) < 0.2 * error(independent)


@each_law
@each_dimension
def test_samples_lie_in_the_support(name, dimension):
    law = MAKE[name](SCALE, dimension)
    xi = law.from_unit_cube(np.random.default_rng(2).random((20, 100, dimension)))
    assert xi.shape == (20, 100, dimension)
    assert (law.density(xi) > 0).all()
    corners = np.array(list(itertools.product([2.0**-54, 0.5, 1 - 2.0**-53], repeat=dimension)))
    assert np.isfinite(law.from_unit_cube(corners)).all()


@each_law
@each_dimension
@given(data=st.data())
def test_even_and_bounded(name, dimension, data):
    law = MAKE[name](SCALE, dimension)
    coordinate = st.floats(-3 * SCALE, 3 * SCALE)
    xi = np.array(data.draw(st.lists(coordinate, min_size=dimension, max_size=dimension)))
    assert law.density(-xi) == pytest.approx(law.density(xi), rel=1e-12)
    assert 0 <= law.density(xi) <= law.maximum(dimension) * (1 + 1e-12)
    k, mirrored = law.transform(np.stack([xi, -xi]))
    assert mirrored == pytest.approx(k, rel=1e-12, abs=1e-15)
    assert abs(k) <= 1 + 1e-12


@each_law
@each_dimension
def test_the_maximum_is_reached(name, dimension):
    law = MAKE[name](SCALE, dimension)
    nodes = np.stack(np.meshgrid(*[[*axis, 0.8 * SCALE] for axis in TABLE_AXES[:dimension]], indexing="ij"), axis=-1)
    values = law.density(np.concatenate([nodes.reshape(-1, dimension), np.zeros((1, dimension))]))
    assert values.max() == pytest.approx(law.maximum(dimension), rel=1e-12)


@each_law
@each_dimension
@given(fraction=st.floats(1e-12, 0.95), seed=st.integers(0, 10**6))
def test_tail_radius_is_the_smallest(name, dimension, fraction, seed):
    """Outside the radius rho_w is at most the level; just inside, it exceeds the level somewhere on |xi_i| = R."""
    law = MAKE[name](SCALE, dimension)
    level = fraction * law.maximum(dimension)
    radius = law.tail_radius(level, dimension)
    outside = np.random.default_rng(seed).uniform(-1, 1, size=(50, dimension))
    outside *= radius * (1 + 1e-9) / np.abs(outside).max(axis=1, keepdims=True)
    assert (law.density(np.concatenate([outside, 1.3 * outside, 5 * outside])) <= level).all()
    planes = [
        np.insert(others, axis, radius * (1 - 1e-9), axis=1)
        for axis in range(dimension)
        for others in [table_nodes(dimension, without=axis) if name == "table" else np.zeros((1, dimension - 1))]
    ]
    assert law.density(np.concatenate(planes)).max() > level
    assert law.tail_maximum(radius * (1 + 1e-9), dimension) <= level < law.tail_maximum(radius * (1 - 1e-9), dimension)


def table_nodes(dimension, *, without):
    """The nodes of `table` on all axes except one, (n, d - 1)."""
    axes = [axis for index, axis in enumerate(TABLE_AXES[:dimension]) if index != without]
    return np.array(list(itertools.product(*axes)))


@pytest.mark.parametrize("s", [1e-3, 9.9e-3, 1.01e-2, 3e-2])
def test_ball_near_the_origin(s):
    """The branch for small arguments and the closed form agree with the power series with one more term."""
    z = s / (2 * np.pi * SCALE)
    series = {2: 1 - s**2 / 8 + s**4 / 192 - s**6 / 9216, 3: 1 - s**2 / 10 + s**4 / 280 - s**6 / 15120}
    for dimension, expected in series.items():
        point = np.full(dimension, z / np.sqrt(dimension))
        assert Ball(SCALE).transform(point) == pytest.approx(expected, abs=1e-11)


@each_law
@each_dimension
def test_scaling(name, dimension):
    """Twice the width: the density at 2 xi is divided by 2^d; the transform at z / 2 is unchanged."""
    law, twice = MAKE[name](SCALE, dimension), MAKE[name](2 * SCALE, dimension)
    xi = np.random.default_rng(3).normal(scale=SCALE, size=(20, dimension))
    np.testing.assert_allclose(twice.density(2 * xi), law.density(xi) / 2**dimension, rtol=1e-12)
    np.testing.assert_allclose(twice.transform(xi / 20), law.transform(xi / 10), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(twice.transform(xi[0] / 20), law.transform(xi[0] / 10), rtol=1e-10, atol=1e-14)


def test_radii_support_and_constancy():
    round_edges = {name for name, make in MAKE.items() for d in (2, 3) if make(1.0, d).break_radii(d)}
    assert round_edges == {"ball", "annulus"}
    compact = {name for name, make in MAKE.items() for d in (1, 2, 3) if make(1.0, d).compact(d)}
    assert compact == {"uniform", "ball", "annulus", "table"}
    assert {name for name, make in MAKE.items() if make(1.0, 1).constant} == {"uniform", "ball", "annulus"}


@each_law
@each_dimension
def test_break_planes_and_radii(name, dimension):
    """On a line close to each axis, the density or its derivative jumps at these places and nowhere else."""
    law = MAKE[name](SCALE, dimension)
    for axis in range(dimension):
        edges = sorted({*law.break_planes(dimension)[axis], *law.break_radii(dimension)})
        between = np.linspace(0.02, 2.9, 40) * SCALE
        smooth = [x for x in between if all(abs(x - edge) > 0.01 * SCALE for edge in edges)]
        assert min((jump(law, dimension, axis, edge) for edge in edges), default=1) > 0.01
        assert max(jump(law, dimension, axis, x) for x in smooth) < 1e-3


def jump(law, dimension, axis, x):
    """The larger jump of rho_w / maximum and of its derivative times SCALE / maximum, across xi_axis = x."""
    xi, step = np.full((6, dimension), 1e-6 * SCALE), 1e-5 * SCALE
    xi[:, axis] = x + step * np.array([-2, -1, -0.001, 0.001, 1, 2])
    value = law.density(xi) / law.maximum(dimension)
    derivative = np.array([value[1] - value[0], value[5] - value[4]]) / step * SCALE
    return max(abs(value[3] - value[2]), abs(derivative[1] - derivative[0]))


@each_dimension
@each_law
def test_transform_of_extreme_widths(name, dimension):
    """k falls to 0 for wide densities and rises to 1 for narrow ones, however extreme, without NaN."""
    z = np.full((1, dimension), 0.37)
    for scale in (1e5, 1e9, 1e15, 1e60):
        assert abs(MAKE[name](scale, dimension).transform(z)[0]) < 1e-4
    for scale in (1e-5, 1e-9, 1e-15, 1e-60):
        assert MAKE[name](scale, dimension).transform(z)[0] == pytest.approx(1, abs=1e-7)
