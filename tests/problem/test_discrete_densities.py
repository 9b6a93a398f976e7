"""Discrete laws of the frequencies: which frequencies they are, how neurons get them, and what is refused."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Gaussian,
    Mixture,
    Network,
    Octaves,
    Points,
    Problem,
    Samples,
    draw,
    draw_deep,
    resolved_law,
    scaled,
    waves,
)
from tests import oracle


def test_octaves_of_nerf():
    """sin(2^j pi x_i), cos(2^j pi x_i) for j = 0, 1, 2."""
    expected = [[0.5, 0], [0, 0.5], [1, 0], [0, 1], [2, 0], [0, 2]]
    np.testing.assert_array_equal(Octaves(0.5, 3).frequencies(2), expected)


@pytest.mark.parametrize("dimension, count", [(1, 1), (2, 4), (3, 13)])
def test_all_directions(dimension, count):
    w = Octaves(3.0, 1, "all").frequencies(dimension)
    assert len(w) == count
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 3.0)
    both = np.concatenate([w, -w])
    assert len(np.unique(both.round(9), axis=0)) == 2 * count  # no two are opposite


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_transform(dimension):
    rng = np.random.default_rng(0)
    w, z = rng.normal(size=(7, dimension)), rng.normal(size=(4, 5, dimension))
    np.testing.assert_allclose(Points(w).transform(z), oracle.points(w)(z), atol=1e-14)
    assert Points(w).transform(np.zeros(dimension)) == 1


@pytest.mark.parametrize("sampling", ["iid", "sobol"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_each_frequency_belongs_to_the_same_number_of_neurons(sampling, symmetric):
    density = Octaves(0.5, 3)
    network = Network(width=48, sigma_a=1.0, sampling=sampling, symmetric=symmetric)
    w, counts = np.unique(draw(density, network, dimension=2).frequencies, axis=0, return_counts=True)
    assert counts.tolist() == [8] * 6
    assert {tuple(each) for each in w} == {tuple(each) for each in density.frequencies(2)}
    pieces = [
        draw(density, network, dimension=2, shard=slice(first, first + 11)).frequencies for first in range(0, 48, 11)
    ]
    np.testing.assert_array_equal(np.concatenate(pieces), draw(density, network, dimension=2).frequencies)


def test_each_frequency_of_a_deep_network():
    network = Network(width=48, sigma_a=1.0, depth=3, hidden_width=4)
    _, counts = np.unique(draw_deep(Octaves(0.5, 4), network, dimension=1).frequencies, return_counts=True)
    assert counts.tolist() == [6] * 4


def problem(density, **network):
    times = np.array([0.0, 1.0])
    return Problem(density, waves(Grid((16,), (1.0,)), [[3.0]]), Network(**{"sigma_a": 1.0, **network}), times)


def test_too_few_neurons():
    with pytest.raises(InputError, match=r"width = 8: \[density\] has 5 frequencies.*use at least width = 10"):
        problem(Octaves(0.5, 5), width=8)
    problem(Octaves(0.5, 5), width=5, symmetric=False)


def test_warning_of_unequal_numbers_of_neurons():
    assert problem(Octaves(0.5, 5), width=1000).warnings == []
    (warning,) = problem(Octaves(0.5, 5), width=1004).warnings
    assert "multiple of 10, such as width = 1,000" in warning


def test_warning_of_frequencies_beyond_the_nyquist_limit():
    limit = problem(Octaves(0.5, 5), width=1000).sites.nyquist[0]
    at, beyond = (problem(Octaves(limit / 4 * factor, 3), width=600).warnings for factor in (1.0, 1.1))
    assert at == []
    assert "1 of the 3 frequencies lie beyond the Nyquist limit" in beyond[0]
    samples = Samples(Grid((8, 64), (1.0, 1.0)), np.ones((1, 512)))
    own = Points([[1.0, 40.0], [3.0, 30.0], [5.0, 1.0]])
    (warning,) = Problem(own, samples, Network(width=6, sigma_a=1.0), np.array([0.0, 1.0]), unit="km").warnings
    assert "2 of the 3 frequencies lie beyond the Nyquist limit of the data, 4 x 32 cycles/km" in warning


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Octaves(0.0, 3), "scale"),
        (lambda: Octaves(1.0, 0), "count = 0"),
        (lambda: Octaves(1.0, 2.5), "count = 2.5"),
        (lambda: Octaves(1.0, 41), "from 1 to 40"),
        (lambda: Octaves(1e9, 20), "highest frequency"),
        (lambda: Octaves(1.0, 3, "x"), "directions = 'x'"),
        (lambda: Points([1.0, 2.0]), r"shape \(2,\)"),
        (lambda: Points(np.zeros((3, 2))), "not all of them 0"),
        (lambda: Points([[np.nan]]), "finite"),
        (lambda: Points(np.ones((3, 4))), "1 to 3 axes"),
        (lambda: Points([[1.0], [1.0, 2.0]]), "not an array of real numbers"),
        (lambda: Points([["a"]]), "not an array of real numbers"),
        (lambda: Points(np.ones((2, 1)) * 1j), "not an array of real numbers"),
        (lambda: Mixture((1.0, 1.0), (Gaussian(1.0), Octaves(1.0, 2))), "set of frequencies"),
        (lambda: Octaves(1.0, 2).density(np.zeros((1, 1))), "no values"),
        (lambda: problem(Points([[1.0, 2.0]]), width=4), r"defined in 2 dimension\(s\).* frequencies with one column"),
    ],
)
def test_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    "sites", [Grid((12, 9), (1.0, 2.0)), Scattered(np.random.default_rng(3).random((4000, 2)) - 0.5)]
)
def test_resolved_law(sites):
    """volume mean_ij k(x_i - x_j) cos(2 pi xi.(x_i - x_j)); scattered samples fill their box, so to sampling error."""
    density = Octaves(1.0, 2)
    xi = np.array([[1.0, 0.0], [0.3, 2.1], [2.5, 2.5]])
    x = sites.positions()
    wave = np.exp(2j * np.pi * x @ np.concatenate([density.frequencies(2), -density.frequencies(2)]).T)
    windows = np.exp(-2j * np.pi * xi @ x.T) @ wave / len(x)
    expected = sites.volume * np.mean(np.abs(windows) ** 2, axis=1)
    rtol, atol = (1e-12, 1e-12) if isinstance(sites, Grid) else (0.05, 0.01)
    found = resolved_law(scaled(density, 1.0, 2), sites, xi)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    assert Samples(sites, np.zeros((1, len(x))), held_out=True)
