"""The error in bands of |xi| as a function of the number of steps, against the dense matrix of the kernel."""

from itertools import pairwise

import numpy as np
import pytest

from freqbias.nn import BandCurve, BandSpectra, Budget, JointKernel, halving
from freqbias.numerics import Grid, Scattered, resolved_frequencies
from freqbias.problem import Gaussian, Network, Problem, Samples

EDGES = np.array([1.5, 4.5, 8.5])


def problem_on(sites, channels=1):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(channels, sites.size))
    return Problem(Gaussian(5.0), Samples(sites, values), Network(width=100, sigma_a=0.7), np.array([0.0, 1.0]))


def dense_errors(kernel, steps, factor):
    """u after s steps of factor / lambda_max, by products with the matrix."""
    shape = kernel.start.shape
    matrix = np.array([kernel.apply(row.reshape(shape))[0].ravel() for row in np.eye(kernel.start.size)])
    largest = np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1]
    errors = [kernel.start.ravel()]
    for _ in range(max(steps)):
        errors.append(errors[-1] - factor / largest * matrix @ errors[-1])
    return np.array([errors[s] for s in steps]).reshape(-1, *shape)


def energies(error, positions, spacing, count):
    """sum over the frequencies k * spacing in each band of |mean_j u_j exp(-2 pi i xi.x_j)|^2, as written."""
    axis = spacing * np.arange(-count, count + 1)
    grid = np.stack(np.meshgrid(*[axis] * positions.shape[1], indexing="ij"), axis=-1).reshape(-1, positions.shape[1])
    radius = np.sqrt((grid**2).sum(axis=1))
    found = []
    for low, high in pairwise(EDGES):
        xi = grid[(radius >= low) & (radius < high)]
        v = np.einsum("tcn,xn->tcx", error, np.exp(-2j * np.pi * xi @ positions.T)) / len(positions)
        found.append((np.abs(v) ** 2).sum(axis=(1, 2)))
    return np.array(found).T


@pytest.mark.parametrize("sites, channels", [
    (Grid((40,), (1.0,)), 1),
    (Grid((20, 20), (1.0, 1.0)), 2),
    (Scattered(np.random.default_rng(0).uniform(-0.5, 0.5, (60, 1))), 1),
])  # fmt: skip
def test_amplitudes_are_those_of_the_dense_matrix(sites, channels):
    kernel = JointKernel(problem_on(sites, channels))
    steps = np.array([0, 1, 7, 60])
    curve = BandCurve(kernel, sites, EDGES, budget=Budget(steps=60, factor=0.5))
    assert curve.converged
    spacing = 1 / float(sites.span[0]) if sites.lattice is None else 1.0
    expected = energies(dense_errors(kernel, steps, 0.5), sites.positions(), spacing, 9)
    found = np.array([curve.amplitude(int(s)) for s in steps])
    np.testing.assert_allclose(found, np.sqrt(expected / expected[0]), rtol=2e-3)
    assert (found[-1] < 0.9).all() and np.ptp(found[-1]) > 0.01
    np.testing.assert_allclose(curve.energy / curve.energy[0], expected[0] / expected[0, 0], rtol=1e-9)


def test_halving_is_where_the_amplitude_is_a_half():
    sites = Grid((40,), (1.0,))
    curve = BandCurve(JointKernel(problem_on(sites)), sites, EDGES, budget=Budget(steps=1000, factor=0.1))
    for band, count in enumerate(curve.halving()):
        assert 2 < count < 1000
        assert curve.amplitude(int(count))[band] > 0.5 >= curve.amplitude(int(count) + 1)[band]
        steps = np.arange(int(count) + 2)
        assert count == pytest.approx(halving(steps, np.array([curve.amplitude(int(s))[band] for s in steps])))


def test_halving_of_a_series():
    steps = np.arange(30)
    assert halving(steps, np.exp(-0.1 * steps)) == pytest.approx(np.log(2) / 0.1)
    assert halving(steps[:4], np.exp(-0.1 * steps[:4])) == pytest.approx(np.log(2) / 0.1)  # extrapolated
    assert halving(np.array([0, 1]), np.array([1.0, 0.1])) == pytest.approx(np.log(2) / np.log(10))
    assert halving(steps, np.full(30, 1.2)) == 1000 * 29  # never learnt


def test_measured_amplitudes_count_each_frequency_once():
    """A wave of amplitude 1 has |v| = 1/2 at xi and at -xi; a constant has |v| = 1 at 0."""
    sites = Grid((32,), (1.0,))
    (x,) = sites.axes()
    error = np.array([[np.cos(2 * np.pi * 3 * x)], [np.ones(32)]])
    amplitudes = BandSpectra(sites, np.array([0.0, 1.0, 5.0])).amplitudes(error)
    np.testing.assert_allclose(amplitudes, [[0.0, np.sqrt(0.5)], [1.0, 0.0]], atol=1e-12)


def test_edges_at_frequencies_that_are_no_floats():
    """On an extent of 10, the frequency 0.7 is 0.7000000000000001; it belongs to the band above an inner edge."""
    sites = Grid((64,), (10.0,))
    (x,) = sites.axes()
    for edges, expected in (([0.3, 0.7], [1]), ([0.1, 0.7, 1.0], [0, 1]), ([0.7, 1.0], [1])):
        error = np.sqrt(2) * np.cos(2 * np.pi * 0.7 * x)[None, None]
        np.testing.assert_allclose(BandSpectra(sites, np.array(edges)).amplitudes(error), [expected], atol=1e-12)


def test_resolved_frequencies():
    xi = resolved_frequencies(Grid((8, 4), (2.0, 1.0)))
    assert xi.shape == (32, 2) and xi[:, 0].min() == -2.0 and xi[:, 1].max() == 1.0
    assert len({tuple(each) for each in xi}) == 32
    scattered = resolved_frequencies(Scattered(np.linspace(0, 2, 41)[:, None]))
    assert scattered.shape == (41, 1) and scattered.max() == pytest.approx(10.0)
    np.testing.assert_allclose(scattered, -scattered[::-1])
