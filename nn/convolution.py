"""Sums over samples, sum_j G(y_q - x_j) u_j, for an even function G that is the transform of a law.

The targets y_q are the samples themselves or other sites. If both lie on one grid, the sum is a product with a Toeplitz
matrix along every axis. On a part of a grid, u is 0 at the other points.

For all other sites, G is replaced by a function with period P that falls smoothly to 0. The period is larger than all
differences y_q - x_j, and for these differences the function equals G. So G(z) = sum_n c_n cos(2 pi n.z / P) there, a
Fourier series, and the sum over samples is a product with the coefficients c_n between two non-uniform transforms:

    sum_j G(y_q - x_j) u_j = Re sum_n c_n exp(2 pi i n.y_q / P) sum_j u_j exp(-2 pi i n.x_j / P).

If G is a sum of a few waves, cos(2 pi xi_q.z), the sum is such a product with these xi_q, for all sites.

Source: Potts, Steidl, Nieslony, Fast convolution with radial kernels at nonequispaced knots, Numer. Math. 98 (2004).
"""

from collections.abc import Callable

import numpy as np
from scipy import fft

from freqbias.numerics import Grid, GridSubset, GridTransform, Sites, make_transform
from freqbias.problem import MOST_MODES, DiscreteLaw, Law, fourier_series
from freqbias.runtime import available_memory, log, threads_alone

Convolution = Callable[[np.ndarray], np.ndarray]  # (..., N) -> (..., P)

ACCURACY = 1e-10  # error of G, relative to G(0)
PROBES = 500  # number of pairs of samples for which a series is compared with G
MATRIX_SHARE = 0.25  # largest share of the memory for the matrix of all pairs of samples

# Measured seconds on one core.
FREQUENCY = 4.5e-7  # for each frequency of a series, in both transforms
SAMPLE = {1: 1.5e-7, 2: 4e-7, 3: 2e-6}  # for each sample, in both transforms, by dimension
ENTRY = 8e-10 + 6e-8 / 100  # for each matrix entry: one product, and the assembly divided by about 100 products


def convolution(law: Law, sites: Sites, *, targets: Sites | None = None, atom: float = 0.0) -> Convolution | None:
    """Return the map of u, (..., N), to sum_j (G(y_q - x_j) + atom) u_j, (..., P).

    G is the inverse Fourier transform of the law. targets: the P sites y_q; by default the N samples. atom: a constant
    to add to G.
    Returns None if there is no common grid, and the matrix of all pairs is cheaper and fits into the memory.
    """
    targets = targets or sites
    if isinstance(law, DiscreteLaw) and law.linear:
        return _point_sum(law, sites, targets, atom)
    if sites.lattice is None or sites.lattice != targets.lattice:
        return _series(law, sites, targets, atom)
    whole = _toeplitz(law, sites.lattice, atom)
    return lambda values: _restrict(targets, whole(_embed(sites, values)))


def _embed(sites: Sites, values: np.ndarray) -> np.ndarray:
    return sites.embed(values) if isinstance(sites, GridSubset) else values


def _restrict(sites: Sites, values: np.ndarray) -> np.ndarray:
    return sites.restrict(values) if isinstance(sites, GridSubset) else values


def _toeplitz(law: Law, grid: Grid, atom: float) -> Convolution:
    """Return the map for samples on a grid, by FFT on a grid padded to twice the size."""
    axes = tuple(range(-grid.dimension, 0))
    padded = [fft.next_fast_len(2 * n - 1, real=True) for n in grid.shape]
    lags = [fft.fftfreq(n, 1 / n) * h for n, h in zip(padded, grid.spacing, strict=True)]
    workers = threads_alone()
    symbol = fft.rfftn(law.transform(np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1)) + atom, workers=workers)

    def convolve(values: np.ndarray) -> np.ndarray:
        samples = values.reshape(*values.shape[:-1], *grid.shape)
        spectrum = fft.rfftn(samples, s=padded, axes=axes, workers=workers)
        whole = fft.irfftn(symbol * spectrum, s=padded, axes=axes, workers=workers)
        return np.asarray(whole[(..., *(slice(n) for n in grid.shape))].reshape(values.shape))

    return convolve


def _point_sum(law: DiscreteLaw, sites: Sites, targets: Sites, atom: float) -> Convolution:
    """Return the map for G(z) = sum_q weight_q cos(2 pi xi_q.z)."""
    frequencies, weights = law.point_masses(sites)
    samples = make_transform(sites, frequencies, threads=threads_alone())
    to = samples if targets is sites else make_transform(targets, frequencies, threads=threads_alone())

    def convolve(values: np.ndarray) -> np.ndarray:
        waves = to.to_samples(weights * samples.to_frequencies(values)).real
        return np.asarray(waves + atom * values.sum(axis=-1, keepdims=True))

    return convolve


def _series(law: Law, sites: Sites, targets: Sites, atom: float) -> Convolution | None:
    """Return the map for any sites, by a Fourier series with enough frequencies for ACCURACY.

    Returns None if the matrix is cheaper. If the matrix does not fit into the memory and a series of MOST_MODES
    frequencies does not reach ACCURACY, the map uses that series, and a warning names the accuracy.
    """
    matrix_fits = 8 * sites.size * targets.size <= MATRIX_SHARE * available_memory()
    most = min(MOST_MODES, _break_even_modes(sites, targets)) if matrix_fits else MOST_MODES
    modes = 16
    if matrix_fits and (2 * modes + 1) ** sites.dimension > most:
        return None
    x, y = sites.positions(), targets.positions()
    lower, upper = np.minimum(x.min(axis=0), y.min(axis=0)), np.maximum(x.max(axis=0), y.max(axis=0))
    centre, extent = (lower + upper) / 2, upper - lower
    rng = np.random.default_rng(0)
    differences = y[rng.integers(len(y), size=PROBES)] - x[rng.integers(len(x), size=PROBES)]
    differences[0] = 0  # G has its peak at 0, and may have a kink there
    exact, scale = law.transform(differences), law.integral
    while True:
        grid, coefficients = fourier_series(law, extent, modes)
        found = GridTransform(grid, differences).to_frequencies(coefficients).real
        error = float(np.abs(found - exact).max())
        if error <= ACCURACY * scale or 1.5**sites.dimension * grid.size > most:
            break
        modes += modes // 2
    if error > ACCURACY * scale:
        if matrix_fits:
            return None
        log.warning(
            "nn: the kernel between scattered samples is accurate to %.1e only, because the law of the kernel decays "
            "slowly and the series is limited to %d frequencies", error / scale, grid.size,
        )  # fmt: skip
    transform = GridTransform(grid, x - centre, eps=ACCURACY / 100, threads=threads_alone())
    at_targets = transform
    if targets is not sites:
        at_targets = GridTransform(grid, y - centre, eps=ACCURACY / 100, threads=threads_alone())
    coefficients[grid.size // 2] += atom  # the middle coefficient belongs to frequency 0

    def convolve(values: np.ndarray) -> np.ndarray:
        return at_targets.to_frequencies(coefficients * transform.to_samples(values)).real

    return convolve


def _break_even_modes(sites: Sites, targets: Sites) -> float:
    """Return the number of frequencies for which a kernel product takes as long by 1 + d series as by the matrix."""
    matrix = ENTRY * sites.size * targets.size
    return (matrix / (1 + sites.dimension) - SAMPLE[sites.dimension] * (sites.size + targets.size) / 2) / FREQUENCY
