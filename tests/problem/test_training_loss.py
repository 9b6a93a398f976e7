"""The matrices P of the losses, against sums over frequencies and triangles that share no code with them."""

import pickle

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import Grid, GridSubset, Scattered
from freqbias.problem import (
    Gaussian,
    MeanSquare,
    Network,
    Problem,
    Samples,
    SobolevLoss,
    WeightedSquare,
    build,
    parse,
    trapezoidal_weights,
)

RNG = np.random.default_rng(0)
SITES = {
    "line": Grid((8,), (2.0,)),
    "odd line": Grid((7,), (1.0,)),
    "grid": Grid((6, 5), (1.0, 2.0)),
    "part": GridSubset(Grid((6, 6), (1.0, 1.0)), np.arange(0, 36, 2)),
    "scattered": Scattered(RNG.uniform(-1, 1, (40, 2)) * [1.0, 0.5]),
}


def series(sites):
    """The number of frequencies and the period on each axis."""
    if sites.lattice is not None:
        return np.array(sites.lattice.shape), np.array(sites.lattice.extent)
    span = np.ptp(sites.positions(), axis=0)
    shape = np.ceil(span / np.sqrt(span.prod() / sites.size)).astype(int)
    return shape, span * (shape + 1) / shape


def sobolev_norm(sites, order, weights, u):
    shape, period = series(sites)
    total = 0.0
    for index in np.ndindex(*(shape + 1)):
        k = np.array(index) - shape // 2
        if (2 * np.abs(k) <= shape).all():
            share = 0.5 ** np.count_nonzero(2 * np.abs(k) == shape)  # the Nyquist frequency has both signs
            xi = k / period
            v = (weights * u * np.exp(-2j * np.pi * sites.positions() @ xi)).mean(axis=1)
            total += 0.5 * share * (1 + xi @ xi) ** order * (np.abs(v) ** 2).sum()
    return total


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("order", [-1.5, 0.0, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_sobolev_loss_is_a_sum_over_frequencies(name, order, weighted):
    sites = SITES[name]
    u, weights = RNG.normal(size=(2, sites.size)), np.linspace(0.5, 1.5, sites.size) if weighted else None
    loss = SobolevLoss(sites, order, weights)
    expected = sobolev_norm(sites, order, np.ones(sites.size) if weights is None else weights, u)
    assert loss.value(u) == pytest.approx(expected, rel=1e-9)
    p = loss.residual(np.eye(sites.size))
    np.testing.assert_allclose(p, p.T, rtol=0, atol=1e-10 * np.abs(p).max())
    eigenvalues = np.linalg.eigvalsh(p)
    assert eigenvalues[-1] <= loss.largest * (1 + 1e-9) < 1.2 * eigenvalues[-1]
    assert loss.smallest is None or loss.smallest == pytest.approx(eigenvalues[0])
    assert (loss.smallest is None) == (weighted or not isinstance(sites, Grid))


@pytest.mark.parametrize("name", ["line", "grid", "part", "scattered"])
@pytest.mark.parametrize("order", [-1.0, 0.7])
def test_cutoff(name, order):
    """Higher frequencies count 1e-4 times as much as the least of the others."""
    sites, cutoff = SITES[name], 1.25
    loss, shape_period = SobolevLoss(sites, order, cutoff=cutoff), series(sites)
    u, total = RNG.normal(size=sites.size), 0.0
    grid = [np.arange(-(n // 2), n // 2 + 1) / length for n, length in zip(*shape_period, strict=True)]
    squares = sum(each**2 for each in np.meshgrid(*grid, indexing="ij"))
    beyond = 1e-4 * ((1 + squares[squares <= cutoff**2]) ** order).min()
    for index in np.ndindex(*(shape_period[0] + 1)):
        k = np.array(index) - shape_period[0] // 2
        xi = k / shape_period[1]
        if (2 * np.abs(k) <= shape_period[0]).all():
            share = 0.5 ** np.count_nonzero(2 * np.abs(k) == shape_period[0])
            v = (u * np.exp(-2j * np.pi * sites.positions() @ xi)).mean()
            total += 0.5 * share * (float((1 + xi @ xi) ** order) if xi @ xi <= cutoff**2 else beyond) * abs(v) ** 2
    assert loss.value(u[None]) == pytest.approx(total, rel=1e-9)
    assert not loss.is_multiplier
    assert loss.smallest is None or np.linalg.eigvalsh(loss.residual(np.eye(sites.size)))[0] > 0.99 * loss.smallest
    xi = np.linspace(0, 3, 31)[:, None] * np.ones(sites.dimension) / np.sqrt(sites.dimension)
    expected = np.where(np.arange(31) <= 12, (1 + np.linspace(0, 3, 31) ** 2) ** order, beyond)
    np.testing.assert_allclose(loss.symbol(xi), expected)


@pytest.mark.parametrize("dimension", [1, 2])
def test_torus(dimension):
    """On a circle or torus the quadrature is exact for constants, and P has the waves of the period as eigenvectors on
    evenly spaced samples, wherever the period starts."""
    period = [2.0, 1.5][:dimension]
    even = Scattered((Grid((8,) * dimension, tuple(period)).positions() + 0.37) % period)
    if dimension == 1:  # in the plane, squares have no unique triangulation
        np.testing.assert_allclose(trapezoidal_weights(even, period=period), 1.0)
    loss, wave = SobolevLoss(even, 0.7, period=period), np.exp(2j * np.pi * even.positions()[:, 0] * 3 / 2.0)
    product = loss.residual(wave.real) + 1j * loss.residual(wave.imag)
    np.testing.assert_allclose(product, (1 + 1.5**2) ** 0.7 * wave, atol=1e-9)
    places = RNG.uniform(0, 1, (300, dimension)) * period
    weights = trapezoidal_weights(Scattered(places), period=period)
    smooth = np.cos(2 * np.pi * places[:, 0] / 2.0) + 1
    assert (weights * smooth).mean() == pytest.approx(1.0, abs=0.01)
    assert abs(smooth.mean() - 1) > 0.01
    shifted = trapezoidal_weights(Scattered((places + 0.7) % period), period=period)
    np.testing.assert_allclose(shifted, weights, rtol=1e-9)


def test_warning_of_scattered_samples_without_a_cutoff():
    """Their rates were up to 25 times those of theory."""
    sites = SITES["scattered"]
    assert "set cutoff" in SobolevLoss(sites, 1.0).warning
    quiet = SobolevLoss(sites, -1.0), SobolevLoss(sites, 1.0, cutoff=2.0), SobolevLoss(SITES["part"], 1.0), MeanSquare()
    assert not any(loss.warning for loss in quiet)
    samples, network = Samples(sites, np.ones((1, 40))), Network(width=2, sigma_a=1.0)
    problem = Problem(Gaussian(1.0), samples, network, np.array([0.0, 1.0]), loss=SobolevLoss(sites, 1.0))
    assert problem.loss.warning in problem.warnings


@pytest.mark.parametrize("name", SITES)
def test_warning_of_a_cutoff_without_effect(name):
    highest = float(SobolevLoss(SITES[name], 0.5)._highest)
    loss = SobolevLoss(SITES[name], 0.5, cutoff=1.01 * highest)
    assert f"cutoff = {1.01 * highest:g} has no effect" in loss.warning
    u = RNG.standard_normal((1, SITES[name].size))
    np.testing.assert_allclose(loss.residual(u), SobolevLoss(SITES[name], 0.5).residual(u), rtol=1e-12, atol=1e-12)
    assert "has no effect" not in SobolevLoss(SITES[name], 0.5, cutoff=0.9 * highest).warning


def test_wrong_periods():
    for sites, period, message in (
        (SITES["line"], [2.0], "period is for scattered samples"),
        (SITES["scattered"], [1.0, 5.0], "at least the width of the samples"),
        (SITES["scattered"], [5.0], "give a number for each axis"),
    ):
        with pytest.raises(InputError, match=message):
            SobolevLoss(sites, 1.0, period=period)
        with pytest.raises(InputError, match=message):
            trapezoidal_weights(sites, period=period)


def test_order_0_on_a_grid_is_the_mean_square():
    grid, u = Grid((6, 5), (1.0, 2.0)), RNG.normal(size=(3, 30))
    np.testing.assert_allclose(SobolevLoss(grid, 0.0).residual(u), u, atol=1e-12)
    assert MeanSquare().value(u) == pytest.approx(0.5 * (u**2).mean(axis=1).sum())


def test_weighted_square():
    loss, u = WeightedSquare(np.array([1.0, 2.0, 3.0])), np.array([[1.0, -2.0, 4.0]])
    assert loss.value(u) == pytest.approx((0.5 * 1 + 1.0 * 4 + 1.5 * 16) / 6)
    assert (loss.smallest, loss.largest) == (0.5, 1.5)
    for wrong in ([1.0, 0.0], [1.0, -1.0], [1.0, np.nan], [[1.0]]):
        with pytest.raises(InputError, match="positive numbers, one for each sample"):
            WeightedSquare(np.array(wrong))


def test_trapezoidal_weights_integrate_linear_functions():
    x = np.sort(RNG.uniform(0, 1, 30))
    weights = trapezoidal_weights(Scattered(x[::-1, None]))[::-1]
    np.testing.assert_allclose(np.ptp(x) * weights @ (2 + 3 * x) / 30, np.trapezoid(2 + 3 * x, x))
    corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    inside = RNG.uniform(0, 1, (200, 2)) ** 3 * [2.0, 1.0]  # crowded near one corner
    points = np.concatenate([corners, inside])
    weights = trapezoidal_weights(Scattered(points))
    assert weights.mean() == pytest.approx(1)
    linear = 1 + points @ [2.0, -3.0]
    assert (weights * linear).mean() == pytest.approx(1.5)  # its mean over the rectangle
    assert abs(linear.mean() - 1.5) > 0.1
    np.testing.assert_array_equal(trapezoidal_weights(Grid((4, 3), (1.0, 1.0))), np.ones(12))


def test_weights_of_samples_without_a_volume():
    with pytest.raises(InputError, match="sample 2 coincides with another"):
        trapezoidal_weights(Scattered(np.array([[0.0], [0.5], [0.5], [0.5], [1.0]])))
    with pytest.raises(InputError, match="on a line or in a plane"):
        trapezoidal_weights(Scattered(np.linspace(0, 1, 9)[:, None] * [1.0, 1.0]))


def test_refusals():
    with pytest.raises(InputError, match=r"order = 20: the weights of the frequencies range from .* closer to 0"):
        SobolevLoss(Grid((64,), (1.0,)), 20.0)
    grid = Grid((8,), (1.0,))
    samples = Samples(grid, np.ones((1, 8)))
    with pytest.raises(InputError, match="the loss is for 9 samples, but there are 8"):
        Problem(
            Gaussian(1.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 1.0]), loss=WeightedSquare(np.ones(9))
        )


def test_a_loss_can_be_sent_to_other_ranks():
    many = Scattered(RNG.uniform(-1, 1, (20_000, 2)))  # for which the transforms are not dense matrices
    for loss in (MeanSquare(), WeightedSquare(np.ones(20_000)), SobolevLoss(many, 1.0)):
        u = np.ones((1, 20_000))
        sent = pickle.loads(pickle.dumps(loss))  # noqa: S301
        np.testing.assert_array_equal(sent.residual(u), loss.residual(u))


RUN = {
    "density": {"kind": "gaussian", "sigma": 2.0},
    "data": {"kind": "waves", "dimension": 1, "points": 16, "frequencies": [[2.0]]},
    "network": {"width": 10, "sigma_a": 1.0},
    "time": {"end": 1.0},
}


def test_losses_of_run_files():
    problem = build(parse(RUN | {"training": {"loss": "sobolev", "order": -1.0}}))
    assert isinstance(problem.loss, SobolevLoss) and problem.loss.order == -1
    assert isinstance(build(parse(RUN)).loss, MeanSquare)
    assert isinstance(build(parse(RUN | {"training": {"weights": "density"}})).loss, MeanSquare), "a grid"
    even = build(parse(RUN | {"training": {"loss": "sobolev", "order": 1.0, "weights": "density"}})).loss
    assert even.smallest is not None
    part = RUN | {"data": RUN["data"] | {"held_out": 0.25}, "training": {"weights": "density"}}
    assert isinstance(build(parse(part)).loss, WeightedSquare)


@pytest.mark.parametrize(
    ("training", "pde", "message"),
    [
        ({"loss": "sobolev"}, {}, 'loss = "sobolev" needs order, for example'),
        ({"order": 1.0}, {}, r'order = 1.0 is for loss = "sobolev"'),
        (
            {"loss": "sobolev", "order": 1.0, "integrator": "sgd", "batch": 4},
            {},
            'batch = 4 needs loss = "mean-square"',
        ),
        ({"weights": "w.npy"}, {"operator": "local"}, "weights = 'w.npy' contradicts .pde. operator = \"local\""),
    ],
)
def test_keys_that_contradict_each_other(training, pde, message):
    with pytest.raises(InputError, match=message):
        parse(RUN | {"training": training, "pde": pde})
