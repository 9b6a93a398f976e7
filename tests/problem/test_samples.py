"""Samples: waves, area averages, standardization, and error messages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Samples, area_average, waves


def test_waves():
    grid = Grid((6, 4), (2.0, 1.0))
    values = waves(grid, [[1.0, 0.5], [-0.5, 2.0]], window=0.3).values
    x = grid.positions()[9]
    sines = np.sin(2 * np.pi * (x[0] + 0.5 * x[1])) + np.sin(2 * np.pi * (-0.5 * x[0] + 2 * x[1]))
    assert values.shape == (1, 24)
    assert values[0, 9] == pytest.approx(sines * np.exp(-(x @ x) / (2 * 0.09)), rel=1e-14)
    assert waves(grid, [[1.0, 0.5]]).values[0, 9] == pytest.approx(np.sin(2 * np.pi * (x[0] + 0.5 * x[1])), rel=1e-14)


def test_area_average_by_hand():
    """From three cells to two: each new cell covers one old cell and half of the middle one."""
    np.testing.assert_allclose(area_average(np.array([[1.0], [2.0], [6.0]]), (2,)), [[4 / 3], [14 / 3]])
    # From five cells to three, each 5/3 wide: (1 + 2 2/3) 3/5, (2/3 + 3 + 4/3) 3/5, (4 2/3 + 5) 3/5.
    np.testing.assert_allclose(area_average(np.arange(1.0, 6.0)[:, None], (3,)), [[1.4], [3.0], [4.6]])


def test_area_average_of_blocks():
    values = np.random.default_rng(0).normal(size=(6, 8, 2))
    blocks = values.reshape(3, 2, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(area_average(values, (3, 2)), blocks, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(area_average(values, (6, 8)), values)


@given(st.tuples(st.integers(1, 17), st.integers(1, 9)), st.data())
def test_area_average_keeps_mean_and_range(old, data):
    new = tuple(data.draw(st.integers(1, n)) for n in old)
    values = np.random.default_rng(sum(old)).normal(size=(*old, 3))
    averaged = area_average(values, new)
    assert averaged.shape == (*new, 3)
    np.testing.assert_allclose(averaged.mean(axis=(0, 1)), values.mean(axis=(0, 1)), rtol=0, atol=1e-14)
    assert (averaged <= values.max() + 1e-14).all()
    assert (averaged >= values.min() - 1e-14).all()


def test_area_average_cannot_refine():
    with pytest.raises(InputError, match=r"points = \[3, 9\]: axis 2 .* only 8 points; use at most 8 points"):
        area_average(np.zeros((4, 8, 1)), (3, 9))


def test_standardized():
    samples = Samples(Grid((50,), (1.0,)), np.random.default_rng(0).normal(3, [[2], [9]], size=(2, 50)))
    standard = samples.standardized()
    np.testing.assert_allclose(standard.values.mean(axis=1), 0, rtol=0, atol=1e-14)
    np.testing.assert_allclose(standard.values.var(axis=1), 1, rtol=1e-13)
    back = standard.values * samples.values.std(axis=1, keepdims=True) + samples.values.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(back, samples.values, rtol=1e-12)
    assert standard.sites == samples.sites
    assert standard.channels == 2


def test_what_was_shifted_and_scaled_is_undone():
    rng = np.random.default_rng(1)
    x, values = rng.normal([400, -70], 2, size=(60, 2)), rng.normal(3, [[2], [9]], size=(2, 60))
    samples, held_out = Samples(Scattered(x), values).split(0.2, seed=5)
    held_out = held_out.centered(reference=samples).standardized(reference=samples.centered())
    seen = samples.centered().standardized().with_noise(0.1, seed=2)
    box = seen.sites.positions()
    np.testing.assert_allclose(box.min(axis=0), -box.max(axis=0), rtol=1e-12)
    np.testing.assert_allclose(seen.values.mean(axis=1), 0, atol=0.1)
    away = Samples(Scattered(x), values).split(0.2, seed=5)[1]
    np.testing.assert_allclose(seen.original_positions(), samples.sites.positions(), rtol=1e-14)
    np.testing.assert_allclose(held_out.original_positions(), away.sites.positions(), rtol=1e-14)
    np.testing.assert_allclose(held_out.restore(held_out.values), away.values, rtol=1e-12)
    u = rng.normal(size=(4, 2, samples.sites.size))  # f = f* + u, in the user's units
    mean, scale = samples.values.mean(axis=1)[:, None], samples.values.std(axis=1)[:, None]
    np.testing.assert_allclose(seen.prediction(u), mean + scale * (seen.values + u), rtol=1e-12)
    np.testing.assert_allclose(seen.prediction(-seen.values), np.broadcast_to(mean, samples.values.shape), rtol=1e-12)
    again = seen.standardized().centered()
    np.testing.assert_allclose(again.restore(again.values), seen.restore(seen.values), rtol=1e-12)
    np.testing.assert_allclose(again.original_positions(), samples.sites.positions(), rtol=1e-14)


def test_a_grid_is_centred():
    with pytest.raises(InputError, match="the samples of a grid are centred already; leave center out"):
        Samples(Grid((7,), (1.0,)), np.arange(7.0)[None]).centered()


@pytest.mark.parametrize("values", [[[1.0, 2.0, 3.0]], np.array([[1, 2, 3]], dtype=np.int8)])
def test_values_become_double(values):
    assert Samples(Grid((3,), (1.0,)), values).values.dtype == float


@pytest.mark.parametrize("values", [np.ones((1, 3)) * 1j, [["a", "b", "c"]], [[None, 1.0, 2.0]]])
def test_values_that_are_not_real(values):
    with pytest.raises(InputError, match=r"samples: the values have the type .*; give real numbers"):
        Samples(Grid((3,), (1.0,)), values)


@pytest.mark.parametrize(
    ("frequencies", "message"),
    [
        (
            [3.0],
            r"frequencies = \[3.0\]; give a list of frequencies, each a list of 1 number\(s\), for example \[\[1.0\]\]",
        ),
        ([[3.0], [1.0, 2.0]], "give a list of frequencies"),
        ([[3.0, 1.0]], "give a list of frequencies"),
        ([["a"]], "give a list of frequencies"),
        ([], "give a list of frequencies"),
        ([[35.0]], r"frequencies = \[\[35.0\]\]: the grid resolves frequencies up to \[32.0\]"),
        ([[-32.5]], "the grid resolves frequencies up to"),
        ([[np.nan]], "the grid resolves frequencies up to"),
    ],
)
def test_wrong_frequencies(frequencies, message):
    with pytest.raises(InputError, match=message):
        waves(Grid((64,), (1.0,)), frequencies)


@pytest.mark.parametrize("window", [0.0, -1.0, np.nan])
def test_wrong_windows(window):
    with pytest.raises(InputError, match=r"window = .*; give a positive number"):
        waves(Grid((64,), (1.0,)), [[3.0]], window=window)


def test_noise():
    samples = Samples(Grid((4000,), (1.0,)), np.ones((2, 4000)))
    noise = samples.with_noise(0.05, seed=3).values - 1
    np.testing.assert_allclose(noise.std(axis=1), 0.05, rtol=0.05)
    assert np.abs(noise.mean(axis=1)).max() < 0.05 * 4 / np.sqrt(4000)
    assert abs(np.corrcoef(noise)[0, 1]) < 0.05
    np.testing.assert_array_equal(samples.with_noise(0.05, seed=3).values - 1, noise)
    assert (samples.with_noise(0.05, seed=4).values - 1 != noise).any()


@pytest.mark.parametrize("constant", [1.0, 0.1, 1e9])
def test_constant_channels(constant):
    values = np.stack([np.arange(7.0), np.full(7, constant)])
    with pytest.raises(InputError, match=r"channel 2 of 2 is constant .* leave standardize out"):
        Samples(Grid((7,), (1.0,)), values).standardized()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity(bad):
    values = np.ones((2, 12))
    values[1, 7] = bad
    with pytest.raises(InputError, match=r"1 of 24 values is NaN .* channel 2 of 2 at x = \[0.125, 0.0\]"):
        Samples(Grid((4, 3), (1.0, 1.0)), values)


def test_wrong_shapes_and_zeros():
    with pytest.raises(InputError, match=r"shape \(1, 11\); give shape \(channels, 12\)"):
        Samples(Grid((4, 3), (1.0, 1.0)), np.ones((1, 11)))
    with pytest.raises(InputError, match="every value is 0"):
        Samples(Grid((4,), (1.0,)), np.zeros((1, 4)))


@pytest.mark.parametrize("shape", [(1,), (1, 8), (8, 1), (2, 1, 3)])
def test_axis_with_a_single_point(shape):
    """The equation would be wrong: the solution for one sample did not change, although the sample is learnt."""
    with pytest.raises(InputError, match=r"samples: the grid has the shape .*give at least 2 points on every axis"):
        Samples(Grid(shape, (1.0,) * len(shape)), np.ones((1, np.prod(shape))))
