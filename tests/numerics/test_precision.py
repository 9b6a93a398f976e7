"""The rounding of numbers, by number type and by decimal digits."""

import numpy as np
import pytest

from freqbias.numerics import rounding

THIRDS = np.linspace(0, 40, 13)  # 3.333..., 6.666..., 10, ...


@pytest.mark.parametrize(
    ("write", "most"),
    [
        (np.float64, 1e-7),
        (np.float32, 1e-5),
        (lambda t: t.astype(np.float32).astype(float), 1e-5),
        (np.float16, 0.05),
        (lambda t: np.round(t, 4), 1e-4),
        (lambda t: np.array([float(f"{x:.5g}") for x in t]), 1e-3),
        (lambda t: np.array([float(f"{x:.6e}") for x in 1e-5 * t]) * 1e5, 1e-5),
        (lambda t: np.round(t, 2).astype(np.float32), 1e-2),
    ],
)
def test_rounding_bounds_the_error(write, most):
    written = write(THIRDS)
    found = rounding(written)
    assert (np.abs(written.astype(float) - THIRDS) <= found).all()
    assert found[0] == 0 or found[0] <= most
    assert found.max() <= most


@pytest.mark.parametrize("values", [[0.1, 0.3], [1.0, 2.5, 10.0], [1000.0, 20480.0], [0.125, 0.5], [0.0], []])
def test_short_numbers_are_exact(values):
    np.testing.assert_array_less(rounding(np.array(values)), 2e-7 * np.abs(values) + 1e-300)
