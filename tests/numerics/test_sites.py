"""Scattered sites: their properties, and the input that they refuse."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples

RNG = np.random.default_rng(0)


def test_members_of_scattered_sites():
    """The sites keep their origin: the reach is measured from x = 0."""
    sites = Scattered(np.array([[1.0, -4.0], [3.0, -2.0], [2.0, 1.0], [2.0, 1.0]]))
    assert (sites.dimension, sites.size, sites.extent, sites.volume) == (2, 4, (2.0, 5.0), 10.0)
    np.testing.assert_array_equal(sites.reach, [3, 4])
    np.testing.assert_array_equal(sites.nyquist, [np.inf, np.inf])
    np.testing.assert_array_equal(sites.positions()[1], [3, -2])


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_peak_density_of_the_densest_cell(dimension):
    frequency = 4.0
    even = Scattered(RNG.uniform(0, 2, (200_000, dimension)))
    assert even.peak_density(frequency) == pytest.approx(2.0**-dimension, rel=0.2)
    half = np.concatenate([RNG.uniform(0, 2, (500, dimension)), np.full((500, dimension), 0.1)])
    assert Scattered(half).peak_density(frequency) == pytest.approx(frequency**dimension / 2, rel=0.2)
    assert Scattered(half).peak_density(1e-3) == pytest.approx(2.0**-dimension, rel=0.05)
    grid = Grid((4,) * dimension, (2.0,) * dimension)
    assert grid.peak_density(2.0) == grid.peak_density(1e3, exclude_coincident=True) == 2.0**-dimension
    assert grid.peak_density(1e3) == pytest.approx((1e3 / 4) ** dimension)  # a sample alone in a cell of width 1e-3


def test_peak_density_without_coincident():
    """Four samples at 0, one near them, one far away."""
    sites = Scattered(np.array([[0.0], [0.0], [0.35], [0.0], [0.0], [10.0]]))
    assert sites.peak_density(1.0) == pytest.approx(5 / 6)
    assert sites.peak_density(1.0, exclude_coincident=True) == pytest.approx(4 / 6)  # from the one near them
    assert sites.peak_density(100.0) == pytest.approx(400 / 6)
    assert sites.peak_density(100.0, exclude_coincident=True) == pytest.approx(1 / 10)  # all alone: 1 / volume


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.ones(3), r"positions have shape \(3,\); expected \(samples, axes\) with 1 to 3 axes"),
        (np.ones((3, 4)), r"positions have shape \(3, 4\)"),
        (np.ones((1, 2)), "there is 1 sample; at least 2 are needed"),
        (np.array([[0.0, 1.0], [np.nan, 2.0]]), r"the position of sample 1 is \[nan, 2.0\]; leave that sample out"),
        (
            np.array([[0.0, 1.0], [3e15, 2.0]]),
            r"a position has the coordinate 3e\+15; choose a unit in which no coordinate exceeds",
        ),
        (np.array([[0.0, 1.5], [3.0, 1.5]]), r"all positions have x_2 = 1.5 to within 1e-12; leave that axis out"),
    ],
)
def test_invalid_sites_are_refused(points, message):
    with pytest.raises(InputError, match=message):
        Scattered(points)


def test_grid_of_scattered_samples():
    samples = Samples(Scattered(np.array([[0.0], [1.0]])), np.ones((1, 2)))
    problem = Problem(Gaussian(1.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 1.0]))
    assert problem.dimension == 1
    with pytest.raises(InputError, match="the samples are scattered; give samples on a whole grid"):
        _ = problem.grid
