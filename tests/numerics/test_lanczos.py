"""Lanczos exponentials against dense matrix exponentials."""

import numpy as np
import pytest
import scipy.linalg

from freqbias.errors import ComputationError
from freqbias.numerics import Lanczos, Metric, exponential, shift_invert_exponential

TIMES = np.array([0.0, 0.3, 5.0, 200.0])


def semidefinite(n, decay, seed=0):
    """A random symmetric matrix with eigenvalues exp(-decay i), and a few exact zeros."""
    orthogonal = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    eigenvalues = np.exp(-decay * np.arange(n))
    eigenvalues[-3:] = 0
    return (orthogonal * eigenvalues) @ orthogonal.T


def exact(matrix, start):
    return np.array([scipy.linalg.expm(-t * matrix) @ start for t in TIMES])


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-9])
@pytest.mark.parametrize("decay", [0.02, 0.3])
def test_bound_holds_and_is_sharp(tolerance, decay):
    matrix, start = semidefinite(120, decay), np.random.default_rng(5).normal(size=120)
    result = exponential(lambda v: matrix @ v, start, TIMES, tolerance)
    error = np.linalg.norm(result.values - exact(matrix, start), axis=1).max() / np.linalg.norm(start)
    assert error <= result.error + 1e-12 <= tolerance + 1e-12
    shorter = exponential(lambda v: matrix @ v, start, TIMES, 100 * tolerance)
    assert shorter.steps < result.steps < 120


def energy_norms(matrix, rows):
    """|A^(1/2) w| of each row w."""
    return np.sqrt(np.maximum(0.0, np.einsum("ti,ij,tj->t", rows, matrix, rows)))


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5])
@pytest.mark.parametrize("decay", [0.02, 0.3])
def test_integral_and_its_bound(tolerance, decay):
    matrix, start = semidefinite(120, decay), np.random.default_rng(5).normal(size=120)
    result = exponential(matrix.__matmul__, start, TIMES, tolerance, integrate=True)
    values, vectors = np.linalg.eigh(matrix)
    weights = [[-np.expm1(-t * max(x, 1e-15)) / max(x, 1e-15) for x in values] for t in TIMES]
    exact = (np.array(weights) * (start @ vectors)) @ vectors.T
    errors = energy_norms(matrix, result.integral.values - exact) / np.linalg.norm(start)
    assert (errors <= result.integral.error + 1e-12).all() and errors.max() > result.integral.error.max() / 500
    residual = (start - result.values - result.integral.values @ matrix) / np.linalg.norm(start)
    assert np.abs(residual).max() < 2 * tolerance


def test_basis_is_orthonormal_and_tridiagonal():
    matrix = semidefinite(60, 0.2)
    lanczos = Lanczos(lambda v: matrix @ v, np.ones(60))
    for _ in range(25):
        lanczos.step()
    basis = lanczos.basis[:25]
    np.testing.assert_allclose(basis @ basis.T, np.eye(25), rtol=0, atol=1e-13)
    tridiagonal = np.diag(lanczos.alpha) + np.diag(lanczos.beta[:-1], 1) + np.diag(lanczos.beta[:-1], -1)
    np.testing.assert_allclose(basis @ matrix @ basis.T, tridiagonal, rtol=0, atol=1e-13)


def test_basis_is_orthonormal_in_the_mass():
    matrix, mass = np.eye(60) + semidefinite(60, 0.2), np.diag(np.linspace(0.5, 2.0, 60))
    lanczos = Lanczos(matrix.__matmul__, np.ones(60), mass=mass.__matmul__)
    for _ in range(25):
        lanczos.step()
    basis = lanczos.basis[:25]
    np.testing.assert_allclose(basis @ mass @ basis.T, np.eye(25), rtol=0, atol=1e-13)
    tridiagonal = np.diag(lanczos.alpha) + np.diag(lanczos.beta[:-1], 1) + np.diag(lanczos.beta[:-1], -1)
    np.testing.assert_allclose(basis @ mass @ matrix @ mass @ basis.T, tridiagonal, rtol=0, atol=1e-12)


def test_breakdown_is_exact():
    result = exponential(lambda v: 0.5 * v, np.arange(1.0, 5.0), TIMES, 1e-12)
    assert result.steps == 1
    np.testing.assert_allclose(result.values, np.exp(-0.5 * TIMES)[:, None] * np.arange(1.0, 5.0), rtol=1e-13)


def test_zero_stays_zero():
    assert not exponential(lambda v: v, np.zeros(4), TIMES, 1e-3).values.any()


