"""Held-out rows of a differential operator: kernels, and bounds of the error there."""

from functools import cache

import numpy as np
import pytest
import sympy
import torch

from freqbias.errors import InputError
from freqbias.nn import (
    EmpiricalKernel,
    FourierNetwork,
    InfiniteWidthKernel,
    JointInfiniteKernel,
    JointKernel,
    make_transforms,
)
from freqbias.numerics import DifferentialOperator, Grid, OperatorRows, Positions, Scattered, subset
from freqbias.problem import (
    Gaussian,
    Network,
    Problem,
    Samples,
    problem_at,
)
from tests.nn.operator_cases import BOTH, CASES, RATES, SIGMA, SIGMA_A, make
from tests.operator_oracle import gaussian_kernel, identity


@cache
def exact_with_held_out(case: str, count: int = 5) -> tuple[OperatorRows, np.ndarray]:
    """Held-out rows L f, and the kernel of the rows and then of these, divided by N."""
    operator, rows = CASES[case]
    held_out = OperatorRows(
        rows.operator, Scattered(np.random.default_rng(8).uniform(-0.5, 0.5, (count, rows.dimension)))
    )
    blocks = [(operator, rows.interior.positions())]
    blocks += [] if rows.boundary is None else [(identity, rows.boundary.points)]
    blocks += [(operator, held_out.positions())]
    return held_out, gaussian_kernel(blocks, SIGMA, SIGMA_A, (RATES.output, RATES.frequencies)) / rows.size


@BOTH
def test_kernel_between_held_out_rows_and_rows(case: str) -> None:
    held_out, expected = exact_with_held_out(case)
    size = CASES[case][1].size
    at = InfiniteWidthKernel(make(case)).at(held_out)
    np.testing.assert_allclose(at.apply(np.eye(size)), expected[:size, size:], atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(at.diagonal, np.diag(expected)[size:] * size, rtol=1e-11)


@BOTH
def test_held_out_rows_of_a_drawn_network(case: str) -> None:
    """The joint kernel has the products of the separate ones, and a diagonal that bounds them."""
    rows, (held_out, _) = CASES[case][1], exact_with_held_out(case)
    values = np.random.default_rng(4).standard_normal((1, held_out.size))
    problem = make(case, held_out=Samples(held_out, values, held_out=True))
    joint, apart = JointKernel(problem), EmpiricalKernel(problem)
    at = apart.at(held_out)
    u = np.random.default_rng(5).standard_normal((1, rows.size))
    for found, expected in zip(joint.apply(u), (apart.apply(u), at.apply(u)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(joint.held_out_start, at.start - values, atol=1e-9)
    np.testing.assert_allclose(joint.start, -problem.samples.values, atol=1e-9)
    whole = InfiniteWidthKernel(problem_at(problem, held_out)).apply(np.eye(held_out.size)) * held_out.size
    wide = EmpiricalKernel(make(case, width=100_000)).at(held_out).diagonal
    assert (np.diag(whole) < 1.02 * wide).all() and (wide < 2.05 * np.diag(whole)).all()
    network = FourierNetwork(problem, make_transforms("dense", rows, "double", torch.device("cpu")))
    amplitudes, w = (part.numpy() for part in network.layout.split(network.start))
    symbol, gradient = rows.operator.symbol(w.T), rows.operator.symbol_gradient(w.T)
    slopes = gradient + 2j * np.pi * held_out.positions()[:, None, :] * symbol[:, None]
    expected = RATES.output * np.mean(np.abs(symbol) ** 2)
    expected = expected + RATES.frequencies * np.mean(np.abs(amplitudes[0, :, None] * slopes) ** 2, axis=1).sum(axis=1)
    np.testing.assert_allclose(at.diagonal, expected, rtol=1e-11)


@pytest.mark.parametrize("indices", [[10, 11], [10, 20], [0, 63]])
@pytest.mark.parametrize("order", [2, 4])
def test_held_out_rows_that_lie_close_together(indices: list[int], order: int) -> None:
    """The integrals are those of the whole box, however few rows are held out."""
    grid, operator = Grid((64,), (1.0,)), DifferentialOperator({(order,): 1.0})
    rest = np.setdiff1d(np.arange(64), indices)
    rows, held_out = (OperatorRows(operator, subset(grid, np.array(each))) for each in (rest, indices))
    problem = Problem(
        Gaussian(SIGMA), Samples(rows, np.ones((1, 62))), Network(width=10, sigma_a=SIGMA_A), np.array([0.0, 1.0]),
        held_out=Samples(held_out, np.ones((1, 2)), held_out=True),
    )  # fmt: skip

    def differentiate(f: sympy.Expr, x: tuple[sympy.Symbol, ...]) -> sympy.Expr:
        return sympy.diff(f, x[0], order)

    expected = np.diag(gaussian_kernel([(differentiate, held_out.positions())], SIGMA, SIGMA_A))
    found = InfiniteWidthKernel(problem).at(held_out).diagonal
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_held_out_rows_on_a_line() -> None:
    grid, operator = Grid((6, 6), (1.0, 1.0)), DifferentialOperator({(2, 0): -1.0, (0, 2): -1.0})
    rows, held_out = (OperatorRows(operator, subset(grid, each)) for each in (np.arange(6, 36), np.arange(6)))
    problem = Problem(
        Gaussian(SIGMA), Samples(rows, np.ones((1, 30))), Network(width=10, sigma_a=SIGMA_A), np.array([0.0, 1.0]),
        held_out=Samples(held_out, np.ones((1, 6)), held_out=True),
    )  # fmt: skip

    def laplace(f: sympy.Expr, x: tuple[sympy.Symbol, ...]) -> sympy.Expr:
        return -sympy.diff(f, x[0], 2) - sympy.diff(f, x[1], 2)

    expected = np.diag(gaussian_kernel([(laplace, held_out.positions())], SIGMA, SIGMA_A))
    np.testing.assert_allclose(InfiniteWidthKernel(problem).at(held_out).diagonal, expected, rtol=1e-9)


@BOTH
def test_held_out_rows_at_infinite_width(case: str) -> None:
    held_out, expected = exact_with_held_out(case)
    size = CASES[case][1].size
    values = np.ones((1, held_out.size))
    joint = JointInfiniteKernel(make(case, held_out=Samples(held_out, values, held_out=True)))
    u = np.random.default_rng(5).standard_normal((1, size))
    found = np.concatenate(joint.apply(u), axis=1)
    np.testing.assert_allclose(found, u @ expected[:size], atol=1e-11 * np.abs(expected).max())
    assert (joint.held_out_start == -1).all()


def test_other_held_out_samples_are_refused() -> None:
    positions = Positions(np.array([[0.1], [0.2]]))
    other = OperatorRows(DifferentialOperator({(2,): -1.0}), positions)
    for sites in (positions, other, OperatorRows(CASES["1-D"][1].operator, positions, positions)):
        with pytest.raises(InputError, match="give held-out rows of the same operator, without a boundary"):
            make("1-D", held_out=Samples(sites, np.ones((1, sites.size)), held_out=True))
