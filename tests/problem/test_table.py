"""Tabulated densities: valid tables, and cases with an exact solution."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import Grid
from freqbias.problem import Network, Problem, Table, Uniform, waves


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_constant_table_is_uniform(dimension):
    """For any number of nodes, at lags from far below to far above 1 / half_width."""
    table, uniform = Table(np.full((5, 2, 4)[:dimension], 7.0), (3.0,) * dimension), Uniform(3.0)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(40, dimension)) * np.logspace(-6, 2, 40)[:, None]
    np.testing.assert_allclose(table.transform(z), uniform.transform(z), rtol=0, atol=1e-13)
    xi, unit = rng.uniform(-4, 4, size=(40, dimension)), rng.random((4, 10, dimension))
    np.testing.assert_allclose(table.density(xi), uniform.density(xi), rtol=1e-13)
    np.testing.assert_allclose(table.from_unit_cube(unit), uniform.from_unit_cube(unit), rtol=0, atol=1e-13)
    assert table.maximum(dimension) == pytest.approx(uniform.maximum(dimension))
    assert table.tail_radius(0.9 * table.maximum(dimension), dimension) == 3.0


def test_triangular_density():
    tent = Table(np.array([0.0, 0.2, 0.0]), (4.0,))
    z, unit = np.linspace(-2, 2, 41)[:, None], np.linspace(0.001, 0.999, 41)[:, None]
    np.testing.assert_allclose(tent.transform(z), np.sinc(4 * z[:, 0]) ** 2, atol=1e-14)
    quantile = np.where(unit < 0.5, -4 + 4 * np.sqrt(2 * unit), 4 - 4 * np.sqrt(2 * (1 - unit)))
    np.testing.assert_allclose(tent.from_unit_cube(unit), quantile, atol=1e-13)
    assert tent.tail_radius(0.1, 1) == pytest.approx(2.4)
    assert tent.break_planes(1) == ((0.0, 4.0),)


def hats(z, n, half_width):
    """The transforms at z (L,) of the n hat functions of an axis, cut off at its ends, by Gauss-Legendre quadrature."""
    t, weight = np.polynomial.legendre.leggauss(20)
    t, h = (1 + t) / 2, 2 * half_width / (n - 1)
    waves = np.exp(-2j * np.pi * z[:, None, None] * (h * (np.arange(n - 1)[:, None] + t) - half_width))
    result = np.zeros((len(z), n), dtype=complex)
    result[:, :-1] += waves @ (h / 2 * weight * (1 - t))
    result[:, 1:] += waves @ (h / 2 * weight * t)
    return result


@pytest.mark.parametrize(
    ("shape", "half_width"),
    [((4000,), (30.0,)), ((4001,), (30.0,)), ((60, 41), (8.0, 3.0)), ((11, 8, 9), (5.0, 7.0, 6.0))],
    ids=str,
)
def test_transform_is_a_sum_over_nodes(shape, half_width):
    """The values at the edges are not 0; the lags run from far below 1 / half_width to above 1 / spacing."""
    rng, dimension = np.random.default_rng(3), len(shape)
    values = rng.random(shape)
    table = Table(values + np.flip(values), half_width)
    z = rng.normal(size=(40, dimension)) * np.logspace(-6, 0, 40)[:, None] / np.array(table.spacing)
    z[:5] *= np.arange(dimension) > 0  # on an axis; 0 in one dimension
    letters = "abc"[:dimension]
    sums = ",".join(f"l{letter}" for letter in letters)
    axes = [hats(z[:, axis], n, r) for axis, (n, r) in enumerate(zip(shape, half_width, strict=True))]
    expected = np.einsum(f"{sums},{letters}->l", *axes, table.values, optimize=True).real
    np.testing.assert_allclose(table.transform(z), expected, rtol=0, atol=1e-12)
    assert table.transform(np.zeros(dimension)) == 1 and np.abs(table.transform(1e-9 * z)).max() <= 1


def test_chunks(monkeypatch):
    values = np.random.default_rng(0).random((6, 5))
    table, unit = Table(values + np.flip(values), (2.0, 3.0)), np.random.default_rng(1).random((210, 2))
    whole = table.from_unit_cube(unit)
    monkeypatch.setattr("freqbias.problem.table.CHUNK", 100)
    np.testing.assert_array_equal(table.from_unit_cube(unit), whole)


def test_cells_without_mass_are_never_sampled():
    table = Table(np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]), (4.0,))
    unit = np.array([[2.0**-54], [0.25], [0.5 - 1e-12], [0.5], [0.5 + 1e-12], [1 - 2.0**-53]])
    xi = np.abs(table.from_unit_cube(unit))[:, 0]
    assert ((xi >= 1 - 1e-7) & (xi <= 3 + 1e-7)).all()
    assert xi[1] == pytest.approx(2)


def test_rounding_is_corrected():
    even = np.array([[0.0, 1.0], [3.0, 1.0], [3.0, 1.0], [1.0, 0.0]])
    even = even + np.flip(even)
    noise = np.random.default_rng(0).uniform(-1e-6, 1e-6, size=even.shape)
    exact, rough = Table(even, (2.0, 2.0)), Table(1e30 * (even + noise), (2.0, 2.0))
    np.testing.assert_allclose(rough.values, exact.values, rtol=1e-5, atol=1e-7)
    assert (rough.values == np.flip(rough.values)).all() and (rough.values >= 0).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, 1.0, 2.0], r"the values at index \[0\] and at the opposite node are 0 and 2"),
        ([[1.0, 2.0], [1.0, 1.0]], r"the values at index \[0, 1\] and at the opposite node are 2 and 1"),
        ([1.0, -0.01, 1.0], r"the value at index \[1\] is -0.01; use values of at least 0"),
        ([1.0, np.nan, 1.0], r"1 value is NaN or infinite, the first at index \[1\]"),
        ([0.0, 0.0], "every value is 0"),
        ([1.0], r"the table has shape \(1,\); give 1 to 3 axes with at least 2 nodes each"),
        (np.ones((2, 2, 2, 2)), "give 1 to 3 axes"),
    ],
)
def test_invalid_tables(values, message):
    with pytest.raises(InputError, match=message):
        Table(np.array(values), (2.0,) * np.ndim(values))


def test_half_width_per_axis():
    with pytest.raises(InputError, match=r"half_width = \(2.0,\): the table has 2 axes; give one number for each axis"):
        Table(np.ones((3, 3)), (2.0,))


def test_problem_of_another_dimension():
    table = Table(np.ones((3, 3)), (2.0, 2.0))
    with pytest.raises(InputError, match=r"\[density\] is defined in 2 dimension\(s\), but the data have 1"):
        Problem(table, waves(Grid((8,), (1.0,)), [[1.0]]), Network(width=2, sigma_a=1.0), np.array([0.0, 1.0]))