def test_nan_names_the_step():
    with pytest.raises(ComputationError, match="step 1"):
        exponential(lambda v: np.nan * v, np.ones(4), TIMES, 1e-3)
    with pytest.raises(ComputationError, match="step 1"):
        exponential(lambda v: v, np.array([1.0, np.nan]), TIMES, 1e-3)


def test_too_few_steps():
    matrix = semidefinite(100, 0.01)
    with pytest.raises(ComputationError, match="after 3 steps"):
        exponential(lambda v: matrix @ v, np.ones(100), TIMES, 1e-8, max_steps=3)


@pytest.mark.parametrize("inexact", [False, True])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_shift_and_invert_tolerance(tolerance, inexact):
    """Solves may have errors that grow as the changes fall, as `shift_invert_exponential` allows."""
    rng = np.random.default_rng(7)
    stiffness = 50 * semidefinite(80, 0.15)
    mass = np.diag(rng.uniform(0.5, 2.0, 80))
    start, shift = rng.normal(size=80), 0.7
    times = np.array([0.0, 0.5, 2.0, 40.0])
    matrix, factors = mass + shift * stiffness, []

    def solve(b, looseness):
        solution, direction = np.linalg.solve(matrix, b), rng.normal(size=80)
        factors.append(looseness)
        size = np.sqrt(solution @ matrix @ solution / (direction @ matrix @ direction))
        return solution + inexact * 0.03 * tolerance * looseness * size * direction

    result = shift_invert_exponential(solve, start, times, tolerance, shift=shift, mass=mass.__matmul__)
    eigenvalues, modes = scipy.linalg.eigh(stiffness, mass)
    reference = np.array([modes @ (np.exp(-eigenvalues * t) * (modes.T @ mass @ start)) for t in times])
    difference = np.array(list(result.states())) - reference
    error = np.sqrt(np.einsum("ti,ij,tj->t", difference, mass, difference)).max() / np.sqrt(start @ mass @ start)
    assert error <= tolerance
    assert result.steps < 60
    assert factors[0] == pytest.approx(10 * shift / times[-1])
    assert 0.02 < factors[-1] / factors[0] * tolerance < 1


def test_extend_stops_when_the_space_is_invariant():
    """A start with parts in three eigenspaces has a Krylov space of dimension 3."""
    eigenvalues = np.repeat([1.0, 2.0, 5.0], 4)
    lanczos = Lanczos(lambda v: eigenvalues * v, np.ones(12))
    lanczos.extend(2)
    assert lanczos.steps == 2
    lanczos.extend(10)
    assert lanczos.steps == 3 and lanczos.beta[-1] == 0
    np.testing.assert_allclose(lanczos.ritz_pairs()[0], [1.0, 2.0, 5.0], rtol=1e-12)
    lanczos.extend(20)
    assert lanczos.steps == 3


def metric_matrix(n, smallest, seed=3):
    """A random symmetric matrix with eigenvalues from `smallest` to 50 times as much."""
    orthogonal = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    return (orthogonal * np.geomspace(smallest, 50 * smallest, n)) @ orthogonal.T


@pytest.mark.parametrize("smallest", [0.01, 20.0])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
@pytest.mark.parametrize("decay", [0.02, 0.3])
def test_exponential_in_a_metric(decay, tolerance, smallest):
    """The bounds are those of the Euclidean error, and of K^(1/2) P dw, whatever the size of P."""
    matrix, p = semidefinite(120, decay) / smallest, metric_matrix(120, smallest)
    start = np.random.default_rng(5).normal(size=120)
    result = exponential(
        matrix.__matmul__, start, TIMES, tolerance, metric=Metric(p.__matmul__, smallest), integrate=True
    )
    norm, expected = np.linalg.norm(start), exact(matrix @ p, start)
    error = np.linalg.norm(result.values - expected, axis=1).max() / norm
    assert result.error / 3000 < error <= result.error + 1e-12 <= tolerance + 1e-12
    root = scipy.linalg.sqrtm(p).real
    values, vectors = np.linalg.eigh(root @ matrix @ root)
    weights = [[-np.expm1(-t * max(x, 1e-15)) / max(x, 1e-15) for x in values] for t in TIMES]
    integral = (np.array(weights) * (root @ start @ vectors)) @ vectors.T @ root
    errors = energy_norms(matrix, result.integral.values - integral) / norm
    assert (errors <= result.integral.error + 1e-12).all() and errors.max() > result.integral.error.max() / 3000
    residual = (start - result.values - result.integral.values @ matrix) / norm
    assert np.abs(residual).max() < 2 * tolerance
