"""The equation of a loss with a differential operator, against exp(-t K P) with the exact kernel by SymPy."""

import numpy as np
import pytest
import scipy.linalg

from freqbias import pde
from freqbias.compare.kappa import theory_rate
from freqbias.errors import InputError
from freqbias.numerics import DifferentialOperator, Grid, OperatorRows, Positions, make_gpu_transform, make_transform
from freqbias.problem import BlockSquare, Gaussian, Network, Pde, Points, Problem, Samples
from tests.nn.operator_cases import advection, helmholtz
from tests.operator_oracle import gaussian_kernel, identity

SIGMA, SIGMA_A, RNG = 2.5, 0.7, np.random.default_rng(0)
CASES = {
    "1-D": (
        helmholtz,
        OperatorRows(
            DifferentialOperator({(2,): -1, (0,): 30}), Grid((24,), (1.0,)), Positions(np.array([[-0.5], [0.5]]))
        ),
    ),
    "2-D": (
        advection,
        OperatorRows(
            DifferentialOperator({(2, 0): 0.3, (1, 1): 2, (0, 0): 5, (0, 1): -1}), Grid((6, 5), (1.0, 0.8)),
            Positions(RNG.uniform(-0.5, 0.5, (6, 2))),
        ),
    ),
}  # fmt: skip
POINTS = np.array([0.1, -0.3])


def problem_of(name, weights):
    """The problem, K P, both kernels to P that give values at points and held-out rows, and u(0)."""
    operator, rows = CASES[name]
    values = np.random.default_rng(1).normal(size=(1, rows.size))
    at = np.tile(POINTS[:, None], rows.dimension)
    held_out = OperatorRows(rows.operator, Positions(np.random.default_rng(2).uniform(-0.4, 0.4, (7, rows.dimension))))
    blocks = [(operator, rows.interior.positions()), (identity, rows.boundary.points), (identity, at)]
    blocks += [(operator, held_out.positions())]
    whole = gaussian_kernel(blocks, SIGMA, SIGMA_A) / rows.size
    factors = np.repeat([w * rows.size / n for w, n in zip(weights, rows.sizes, strict=True)], rows.sizes)
    matrix = whole[: rows.size, : rows.size] * factors
    times = np.array([0.0, 1.0, 10.0]) / np.abs(np.linalg.eigvals(matrix)).max()
    problem = Problem(
        Gaussian(SIGMA), Samples(rows, values), Network(width=2, sigma_a=SIGMA_A), times,
        loss=BlockSquare(rows.sizes, weights), predict_at=Positions(at),
        held_out=Samples(held_out, np.zeros((1, 7)), held_out=True),
    )  # fmt: skip
    return problem, matrix, whole[rows.size :, : rows.size] * factors, -values[0]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 1000.0)])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_flow_and_predicted_values(name, weights, tolerance):
    """The rows, the values f at other positions and held-out rows, within the tolerance and the bound."""
    problem, matrix, elsewhere, start = problem_of(name, weights)
    exact = np.array([scipy.linalg.expm(-t * matrix) @ start for t in problem.times])
    spectrum = pde.solve(problem, Pde(tolerance=tolerance))
    root = np.sqrt(problem.loss.residual(np.ones(len(start))))  # P^(1/2): tolerances are relative to |P^(1/2) u(0)|
    scale = np.linalg.norm(root * start)
    assert np.linalg.norm(root * (spectrum.sample_error[:, 0] - exact), axis=1).max() <= tolerance * scale
    assert np.linalg.norm(exact[-1] - start) > 0.1 * np.linalg.norm(start)
    interior = problem.sites.interior
    waves = np.exp(-2j * np.pi * interior.positions() @ spectrum.frequency.T)
    v = exact[:, : interior.size] @ waves / interior.size
    assert np.abs(spectrum.error[:, 0] - v).max() <= tolerance * scale / root[0] / np.sqrt(interior.size)
    n = len(start)
    block = np.zeros((2 * n, 2 * n))  # d/dt (w, u) = (u, -K P u)
    block[:n, n:], block[n:, n:] = np.eye(n), -matrix
    w = (scipy.linalg.expm(problem.times[-1] * block) @ np.concatenate([np.zeros(n), start]))[:n]
    found = np.concatenate([spectrum.prediction[-1, 0], spectrum.held_out_error[-1, 0]])
    expected, parts = -elsewhere @ w, (slice(0, len(POINTS)), slice(len(POINTS), None))
    for part in parts:
        missed = np.abs(found - expected)[part].max()
        assert missed <= spectrum.prediction_bound[-1]
        assert missed <= 0.01 * np.abs(expected[part]).max()


def test_transforms_for_a_gpu_equal_those_of_the_cpu():
    """cuFINUFFT's stand-in and NumPy: the tensor grid of the interior, and the symbol."""
    rows, axis = CASES["2-D"][1], np.linspace(-3, 3, 7)
    xi = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    rows = OperatorRows(rows.operator, rows.interior)
    on_gpu, expected = make_gpu_transform(rows, xi, eps=1e-12, xp=np), make_transform(rows, xi)
    u, c = RNG.standard_normal((2, rows.size)), RNG.standard_normal((2, len(xi)))
    np.testing.assert_allclose(on_gpu.to_frequencies(u), expected.to_frequencies(u), rtol=1e-9)
    np.testing.assert_allclose(on_gpu.to_samples(c), expected.to_samples(c), rtol=1e-9)


def test_sets_of_frequencies_are_refused():
    rows = CASES["1-D"][1]
    samples, network = Samples(rows, np.ones((1, rows.size))), Network(width=6, sigma_a=0.5)
    problem = Problem(Points(np.array([[1.0], [2.0], [3.0]])), samples, network, np.array([0.0, 1.0]))
    with pytest.raises(InputError, match="use another \\[density\\], or only `freqbias nn`"):
        pde.solve(problem)


def test_theory_of_kappa():
    """A box with the whole band and frozen frequencies: L f decays by |l|^2 damping / volume, times its weight."""
    rows = OperatorRows(DifferentialOperator({(2,): -1, (0,): 30}), Grid((400,), (8.0,)))
    x = rows.positions()[:, 0]
    values = np.cos(2 * np.pi * 1.5 * x) * np.exp(-(x**2) / 2)
    problem = Problem(Gaussian(SIGMA), Samples(rows, values[None]), Network(width=2, sigma_a=0.0), np.array([0.0, 1.0]))
    xi = np.array([[1.5]])
    rate = theory_rate(problem, xi)[0]
    np.testing.assert_allclose(rate, (30 + 4 * np.pi**2 * 1.5**2) ** 2 * Gaussian(SIGMA).density(xi)[0] / 8, rtol=1e-14)
    short = Problem(problem.density, problem.samples, problem.network, np.array([0.0, 1e-3 / rate]))
    spectrum = pde.solve(short, Pde(tolerance=1e-6))
    waves = np.exp(-2j * np.pi * x * 1.5)
    v = np.abs(spectrum.sample_error[:, 0] @ waves)
    np.testing.assert_allclose(np.log(v[0] / v[1]) / short.times[1], rate, rtol=0.05)
    weighted = Problem(
        problem.density, problem.samples, problem.network, problem.times, loss=BlockSquare([400], (3.0,))
    )
    np.testing.assert_allclose(theory_rate(weighted, xi), 3 * rate)
