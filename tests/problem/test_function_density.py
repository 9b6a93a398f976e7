"""Densities from functions and from scipy.stats: against closed forms, and wrong densities with their messages."""

import pickle
from functools import cache, partial

import numpy as np
import pytest
from scipy import stats

from freqbias.errors import InputError
from freqbias.problem import (
    Annulus,
    Ball,
    Elliptical,
    FunctionDensity,
    Gaussian,
    Laplace,
    Mixture,
    RadialDensity,
    StudentT,
    Uniform,
    from_scipy,
)

NORMAL = stats.norm.pdf
LAGS = np.concatenate([[0.0], np.geomspace(1e-5, 30, 30), [1e3, 1e8, 1e16]])


def shells(law, breaks=()):
    """The law as a function of the radius, in 2 and 3 dimensions: for each, a function that makes it."""
    return {d: partial(RadialDensity, lambda r, d=d: law.density(r[:, None] * np.eye(d)[0]), d, breaks) for d in (2, 3)}


def cases():
    """Name, function that makes the density, closed form, dimension."""
    for d in (1, 2, 3):
        yield f"normal {d}", lambda: from_scipy(stats.norm(scale=3.0)), Gaussian(3.0), d
    yield "laplace 2", lambda: from_scipy(stats.laplace(scale=3.0)), Laplace(3.0), 2
    yield "uniform 2", lambda: from_scipy(stats.uniform(-3.0, 6.0)), Uniform(3.0), 2
    for freedom in (1.0, 3.0, 4.5):  # from the heaviest tail
        yield f"t {freedom}", partial(from_scipy, stats.t(freedom, scale=3.0)), StudentT(3.0, freedom), 1
    yield (
        "mixture",
        lambda: FunctionDensity(lambda x: 0.25 * NORMAL(x, scale=3.0) + 0.75 * stats.uniform.pdf(x, -4.0, 8.0), (4.0,)),
        Mixture((1.0, 3.0), (Gaussian(3.0), Uniform(4.0))),
        1,
    )
    yield (
        "hollow",
        lambda: FunctionDensity(lambda x: ((abs(x) > 2) & (abs(x) <= 3)) / 2, (2.0, 3.0)),
        Annulus(2.0, 3.0),
        1,
    )
    yield "far and narrow", lambda: FunctionDensity(lambda x: NORMAL(abs(x), 10.0, 0.01) / 2), None, 1
    for law, breaks in ((Gaussian(3.0), ()), (StudentT(3.0, 3.0), ()), (Annulus(2.0, 3.0), (2.0, 3.0))):
        for d, make in shells(law, breaks).items():
            yield f"radial {type(law).__name__} {d}", make, law, d
    for d in (1, 2, 3):
        round_normal = stats.multivariate_normal(np.zeros(d), 9.0 * np.eye(d))
        yield f"round normal {d}", partial(from_scipy, round_normal), Gaussian(3.0), d
    round_t = stats.multivariate_t(np.zeros(2), 9.0 * np.eye(2), df=3)
    yield "round t", partial(from_scipy, round_t), StudentT(3.0, 3.0), 2


CASES = {name: (cache(make), law, d) for name, make, law, d in cases()}  # made at first use: some need a second
KNOWN = [name for name, (_, law, _) in CASES.items() if law is not None]


@pytest.mark.parametrize("name", KNOWN)
def test_transform_and_values(name):
    """At few lags by the sum over all panels, and at many lags by the FFT."""
    make, law, d = CASES[name]
    density = make()
    direction = np.ones(d) / np.sqrt(d)
    many = np.concatenate([LAGS, np.linspace(0, 20, 1000)])
    for lags in (LAGS, many):
        z = lags[:, None] * direction
        np.testing.assert_allclose(density.transform(z), law.transform(z), rtol=0, atol=3e-10)
    assert density.transform(np.zeros((1, d)))[0] == 1.0
    xi = np.random.default_rng(0).normal(scale=3.0, size=(50, d))
    np.testing.assert_allclose(density.density(xi), law.density(xi), rtol=1e-12)


