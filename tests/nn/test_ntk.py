"""The kernel at infinite width and its largest eigenvalue against the dense matrix of the oracle, a drawn network's own
against the Jacobian by automatic differentiation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from freqbias.nn import EmpiricalKernel, InfiniteWidthKernel
from freqbias.nn.convolution import convolution
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Ball, Gaussian, Laplace, Network, Octaves, Problem, Samples, StudentT, Uniform, draw
from tests import oracle

CASES = [
    (Gaussian(10.0), oracle.gaussian(10.0), (200,), (1.0,), 1.0),
    (Gaussian(2.0), oracle.gaussian(2.0), (63,), (2.5,), 0.3),
    (Uniform(20.0), oracle.uniform(20.0), (128,), (0.4,), 2.0),
    (Uniform(4.0), oracle.uniform(4.0), (17, 20), (1.0, 0.4), 1.0),
    (Ball(6.0), oracle.disc(6.0), (24, 24), (1.0, 1.0), 0.0),
    (Gaussian(3.0), oracle.gaussian(3.0), (7, 8, 6), (1.0, 1.0, 0.5), 1.0),
]


def of(density, shape, extent, sigma_a):
    grid = Grid(shape, extent)
    samples = Samples(grid, np.random.default_rng(0).normal(size=(2, grid.size)))
    return Problem(density, samples, Network(width=2, sigma_a=sigma_a), np.array([0.0, 1.0]))


@pytest.mark.parametrize("density, k, shape, extent, sigma_a", CASES)
def test_products_equal_the_dense_ones(density, k, shape, extent, sigma_a):
    problem = of(density, shape, extent, sigma_a)
    matrix = oracle.dense_kernel(oracle.grid(shape, extent), k, sigma_a)
    expected = problem.samples.values @ matrix
    np.testing.assert_allclose(
        InfiniteWidthKernel(problem).apply(problem.samples.values),
        expected,
        rtol=0,
        atol=1e-12 * np.abs(expected).max(),
    )


@pytest.mark.parametrize("density, k, shape, extent, sigma_a", CASES)
def test_largest_eigenvalue_from_above(density, k, shape, extent, sigma_a):
    exact = np.linalg.eigvalsh(oracle.dense_kernel(oracle.grid(shape, extent), k, sigma_a))[-1]
    found = InfiniteWidthKernel(of(density, shape, extent, sigma_a)).largest_eigenvalue()
    assert found >= exact
    assert found / 1.05 == pytest.approx(exact, rel=0.01)


def test_fewer_points_than_lanczos_steps():
    exact = np.linalg.eigvalsh(oracle.dense_kernel(oracle.grid((2,), (1.0,)), oracle.gaussian(1.0), 1.0))[-1]
    assert InfiniteWidthKernel(of(Gaussian(1.0), (2,), (1.0,), 1.0)).largest_eigenvalue() == pytest.approx(1.05 * exact)


SCATTERED = [
    (Gaussian(10.0), oracle.gaussian(10.0), 1),
    (Uniform(20.0), oracle.uniform(20.0), 1),
    (StudentT(3.0, 3.0), oracle.student_t(3.0, 3.0), 1),
    (Ball(6.0), oracle.disc(6.0), 2),
    (Laplace(2.0), oracle.laplace(2.0), 2),
    (Gaussian(0.5), oracle.gaussian(0.5), 3),
    (Octaves(0.5, 8), oracle.points(Octaves(0.5, 8).frequencies(1)), 1),
    (Octaves(0.5, 12), oracle.points(Octaves(0.5, 12).frequencies(2)), 2),  # too high for a series
]


def scattered(density, dimension, count=150, sigma_a=1.0):
    """Crowded in one corner far from x = 0; two samples coincide."""
    rng = np.random.default_rng(1)
    points = 2 + rng.beta(0.5, 2.0, (count, dimension)) * [1.0, 0.4, 1.5][:dimension]
    points[17] = points[4]
    samples = Samples(Scattered(points), rng.normal(size=(2, count)))
    return Problem(density, samples, Network(width=100, sigma_a=sigma_a), np.array([0.0, 1.0]))


NO_MATRIX, NO_SERIES = {"MATRIX_SHARE": 0.0}, {"MOST_MODES": 0}
both_ways = pytest.mark.parametrize("forbidden", [NO_MATRIX, NO_SERIES], ids=["series", "matrix"])


def forbid(settings, monkeypatch):
    for name, value in settings.items():
        monkeypatch.setattr(f"freqbias.nn.convolution.{name}", value)


@both_ways
@pytest.mark.parametrize("density, k, dimension", SCATTERED)
def test_products_on_scattered_samples(density, k, dimension, forbidden, monkeypatch, caplog):
    forbid(forbidden, monkeypatch)
    bound = 1e-10
    if dimension == 3 and forbidden is NO_MATRIX:  # 30 s otherwise
        monkeypatch.setattr("freqbias.nn.convolution.ACCURACY", bound := 1e-5)
        monkeypatch.setattr("freqbias.numerics.fourier.FLAT_TOP_BETA", 12.0)
    problem = scattered(density, dimension)
    expected = problem.samples.values @ oracle.dense_kernel(problem.sites.positions(), k, 1.0)
    found = InfiniteWidthKernel(problem).apply(problem.samples.values)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * np.abs(expected).max())
    assert not caplog.text


def test_zero_law_needs_a_short_series(monkeypatch, caplog):
    """If all output weights are 0, so is the diffusion."""
    forbid(NO_MATRIX, monkeypatch)
    problem = scattered(Gaussian(2.0), 2, sigma_a=0.0)
    expected = problem.samples.values @ oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(2.0), 0.0)
    with np.errstate(all="raise"):
        found = InfiniteWidthKernel(problem).apply(problem.samples.values)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    assert not caplog.text


def test_limited_series_warns_of_accuracy(monkeypatch, caplog):
    """Cauchy's law: its transform has a kink."""
    forbid(NO_MATRIX, monkeypatch)
    monkeypatch.setattr("freqbias.nn.convolution.MOST_MODES", 2**16)
    problem = scattered(StudentT(3.0, 1.0), 1)
    expected = problem.samples.values @ oracle.dense_kernel(problem.sites.positions(), oracle.student_t(3.0, 1), 1.0)
    found = InfiniteWidthKernel(problem).apply(problem.samples.values)
    assert "accurate to" in caplog.text
    stated = float(caplog.text.partition("accurate to ")[2].split()[0])
    assert 1e-7 < np.abs(found - expected).max() / np.abs(expected).max() <= 2 * stated < 1e-3


