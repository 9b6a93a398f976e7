"""The arguments of grids: right, or refused by name, value and remedy."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import Grid


@pytest.mark.parametrize(
    ("shape", "extent", "message"),
    [
        (32, (1.0,), r"shape = 32; give the number of points on each axis, for example shape = \(64, 48\)"),
        ((32,), 1.0, r"extent = 1.0; give a positive length for each axis"),
        ((32,), (-1.0,), r"extent = \(-1.0,\); give a positive length"),
        ((32,), (0.0,), "extent = "),
        ((32,), (np.nan,), "extent = "),
        ((0,), (1.0,), r"shape = \(0,\)"),
        ((3.5,), (1.0,), r"shape = \(3.5,\)"),
        ((True,), (1.0,), "shape = "),
        (("32",), (1.0,), "shape = "),
        ("32", (1.0,), "shape = '32'"),
        ((), (), r"shape = \(\)"),
        ((2, 2, 2, 2), (1.0,) * 4, "shape = "),
        ((32, 32), (1.0,), r"shape = \(32, 32\) and extent = \(1.0,\); give both one number for each axis"),
        ((1.0,), (32,), r"shape = \(1.0,\)"),
    ],
)
def test_grids_that_are_refused(shape, extent, message):
    with pytest.raises(InputError, match=message):
        Grid(shape, extent)


def test_lists_and_arrays_are_tuples():
    grid = Grid([np.int64(4), 3], np.array([1.0, 2.0]))
    assert (grid.shape, grid.extent) == ((4, 3), (1.0, 2.0))
    assert hash(grid) == hash(Grid((4, 3), (1, 2)))