@pytest.mark.parametrize("name", KNOWN)
def test_tail_and_edges(name):
    make, law, d = CASES[name]
    density = make()
    assert density.maximum(d) == pytest.approx(law.maximum(d), rel=1e-12)
    for fraction in (0.9, 0.1, 1e-3, 1e-9):
        level = fraction * law.maximum(d)
        assert density.tail_radius(level, d) == pytest.approx(law.tail_radius(level, d), rel=1e-9)
        radius = 0.7 * law.tail_radius(level, d)
        assert density.tail_maximum(radius, d) == pytest.approx(law.tail_maximum(radius, d), rel=1e-9)
    assert density.break_planes(d) == law.break_planes(d)
    assert density.break_radii(d) == law.break_radii(d)
    assert density.compact(d) == law.compact(d)


@pytest.mark.parametrize("name", CASES)
def test_samples_follow_the_density(name):
    """The empirical characteristic function of Sobol points, and the support."""
    make, _, d = CASES[name]
    density = make()
    unit = stats.qmc.Sobol(d, scramble=True, rng=np.random.default_rng(0)).random(2**13)
    xi = density.from_unit_cube(unit)
    z = np.random.default_rng(1).normal(scale=0.1, size=(6, d))
    found = np.exp(2j * np.pi * xi @ z.T).mean(axis=0)
    assert np.abs(found - density.transform(z)).max() < 0.5 / np.sqrt(len(unit))
    assert (density.density(xi) > 0).all()
    corners = np.stack(np.meshgrid(*[[2.0**-54, 0.5, 1 - 2.0**-53]] * d), axis=-1)
    assert np.isfinite(density.from_unit_cube(corners)).all()


def test_quantiles_are_exact():
    unit = np.linspace(0.001, 0.999, 200)[:, None]
    for law in (stats.norm(scale=3.0), stats.semicircular(scale=2.0), stats.logistic(scale=0.1), stats.laplace()):
        np.testing.assert_allclose(from_scipy(law).from_unit_cube(unit), law.ppf(unit), rtol=1e-9, atol=1e-12)


def test_kinks_and_roots_at_the_edges():
    """The triangle has a kink at 0. The semicircle, a coordinate of a disc, has an infinite slope at its end."""
    tent, circle = from_scipy(stats.triang(0.5, -4.0, 8.0)), from_scipy(stats.semicircular(scale=4.0))
    assert (tent.break_planes(1), circle.break_planes(1)) == (((0.0, 4.0),), ((4.0,),))
    assert tent.compact(1) and circle.compact(1)
    z = np.linspace(0.01, 9, 700)[:, None]
    np.testing.assert_allclose(tent.transform(z), np.sinc(4 * z[:, 0]) ** 2, rtol=0, atol=1e-12)
    disc = Ball(4.0).transform(np.pad(z, ((0, 0), (0, 1))))
    np.testing.assert_allclose(circle.transform(z), disc, rtol=0, atol=1e-12)