@pytest.mark.parametrize(
    ("density", "dimension", "count", "taken"),
    [(Gaussian(2.0), 1, 2000, "series"), (Gaussian(2.0), 2, 5000, "series"), (Gaussian(2.0), 2, 500, "matrix"),
     (Laplace(2.0), 2, 2000, "matrix"), (Gaussian(2.0), 3, 5000, "matrix")],
)  # fmt: skip
def test_cheaper_of_series_and_matrix(density, dimension, count, taken, monkeypatch):
    problem = scattered(density, dimension, count)
    law, sites = problem.laws.damping, problem.sites
    assert (convolution(law, sites) is None) == (taken == "matrix")
    if taken == "matrix":
        monkeypatch.setattr("freqbias.nn.convolution.MOST_MODES", 50_000)
        monkeypatch.setattr("freqbias.nn.convolution.available_memory", lambda: 4 * 8.0 * count**2 - 1)
        assert convolution(law, sites) is not None


def jacobian(problem):
    """df/d(a, b, w) at the start, (C, N, parameters), from the definition of the network."""
    neurons = draw(
        problem.density,
        problem.network,
        dimension=problem.dimension,
        channels=problem.samples.channels,
        seed=problem.seed,
    )
    x = torch.tensor(problem.sites.positions())

    def f(a, b, w):
        angle = 2 * math.pi * w @ x.T
        return (a @ torch.cos(angle) + b @ torch.sin(angle)) / math.sqrt(len(w))

    parameters = tuple(map(torch.tensor, (neurons.cosine, neurons.sine, neurons.frequencies)))
    parts = torch.autograd.functional.jacobian(f, parameters)
    return f(*parameters).numpy(), torch.cat([part.flatten(2) for part in parts], dim=2).numpy()


@both_ways
def test_atom_adds_a_constant(forbidden, monkeypatch):
    forbid(forbidden, monkeypatch)
    for problem in (scattered(Gaussian(3.0), 2), of(Gaussian(3.0), (7, 9), (1.0, 0.4), 1.0)):
        values, laws = problem.samples.values, problem.laws
        without, found = (
            InfiniteWidthKernel(replace(problem, laws=replace(laws, atom=atom))).apply(values) for atom in (0.0, 0.3)
        )
        mean = np.broadcast_to(values.mean(axis=1, keepdims=True), values.shape)
        np.testing.assert_allclose(found - without, 0.3 * mean, rtol=0, atol=1e-12)


PLACES = [
    Grid((33,), (2.5,)),
    Grid((6, 9), (1.0, 0.4)),
    Grid((3, 4, 5), (1.0, 1.0, 0.5)),
    Scattered(1 + np.random.default_rng(2).beta(0.5, 2.0, (40, 2))),
]


@pytest.mark.parametrize("sites", PLACES, ids=["1d", "2d", "3d", "scattered"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_drawn_kernel_equals_its_jacobian(sites, symmetric):
    values = np.random.default_rng(0).normal(size=(2, sites.size))
    network = Network(width=40, sigma_a=1.5, symmetric=symmetric)
    problem = Problem(Gaussian(4.0), Samples(sites, values), network, np.array([0.0, 1.0]), seed=3)
    f, derivatives = jacobian(problem)
    kernel = EmpiricalKernel(problem)
    np.testing.assert_allclose(kernel.start, f - values, rtol=0, atol=1e-10)
    expected = np.einsum("cqp,dsp,ds->cq", derivatives, derivatives, values) / sites.size
    np.testing.assert_allclose(kernel.apply(values), expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    matrix = np.einsum("cqp,dsp->cqds", derivatives, derivatives).reshape(2 * sites.size, -1) / sites.size
    exact = np.linalg.eigvalsh(matrix)[-1]
    assert exact <= kernel.largest_eigenvalue() <= 1.06 * exact
