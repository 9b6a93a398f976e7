"""The laws of deep networks on all of frequency space, compared with convolutions, Hankel and inverse transforms."""

from functools import cache
from math import factorial, gamma, pi, sinh

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.special import j0, kv

from freqbias.problem import Annulus, Ball, Gaussian, Laplace, Mixture, Network, StudentT, Table, Uniform, deep_laws

SIGMA_A = 1.5
HUMP = np.array([1.0, 1.5, 3.0, 2.5, 3.0, 1.5, 1.0])
FALLING = np.array([0.0, 1.5, 3.0, 2.5, 3.0, 1.5, 0.0])  # without jumps at the ends, its transform is quicker


@cache
def laws(density, dimension, activation, depth=3):
    return deep_laws(density, Network(width=2, sigma_a=SIGMA_A, depth=depth, activation=activation), dimension)


def gaussian(n, xi):
    """The n-fold convolution of rho_w with itself, sigma = 3."""
    return np.exp(-(xi**2).sum(axis=1) / (18 * n)) / (18 * pi * n) ** (xi.shape[1] / 2)


def cauchy(n, xi):
    """The n-fold convolution of rho_w with itself, sigma = 2."""
    d = xi.shape[1]
    return gamma((d + 1) / 2) / pi ** ((d + 1) / 2) * 2 * n / ((2 * n) ** 2 + (xi**2).sum(axis=1)) ** ((d + 1) / 2)


def laplace(n, xi):
    """The n-fold convolution of rho_w with itself, b = 2."""
    x = np.abs(xi) / 2
    return np.prod((x / 2) ** (n - 0.5) * kv(n - 0.5, x) / (2 * np.sqrt(pi) * gamma(n)), axis=1)


def uniform(n, xi):
    """The n-fold convolution of rho_w with itself, R = 4."""
    spline = BSpline.basis_element(8 * np.arange(n + 1) - 4 * n, extrapolate=False)
    return np.prod(np.nan_to_num(spline(xi)) / 8, axis=1)


