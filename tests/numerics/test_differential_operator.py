import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import DifferentialOperator, Grid, OperatorRows, Positions, Scattered, make_transform

OPERATOR = DifferentialOperator({(2, 0): -1.0, (1, 1): 0.5, (0, 3): 0.1, (0, 1): -2.0, (0, 0): 30.0})
RNG = np.random.default_rng(0)


def test_the_symbol_multiplies_waves() -> None:
    """The derivatives of a wave written out by hand."""
    xi, x = np.array([[0.3, -0.7]]), np.array([0.2, 0.4])
    a, b = 2j * np.pi * xi[0]
    wave = np.exp(2j * np.pi * xi[0] @ x)
    expected = (-(a**2) + 0.5 * a * b + 0.1 * b**3 - 2 * b + 30) * wave
    np.testing.assert_allclose(OPERATOR.symbol(xi) * wave, [expected], rtol=1e-14)


def test_the_gradient_of_the_symbol_is_its_derivative() -> None:
    xi, h = RNG.uniform(-2, 2, (5, 2)), 1e-6
    for axis, step in enumerate(np.eye(2) * h):
        difference = (OPERATOR.symbol(xi + step) - OPERATOR.symbol(xi - step)) / (2 * h)
        np.testing.assert_allclose(OPERATOR.symbol_gradient(xi)[:, axis], difference, rtol=1e-7)


def test_order_and_words() -> None:
    assert OPERATOR.order == 3
    assert str(DifferentialOperator({(2,): -1.0, (0,): 30.0})) == "30 - dxx"
    assert str(DifferentialOperator({(2, 0): -0.5, (0, 1): 1.0})) == "dy - 0.5 dxx"


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({}, "the operator is 0"),
        ({(2,): 0.0}, "the operator is 0"),
        ({(1,): np.inf}, "give finite numbers"),
        ({(1,): 1.0, (1, 0): 1.0}, "one order of derivative"),
        ({(5,): 1.0}, "use orders from 0 to 4"),
        ({(-1,): 1.0}, "use orders from 0 to 4"),
    ],
)
def test_bad_operators_are_refused(terms: dict[tuple[int, ...], float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        DifferentialOperator(terms)


@pytest.mark.parametrize("interior", [Grid((6, 5), (1.0, 2.0)), Scattered(RNG.uniform(-1, 1, (30, 2)))])
@pytest.mark.parametrize("boundary", [Positions(RNG.uniform(-1, 1, (4, 2))), None])
def test_the_transforms_of_rows_contain_the_symbol(interior: Grid | Scattered, boundary: Positions | None) -> None:
    """Against the dense matrix of the rows, with derivatives of waves by their symbol."""
    rows, xi = OperatorRows(OPERATOR, interior, boundary), RNG.uniform(-3, 3, (400, 2))
    waves = np.exp(2j * np.pi * rows.positions() @ xi.T)  # (N, n)
    waves[: interior.size] *= OPERATOR.symbol(xi)
    u = RNG.standard_normal((2, rows.size))
    c = RNG.standard_normal((2, 400)) + 1j * RNG.standard_normal((2, 400))
    for threads in (1, 2):
        transform = make_transform(rows, xi, threads=threads)
        for found, expected in (
            (transform.to_frequencies(u), u @ waves.conj()),
            (transform.to_samples(c), c @ waves.T),
        ):
            np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


def test_rows_of_other_dimensions_are_refused() -> None:
    with pytest.raises(InputError, match="the operator has 2 axes"):
        OperatorRows(OPERATOR, Grid((4,), (1.0,)))
    with pytest.raises(InputError, match="the boundary has 1 axes"):
        OperatorRows(OPERATOR, Grid((4, 4), (1.0, 1.0)), Positions(np.zeros((1, 1))))
