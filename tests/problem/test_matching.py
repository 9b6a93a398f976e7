"""Times and positions that two sources wrote in different precision or order."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import match_positions, match_times

RNG = np.random.default_rng(0)


def times(one, other):
    return [found.tolist() for found in match_times(np.asarray(one), np.asarray(other))]


def test_times_in_double_precision():
    one = [0.0, 1e-6, 1.0, 1e4]
    other = [1e-9, 1e-6 * (1 + 1e-10), 1 - 1e-10, 1 + 1e-11, 1e4 + 1]
    assert times(one, other) == [[1, 2], [1, 3]]
    assert times(other, one) == [[1, 3], [1, 2]]


@pytest.mark.parametrize(
    "write",
    [
        np.float16,
        np.float32,
        lambda t: t.astype(np.float32).astype(float),
        lambda t: t.astype(np.float32).astype(">f4"),
        lambda t: np.round(t, 4),
        lambda t: np.array([float(f"{x:g}") for x in t]),
        lambda t: np.cumsum(np.diff(t, prepend=0.0)),
    ],
)
def test_times_match_to_their_own_precision(write):
    run = np.array([0, 0.1, 0.3, 2 / 3, 1, 100 / 3, 123.456789])
    assert times(run, write(run)) == times(write(run), run) == [list(range(7))] * 2


@pytest.mark.parametrize(
    ("run", "file"),
    [
        ([0.1, 0.3], [0.1001, 0.3002]),  # more digits than the run has, and other times
        ([1.0, 2.0], [1.0001, 2.0002]),
        ([0.10004], [0.1]),  # short numbers are exact
        ([1000.4], [1000.0]),
        ([1e-5], [0.0]),
        ([0.00014], [0.0001]),
    ],
)
def test_times_that_differ_are_not_equal(run, file):
    assert times([0.0, *run], [0.0, *file])[0] == [0]
    assert times([0.0, *run], np.array([0.0, *file]).astype(np.float32))[0] == [0]


def test_each_time_is_found_once():
    assert times([1.0], np.array([1 - 6e-8, 1, 1 + 1.2e-7], dtype=np.float32)) == [[0], [1]]


GRIDS = [Grid((512,), (1.0,)), Grid((24, 20), (3.0, 1e-3)), Grid((6, 5, 4), (1.0, 2.0, 3.0))]
SCATTERED = Scattered(100 + RNG.normal(size=(60, 2)))


@pytest.mark.parametrize("write", [np.float64, np.float32, lambda x: np.round(x, 7), lambda x: x + 1e-12])
@pytest.mark.parametrize("sites", [*GRIDS, SCATTERED], ids=["1-D", "2-D", "3-D", "scattered"])
def test_positions_match_to_their_own_precision(sites, write):
    order = RNG.permutation(sites.size)
    found = match_positions(write(sites.positions()[order]), sites)
    np.testing.assert_array_equal(order[found], np.arange(sites.size))


def test_other_positions_are_refused():
    grid = GRIDS[0]
    for wrong in (grid.positions() + 1e-7, grid.positions() * 1.001, np.round(grid.positions(), 3)):
        with pytest.raises(InputError, match=r"sample \d+ lies at .*the closest is"):
            match_positions(wrong, grid)
    with pytest.raises(InputError, match=r"shape \(511, 1\), but the data of the run file are 512 samples"):
        match_positions(grid.positions()[1:], grid)


def test_repeated_positions():
    points = np.array([[0.0], [1.0], [1.0], [3.0]])
    sites = Scattered(points)
    assert match_positions(points[[3, 1, 0, 2]], sites).tolist() == [2, 1, 3, 0]
    with pytest.raises(
        InputError,
        match=r"samples 0 and 1 and 3 lie at the same point \[1.0\], but the data have only 2 samples there;",
    ):
        match_positions(np.array([[1.0], [1.0], [0.0], [1.0]]), sites)
    with pytest.raises(InputError, match=r"sample 2 lies at \[3.001\], .*the closest is \[3.0\]"):
        match_positions(np.array([[0.0], [1.0], [3.001], [1.0]]), sites)


def test_positions_closer_than_their_precision_are_refused():
    points = np.array([[1.0], [1 + 1e-8], [3.0]])
    with pytest.raises(InputError, match="in double precision if the samples lie close together"):
        match_positions(points.astype(np.float32), Scattered(points))
    assert match_positions(points[::-1], Scattered(points)).tolist() == [2, 1, 0]