@pytest.mark.parametrize(
    ("density", "power", "dimension", "within"),
    [
        (Gaussian(3.0), gaussian, 1, 1e-13),
        (Gaussian(3.0), gaussian, 2, 1e-13),
        (Gaussian(3.0), gaussian, 3, 1e-12),
        (StudentT(2.0, 1.0), cauchy, 1, 1e-7),
        (StudentT(2.0, 1.0), cauchy, 2, 2e-4),
        (Laplace(2.0), laplace, 1, 1e-12),
        (Laplace(2.0), laplace, 2, 3e-9),
        (Uniform(4.0), uniform, 1, 1e-8),
        (Uniform(4.0), uniform, 2, 3e-6),
        (Uniform(4.0), uniform, 3, 2e-3),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_sum_of_convolutions(density, power, dimension, within):
    """For sine, sinh k = sum of k^n / n! over odd n, and cosh k the sum over even n."""
    found = laws(density, dimension, "sine")
    xi = np.random.default_rng(0).uniform(-15, 15, size=(300, dimension))
    xi[::3] /= 5
    h = sum(SIGMA_A**2 / factorial(n - 1) * power(n, xi) for n in range(1, 22, 2)) / sinh(1)
    g = sum(1 / factorial(n) * power(n, xi) for n in range(1, 22, 2)) / sinh(1) + h
    for law, exact in ((found.damping, g), (found.diffusion, h)):
        assert np.abs(law.value(xi) - exact).max() <= within * law.maximum


def hankel(law, radius, dimension):
    """F[law.transform] at these radii by Gauss-Legendre quadrature on |z| < 1, finer towards 0.

    The transform of the law must fall faster than a Gaussian.
    """
    t, weight = np.polynomial.legendre.leggauss(20)
    edges = np.concatenate([[0], np.geomspace(1e-5, 1e-2, 40), np.linspace(1e-2, 1, 400)[1:]])
    r = (edges[:-1, None] + np.diff(edges)[:, None] / 2 * (1 + t)).ravel()
    z, s = np.zeros((len(r), dimension)), 2 * pi * np.outer(radius, r)
    z[:, -1] = r
    wave = {1: lambda: 2 * np.cos(s), 2: lambda: 2 * pi * r * j0(s), 3: lambda: 4 * pi * r**2 * np.sinc(s / pi)}
    return wave[dimension]() @ ((np.diff(edges)[:, None] / 2 * weight).ravel() * law.transform(z))


@pytest.mark.parametrize(
    ("activation", "dimension", "depth"),
    [
        *[(activation, d, depth) for activation in ("relu", "gelu", "tanh", "erf") for d, depth in ((1, 3), (2, 4))],
        ("relu", 3, 3),
    ],
)
def test_every_activation(activation, dimension, depth):
    radius = np.linspace(0, 12, 30)
    xi = radius[:, None] * np.eye(dimension)[0]
    within = {1: 1e-7, 2: 1e-6, 3: 1e-3}[dimension] if activation == "relu" else 1e-9
    found = laws(Gaussian(3.0), dimension, activation, depth)
    for law in (found.damping, found.diffusion):
        exact = hankel(law, radius, dimension)
        assert np.abs(law.value(xi) - exact).max() <= within * law.maximum
        assert law.maximum == pytest.approx(exact[0], rel=within)


EVERY = [
    *[(density, d) for density in (Gaussian(3.0), Laplace(2.0), StudentT(2.0, 5.0)) for d in (1, 2)],
    *[(density, d) for density in (Uniform(4.0), Ball(4.0), Annulus(2.0, 4.0)) for d in (1, 2)],
    *[(Mixture((1.0, 2.0), (Gaussian(1.0), Ball(5.0))), d) for d in (1, 2)],
    (Ball(4.0), 3),
    (Table(HUMP, (5.0,)), 1),
    (Table(np.outer(HUMP, HUMP[1:-1]), (5.0, 3.0)), 2),
    (Table(np.multiply.outer(np.outer(FALLING, FALLING), HUMP[2:-2]), (5.0, 4.0, 3.0)), 3),  # jumps along one axis
]


every_density = pytest.mark.parametrize(
    ("density", "dimension"), EVERY, ids=[f"{type(density).__name__}-{d}" for density, d in EVERY]
)


@every_density
def test_every_density(density, dimension):
    """Without its linear term, which may jump, the law is smooth enough for the trapezoidal rule."""
    law, linear = laws(density, dimension, "sine").damping, (1 + SIGMA_A**2) / sinh(1)
    points, reach = {1: (2001, 40), 2: (401, 40), 3: (61, 30)}[dimension]
    axis, step = np.linspace(-reach, reach, points, retstep=True)
    xi = np.stack([x.ravel() for x in np.meshgrid(*[axis] * dimension, indexing="ij")], axis=-1)
    rest = law.value(xi) - linear * density.density(xi)
    assert rest.min() > -1e-12 * law.maximum
    z = np.random.default_rng(0).uniform(-0.1, 0.1, size=(20, dimension)) / np.sqrt(dimension)
    back = step**dimension * np.cos(2 * pi * z @ xi.T) @ rest
    expected = law.transform(z) - linear * density.transform(z)
    np.testing.assert_allclose(back, expected, rtol=0, atol={1: 1e-5, 2: 1e-5, 3: 1e-3}[dimension] * law.integral)


@pytest.mark.parametrize("activation", ["sine", "relu"])
@every_density
def test_tail_radius(activation, density, dimension):
    """Beyond the radius all values are below the level, to their accuracy.

    Laws that fall along the axes reach the level at the radius.
    """
    law, rng = laws(density, dimension, activation).damping, np.random.default_rng(0)
    levels = np.array([0.4, 1e-2, 1e-4]) * law.maximum
    radii = np.array([law.tail_radius(level) for level in levels])
    directions = rng.normal(size=(60, dimension))
    directions /= np.abs(directions).max(axis=1, keepdims=True)
    beyond = directions * rng.uniform(1.0001, 2, size=(60, 1))
    on_axes = np.eye(dimension)[:1]
    values = law.value(np.concatenate([r * x for r in radii for x in (beyond, on_axes)])).reshape(3, -1)
    assert values.min() >= 0
    assert (values[:, :-1].max(axis=1) <= 1.001 * levels + {1: 0, 2: 1e-6, 3: 1e-4}[dimension] * law.maximum).all()
    if isinstance(density, Gaussian | StudentT):
        np.testing.assert_allclose(values[:, -1], levels, rtol=0.1)
    assert law.tail_radius(2 * law.maximum) == law.tail_radius(law.maximum / 2)


@pytest.mark.parametrize(("dimension", "radius", "factor"), [(1, 3e5, 1.6), (2, 3e3, 1.3), (3, 1e3, 1.2)])
def test_tails_of_relu(dimension, radius, factor):
    """The kink of H at z = 0 makes a tail |xi|^-(d+1). Beyond the lattice it may be slightly too high."""
    sigma, d = 3.0, dimension
    law = laws(Gaussian(sigma), d, "relu").diffusion
    derivative = SIGMA_A**2 * 2 * sigma  # H = sigma_a^2 k (1 - arccos(k) / pi),  arccos k = 2 pi sigma |z| + ...
    tail = derivative * gamma((d + 1) / 2) / (2 * pi ** ((d + 3) / 2)) * radius ** -(d + 1)
    found = law.value(radius * np.eye(d)[:1])[0] / tail
    assert 1 <= found <= factor
    assert 1 <= law.tail_radius(tail) / radius <= factor
