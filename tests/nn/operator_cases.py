"""Rows of differential operators for tests, and their exact kernels by SymPy."""

from functools import cache

import numpy as np
import pytest
import sympy

from freqbias.numerics import DifferentialOperator, Grid, OperatorRows, Positions, Scattered
from freqbias.problem import (
    Gaussian,
    Network,
    Problem,
    Rates,
    Samples,
)
from tests.operator_oracle import Operator, gaussian_kernel, identity

SIGMA, SIGMA_A, RATES = 2.5, 0.7, Rates(output=0.8, frequencies=1.7)


def helmholtz(f: sympy.Expr, x: tuple[sympy.Symbol, ...]) -> sympy.Expr:
    return -sympy.diff(f, x[0], 2) + 30 * f


def advection(f: sympy.Expr, x: tuple[sympy.Symbol, ...]) -> sympy.Expr:
    return 0.3 * sympy.diff(f, x[0], 2) + 2 * sympy.diff(f, x[0], x[1]) + 5 * f - sympy.diff(f, x[1])


RNG = np.random.default_rng(1)
CASES: dict[str, tuple[Operator, OperatorRows]] = {
    "1-D": (
        helmholtz,
        OperatorRows(
            DifferentialOperator({(2,): -1, (0,): 30}), Grid((20,), (1.0,)), Positions(np.array([[-0.5], [0.5]]))
        ),
    ),
    "2-D, scattered": (
        advection,
        OperatorRows(
            DifferentialOperator({(2, 0): 0.3, (1, 1): 2, (0, 0): 5, (0, 1): -1}),
            Scattered(RNG.uniform(-0.5, 0.7, (25, 2))),
            Positions(RNG.uniform(-0.6, 0.6, (4, 2))),
        ),
    ),
    "without boundary": (
        helmholtz, OperatorRows(DifferentialOperator({(2,): -1, (0,): 30}), Grid((20,), (1.0,))),
    ),
}  # fmt: skip
BOTH = pytest.mark.parametrize("case", CASES)


def make(case: str, *, width: int = 40, **keys: object) -> Problem:
    rows = CASES[case][1]
    values = np.random.default_rng(2).standard_normal((1, rows.size))
    network = Network(width=width, sigma_a=SIGMA_A)
    return Problem(Gaussian(SIGMA), Samples(rows, values), network, np.array([0.0, 1.0]), rates=RATES, **keys)  # type: ignore[arg-type]


@cache
def exact(case: str, *points: float) -> np.ndarray:
    """The kernel of the rows, and of values at the points on the diagonal of the box, divided by N."""
    operator, rows = CASES[case]
    blocks = [(operator, rows.interior.positions())]
    blocks += [] if rows.boundary is None else [(identity, rows.boundary.points)]
    blocks += [(identity, np.tile(np.array(points)[:, None], rows.dimension))] if points else []
    return gaussian_kernel(blocks, SIGMA, SIGMA_A, (RATES.output, RATES.frequencies)) / rows.size
