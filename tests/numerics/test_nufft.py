"""The transforms of a grid against direct sums in the Fourier convention."""

import numpy as np
import pytest

from freqbias.numerics import Grid, GridTransform, phase, plan_options
from freqbias.problem import Gaussian, Network, draw, network_values

GRIDS = [
    Grid((32,), (0.4,)),
    Grid((33,), (2.5,)),
    Grid((16, 11), (1.0, 2.5)),
    Grid((8, 7, 6), (1.0, 0.4, 2.5)),
    Grid((2,), (1.0,)),
]


def distance(found: np.ndarray, exact: np.ndarray) -> float:
    """|found - exact| / |exact|; with FINUFFT about eps, at most twice that."""
    assert found.shape == exact.shape
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("precision, eps, coarse", [("double", 1e-13, 1e-9), ("single", 1e-6, 1e-3)])
@pytest.mark.parametrize("batch", [(), (1,), (3,)])
def test_transforms_equal_direct_sums(grid, precision, eps, coarse, batch):
    """At the requested accuracy; a coarser one must exceed the bound."""
    rng = np.random.default_rng(1)
    frequencies = rng.normal(size=(57, grid.dimension)) * 2 * grid.nyquist  # also above Nyquist
    values, amplitudes = (
        rng.normal(size=(*batch, grid.size)),
        rng.normal(size=(*batch, 57)) + 1j * rng.normal(size=(*batch, 57)),
    )
    dense = phase(frequencies, grid.positions())
    for asked in (eps, coarse):
        transform = GridTransform(grid, frequencies, precision=precision, eps=asked)
        to_frequencies = distance(transform.to_frequencies(values), values @ dense.T)
        to_samples = distance(transform.to_samples(amplitudes), amplitudes @ dense.conj())
        assert (to_frequencies <= 3 * eps) == (to_samples <= 3 * eps) == (asked == eps)


def test_new_frequencies_in_old_plans():
    grid, rng = Grid((20,), (1.0,)), np.random.default_rng(2)
    values = rng.normal(size=20)
    transform = GridTransform(grid, rng.normal(size=(9, 1)))
    transform.to_frequencies(values)
    moved = rng.normal(size=(14, 1))
    transform.set_frequencies(moved)
    assert distance(transform.to_frequencies(values), phase(moved, grid.positions()) @ values) < 3e-13


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_network_values(grid):
    neurons = draw(
        Gaussian(3.0), Network(width=50, sigma_a=1.5, symmetric=False), dimension=grid.dimension, channels=2, seed=4
    )
    angle = 2 * np.pi * neurons.frequencies @ grid.positions().T
    expected = (neurons.cosine @ np.cos(angle) + neurons.sine @ np.sin(angle)) / np.sqrt(50)
    assert distance(network_values(neurons, grid), expected) < 3e-13


def test_threads_repeat_to_the_last_bit():
    grid, rng = Grid((64,), (1.0,)), np.random.default_rng(3)
    frequencies, amplitudes, values = (
        10 * rng.normal(size=(100_001, 1)),
        rng.normal(size=100_001) + 0j,
        rng.normal(size=(2, 64)),
    )
    alone, shared = (GridTransform(grid, frequencies, precision="single", eps=1e-6, threads=n) for n in (1, 3))
    assert distance(shared.to_samples(amplitudes), alone.to_samples(amplitudes)) < 3e-6
    assert distance(shared.to_frequencies(values), alone.to_frequencies(values)) < 3e-6
    first = shared.to_samples(amplitudes)
    for _ in range(20):
        np.testing.assert_array_equal(shared.to_samples(amplitudes), first)


def test_infinite_frequency_is_refused():
    with pytest.raises(FloatingPointError, match="NaN or infinite"):
        GridTransform(Grid((8,), (1.0,)), np.array([[0.0], [np.inf]]))


def fine_length(points: int, upsampling: float) -> int:
    """FINUFFT's fine grid: the next even number without prime factors above 5."""
    length = 2 * int(np.ceil(upsampling * points / 2))
    while any(length % prime == 0 for prime in range(7, length + 1) if all(prime % k for k in range(2, prime))):
        length += 2
    return length


@pytest.mark.parametrize("shape", [(512, 512), (260, 260), (256, 520), (128, 130, 133), (64, 100)], ids=str)
def test_no_slow_fine_grid_in_single_precision(shape):
    """FFTW transforms powers of two from 256 on slowly, so the upsampling is slightly smaller where 2 gives one."""
    grid = Grid(shape, (1.0,) * len(shape))
    upsampling = plan_options(grid, 1e-6, np.complex64)["upsampfac"]
    assert not {fine_length(n, upsampling) for n in shape} & {256, 512, 1024}
    assert (upsampling == 2) == (not {fine_length(n, 2) for n in shape} & {256, 512, 1024})
    assert plan_options(grid, 1e-6, np.complex128)["upsampfac"] == 2


@pytest.mark.parametrize("points", [256, 260, 267])
def test_accuracy_with_smaller_upsampling(points):
    grid, rng = Grid((points, 4), (1.0, 1.0)), np.random.default_rng(5)
    frequencies, values = rng.normal(size=(57, 2)) * grid.nyquist, rng.normal(size=grid.size)
    transform = GridTransform(grid, frequencies, precision="single", eps=1e-4)
    assert distance(transform.to_frequencies(values), phase(frequencies, grid.positions()) @ values) < 1e-4