def test_an_ellipse():
    """Against the law of scipy.stats, and the integral over a line for the transform."""
    matrix = np.array([[4.0, 1.5], [1.5, 1.0]])
    for law in (stats.multivariate_normal([0, 0], matrix), stats.multivariate_t([0, 0], matrix, df=4.0)):
        density = from_scipy(law)
        assert isinstance(density, Elliptical) and density.dimensions == (2,)
        xi = np.random.default_rng(0).normal(size=(500, 2)) * 3
        np.testing.assert_allclose(density.density(xi), law.pdf(xi), rtol=1e-12)
        assert density.maximum(2) == pytest.approx(law.pdf([0, 0]))
        level = 1e-3 * density.maximum(2)
        radius = density.tail_radius(level, 2)
        on_plane = np.stack([np.full(4001, radius), np.linspace(-20, 20, 4001)], axis=1)  # xi_1 is the wider axis
        assert law.pdf(on_plane).max() == pytest.approx(level, rel=1e-4)
        drawn = density.from_unit_cube(np.random.default_rng(1).random((2**14, 2)))
        z = np.array([[0.05, 0.1], [0.1, -0.2]])
        found = np.cos(2 * np.pi * drawn @ z.T).mean(axis=0)
        np.testing.assert_allclose(found, density.transform(z), atol=0.02)
    np.testing.assert_allclose(
        from_scipy(stats.multivariate_normal([0, 0], matrix)).transform(z),
        np.exp(-2 * np.pi**2 * np.sum(z @ matrix * z, axis=1)),
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_scipy(stats.norm(loc=1.0)), r"not even: .* at xi = .*\(p\(x\) \+ p\(-x\)\) / 2"),
        (lambda: from_scipy(stats.gamma(2.0)), "not even"),
        (lambda: from_scipy(stats.uniform(-1.0, 3.0)), "not even"),
        (lambda: FunctionDensity(lambda x: 2 * NORMAL(x)), "integrates to 2 instead of 1; divide"),
        (lambda: FunctionDensity(lambda x: 1.5 * NORMAL(x) - 0.5 * NORMAL(x, scale=1.5)), "negative at"),
        (lambda: FunctionDensity(lambda x: np.where(abs(x) > 3, np.nan, NORMAL(x))), "NaN or infinite at"),
        (lambda: FunctionDensity(lambda x: (abs(x) < 3) / 6), r"not smooth near .*breaks = \(3,\)"),
        (lambda: FunctionDensity(lambda x: (abs(x) < 3) / 6, (2.9999,)), "integrates to 0.99996"),
        (lambda: FunctionDensity(lambda x: np.maximum(0, 1 - abs(x))), r"not smooth near .*breaks = \(1,\)"),
        (lambda: FunctionDensity(lambda x: np.maximum(0, 1 - abs(abs(x) - 2)) / 2, (1.0, 3.0)), r"breaks = \(2,\)"),
        (lambda: FunctionDensity(lambda x: 0.05 / (1 + abs(x)) ** 1.1), "tail is too heavy to resolve"),
        (lambda: from_scipy(stats.dgamma(0.5)), "grows to infinity at .* = 0"),
        (lambda: from_scipy(stats.arcsine(-1.0, 2.0)), "infinite at .* = 1"),
        (lambda: FunctionDensity(lambda x: 0 * x), "0 at every frequency"),
        (lambda: FunctionDensity(lambda x: 0.5), r"values have shape \(\)"),
        (lambda: FunctionDensity(float), "raises TypeError"),
        (lambda: FunctionDensity(NORMAL, (-1.0,)), "breaks = "),
        (lambda: RadialDensity(lambda r: np.exp(-r) / (2 * np.pi), 3), "integrates to 4"),
        (lambda: RadialDensity(lambda r: (r < 2) / (4 * np.pi), 2), r"not smooth near .*breaks = \(2,\)"),
        (lambda: RadialDensity(NORMAL, 1), "dimension = 1"),
        (lambda: from_scipy(stats.poisson(3.0)), "give a frozen continuous law"),
        (lambda: from_scipy(stats.norm), "give a frozen continuous law"),
        (lambda: from_scipy(stats.multivariate_normal([0, 1])), "not even, because its centre is"),
        (lambda: from_scipy(stats.multivariate_normal(np.zeros(4))), "4 dimensions"),
        (
            lambda: from_scipy(stats.multivariate_normal([0, 0], [[1, 1], [1, 1]], allow_singular=True)),
            "not positive definite",
        ),
    ],
)
def test_wrong_densities_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_laws_of_scipy_travel_between_processes():
    density = pickle.loads(pickle.dumps(from_scipy(stats.logistic(scale=2.0))))  # noqa: S301
    assert density.transform(np.array([[0.1]])) == pytest.approx(0.4 * np.pi**2 / np.sinh(0.4 * np.pi**2))
