"""An estimate of the noise level of labels y = f* + e, where e has variance s^2.

Generalised cross-validation with kernels k of Gaussian densities of several scales, of networks with frozen
frequencies. With r = q(K) y, q = exp(-t K), n samples, and the t and the scale that minimise
GCV = (|r|^2 / n) / (tr q / n)^2,

    s^2 = |r|^2 / tr q.

On a grid, the median of the second differences D y along all axes, |D| = 1, is a second estimate:

    s = median |D y| / 0.6745.

Both count what the signal does between neighbouring samples as noise, the first at edges, the second where few samples
resolve a wave. So the smaller one is returned.
Source: Wahba, Spline Models for Observational Data (1990), chapter 4; Donoho and Johnstone, Biometrika 81 (1994);
Immerkaer, Computer Vision and Image Understanding 64 (1996).
"""

from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import numpy as np

from freqbias.errors import ComputationError
from freqbias.nn.linearised import LinearisedTraining
from freqbias.nn.ntk import InfiniteWidthKernel
from freqbias.numerics import SMALLEST, Grid, Lanczos, Scattered, scale_range
from freqbias.problem import Gaussian, Network, Problem, Rates, Samples

MOST_SAMPLES = 2048  # used; they determine s to about 2 %
SCALES = 6
TIMES = 24  # between 1 and LATEST, in units of 1/lambda_max
LATEST = 1e3
PROBES = 4
LEAST_FREE = 0.1  # least tr q / n; below, the kernel fits the noise, and GCV divides two small numbers
TOLERANCE = 1e-4
NORMAL_MEDIAN = 0.6745  # of |z| for a standard normal z

Callback = Callable[[Lanczos], None]


def with_noise_level(problem: Problem, *, callback: Callback = lambda lanczos: None) -> Problem:
    """Return the problem with an estimate in place of a noise level that is to be estimated.

    callback: called before every product with a kernel.
    """
    if problem.noise is None or problem.noise.contained is not None:
        return problem
    level = estimate_noise_level(problem.samples, seed=problem.seed, callback=callback)
    return replace(problem, noise=problem.noise.with_level(level))


def estimate_noise_level(samples: Samples, *, seed: int = 0, callback: Callback = lambda lanczos: None) -> np.ndarray:
    """Return the estimated standard deviation of the noise of each channel, (C,), in the units of the samples.

    Of more than MOST_SAMPLES samples, those closest to the centre count. seed: of the random vectors.
    """
    part = _central_part(samples)
    values = part.values - part.values.mean(axis=1, keepdims=True)
    size = values.std(axis=1)
    values = values / np.where(size > 0, size, 1.0)[:, None]
    variance, least = values.var(axis=1), np.full(len(values), np.inf)
    for scale in np.geomspace(*scale_range(part.sites), SCALES):
        gcv, found = _cross_validation(part, values, scale, seed, callback)
        variance, least = np.where(gcv < least, found, variance), np.minimum(gcv, least)
    level = size * np.sqrt(variance)
    return np.minimum(level, _median_of_differences(part)) if isinstance(part.sites, Grid) else level


def _cross_validation(
    part: Samples, values: np.ndarray, scale: float, seed: int, callback: Callback
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least GCV of each channel over t, and s^2 at this t, both (C,). values: of mean 0 and variance 1."""
    network = Network(width=2, sigma_a=1.0)
    problem = Problem(Gaussian(scale), part, network, np.array([0.0, 1.0]), rates=Rates(frequencies=0.0))
    kernel, channels = InfiniteWidthKernel(problem), len(values)
    times = np.concatenate([[0.0], np.geomspace(1, LATEST, TIMES) / kernel.largest_eigenvalue()])
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (PROBES, part.sites.size))
    # One Krylov space for all: a product with several vectors costs little more than with one.
    training = LinearisedTraining(kernel, np.concatenate([values, signs]), callback=callback)
    for last in range(len(times), 1, -6):
        try:
            error = training.flow(times[:last], tolerance=TOLERANCE)
        except ComputationError:
            continue
        free = (error[:, channels:] * signs).mean(axis=(1, 2))[:, None]
        allowed, mean_square = np.maximum(free, LEAST_FREE), (error[:, :channels] ** 2).mean(axis=2)
        gcv = np.where(free >= LEAST_FREE, mean_square / allowed**2, np.inf)
        best, each = gcv.argmin(axis=0), np.arange(channels)
        return gcv[best, each], (mean_square / allowed)[best, each]
    return np.full(channels, np.inf), np.zeros(channels)


def _central_part(samples: Samples) -> Samples:
    """Return about MOST_SAMPLES samples, or all if there are fewer, in a box around x = 0.

    Those of a whole grid are a whole grid.
    """
    sites, size, share = samples.sites, samples.sites.size, min(1.0, MOST_SAMPLES / samples.sites.size)
    if isinstance(sites, Grid):
        counts = [min(n, max(3, round(share ** (1 / sites.dimension) * n))) for n in sites.shape]
        firsts = [(n - count) // 2 for n, count in zip(sites.shape, counts, strict=True)]
        box = tuple(slice(first, first + count) for first, count in zip(firsts, counts, strict=True))
        values = samples.values.reshape(-1, *sites.shape)[(slice(None), *box)]
        extent = tuple(length * count / n for length, count, n in zip(sites.extent, counts, sites.shape, strict=True))
        return Samples(Grid(tuple(counts), extent), values.reshape(len(values), -1), held_out=True)
    x = sites.positions()
    x = x - (x.min(axis=0) + x.max(axis=0)) / 2
    if size > MOST_SAMPLES:
        closest = np.argsort(np.abs(x / np.maximum(np.ptp(x, axis=0), SMALLEST)).max(axis=1))[:MOST_SAMPLES]
        return Samples(Scattered(x[closest]), samples.values[:, closest], held_out=True)
    return replace(samples, held_out=True) if sites.lattice is not None else Samples(Scattered(x), samples.values, True)


def _median_of_differences(samples: Samples) -> np.ndarray:
    """Return median |D y| / 0.6745 of each channel, (C,), or infinity if no axis has three points."""
    assert isinstance(samples.sites, Grid)
    differences = samples.values.reshape(-1, *samples.sites.shape)
    axes = [axis for axis, count in enumerate(samples.sites.shape, 1) if count > 2]
    if not axes:
        return np.full(len(differences), np.inf)
    for axis in axes:
        differences = np.diff(differences, n=2, axis=axis) / sqrt(6)
    return np.asarray(np.median(np.abs(differences), axis=tuple(range(1, differences.ndim))) / NORMAL_MEDIAN)
