"""Mixtures of densities."""

import numpy as np
import pytest

from freqbias.problem import Annulus, Ball, Gaussian, Laplace, Mixture, Uniform


def test_mixture_is_a_weighted_sum():
    parts = (Annulus(2.0, 3.0), Laplace(1.0), Mixture((1.0, 1.0), (Ball(1.0), Uniform(4.0))))
    law, xi = Mixture((2.0, 1.0, 5.0), parts), np.random.default_rng(0).normal(scale=2, size=(50, 2))
    probabilities = np.array([0.25, 0.125, 0.625])
    np.testing.assert_allclose(law.density(xi), probabilities @ [part.density(xi) for part in parts], rtol=1e-13)
    np.testing.assert_allclose(law.transform(xi), probabilities @ [part.transform(xi) for part in parts], rtol=1e-13)
    assert law.break_planes(2) == ((0.0, 4.0), (0.0, 4.0))
    assert law.break_planes(1) == ((0.0, 1.0, 2.0, 3.0, 4.0),)
    assert (law.break_radii(1), law.break_radii(2)) == ((), (1.0, 2.0, 3.0))
    assert not law.compact(2)
    assert Mixture((1.0, 2.0), (parts[0], parts[2])).compact(2)


def test_widths_of_the_parts():
    assert Uniform(3.0).widths(2) == (3.0,)
    assert Gaussian(2.0).widths(1) == pytest.approx((2.0 * np.sqrt(2 * np.log(100)),))
    mixture = Mixture((1.0, 1e-6, 1.0), (Uniform(3.0), Uniform(1e-3), Uniform(3.0)))
    assert mixture.widths(3) == (1e-3, 3.0)  # also of a part without weight to speak of


def test_tail_radius_at_an_edge():
    """If a jump takes the density below the level, the tail radius is exactly the edge."""
    law = Mixture((1.0, 1.0), (Uniform(5.0), Gaussian(1.0)))
    assert law.tail_radius(0.04, 1) == 5.0
    far = law.tail_radius(1e-30, 1)
    assert far > 5 and law.density(np.array([far])) == pytest.approx(1e-30)
    assert Mixture((1.0, 1.0), (Uniform(5.0), Uniform(50.0))).tail_radius(0.05, 1) == 5.0
    assert Mixture((1.0, 1.0), (Ball(0.3), Annulus(0.1, 0.7))).tail_radius(1e-9, 3) == 0.7


def test_mixture_with_separate_peaks():
    law = Mixture((1.0, 1.0), (Annulus(2.0, 3.0), Gaussian(0.5)))
    xi = np.random.default_rng(0).uniform(-4, 4, size=(20000, 2))
    assert law.density(xi).max() <= law.maximum(2)
    for fraction in (0.3, 0.6, 0.9):
        level = fraction * law.maximum(2)
        radius = law.tail_radius(level, 2)
        beyond = np.abs(xi).max(axis=1) > radius
        assert 0 < radius <= 3.0
        assert law.density(xi[beyond]).max() <= level
