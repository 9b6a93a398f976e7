"""Numerical values of a law whose transform is a given function of k(z), where k is the transform of rho_w."""

from bisect import bisect_left
from collections.abc import Callable
from functools import cache, cached_property

import numpy as np

from freqbias.numerics import Grid, GridTransform
from freqbias.problem.density import Density

MAX_POINTS = {1: 2**15, 2: 2**10, 3: 96}  # of the lattice, per axis
LEVELS = [10.0 ** (-n / 2) for n in range(26, 1, -1)]  # truncation levels, the most accurate first
MARGIN = 1.5  # lattice size, relative to the extent; a smooth cut-off in this margin made the errors larger (measured)
OVERSAMPLING = 2.0  # Nyquist frequency, relative to the cutoff; only values beyond 3 cutoffs alias below the cutoff


class InverseTransform:
    """F[r(k)](xi) = integral r(k(z)) cos(2 pi xi.z) dz >= 0, computed as a sum over a lattice of z.

    series: r, which falls to 0 with k at least as fast as k^2. density: rho_w, whose transform is k, in `dimension`
    dimensions. max_power: an upper bound of the power p of the tail |xi|^-p.

    The lattice ends at the `extent`, beyond which r(k) is small. The lattice resolves frequencies up to the `cutoff`,
    beyond which F[r(k)] is small. Extent and cutoff have the same relative truncation `level`, the smallest that
    MAX_POINTS allow. Beyond the cutoff the law is extrapolated as |xi|^-p. p is measured between a quarter and a half
    of the cutoff, where aliasing changes the values little, and is at most max_power.

    The tests measured the following largest errors relative to the maximum of the law.
    Gaussian density: 1e-12 for smooth activations; for relu 1e-7, 1e-6, 1e-3 in one, two, three dimensions.
    Laplace density: 1e-12, 3e-9, 1e-5 in one, two, three dimensions. Uniform density on a box: 1e-8, 3e-6, 2e-3.
    Cauchy density: 1e-7, 2e-4, 2e-3. The errors of other densities lie between those of the first three densities.
    At very high frequencies, algebraic tails are up to 1.6 times too high.
    """

    def __init__(
        self, series: Callable[[np.ndarray], np.ndarray], density: Density, dimension: int, *, max_power: float
    ) -> None:
        self._function = lambda z: series(density.transform(z))
        self._dimension, self._max_power = dimension, max_power
        scales = _half_lengths(density, dimension)
        self.level, extent, cutoff = self._choose_level(scales)
        self._cutoff = cutoff / scales
        self._spacing = 1 / (2 * OVERSAMPLING * self._cutoff)
        modes = int(np.ceil(MARGIN * extent * 2 * OVERSAMPLING * cutoff.max()))
        self._half = self._sample(modes)

    def value(self, xi: np.ndarray) -> np.ndarray:
        """Return F[r(k)](xi), (n,), at frequencies xi (n, d) [cycles/length]."""
        beyond = np.maximum(np.abs(xi / self._cutoff).max(axis=1), 1.0)
        shape = self._half.shape
        lattice = Grid(shape, tuple((self._spacing * shape).tolist()))  # z_1 is counted from the middle of the half
        inside = xi / beyond[:, None]
        sums = GridTransform(lattice, inside).to_frequencies(self._half.ravel())
        middle = self._spacing[0] * (shape[0] - 1) / 2
        return np.maximum((sums * np.exp(-2j * np.pi * middle * inside[:, 0])).real, 0) * beyond**-self._power

    def tail_maximum(self, radius: float) -> float:
        """sup of value(xi) over all xi with some |xi_i| > radius."""
        return max(self._axis_tail_maximum(axis, radius) for axis in range(self._dimension))

    @property
    def cutoff(self) -> float:
        """The smallest |xi_i|, over all axes, beyond which values are extrapolated [cycles/length]."""
        return float(self._cutoff.min())

    @property
    def maximum(self) -> float:
        """sup value."""
        return float(self._tail_profiles[0][1][0])

    def _axis_tail_maximum(self, axis: int, radius: float) -> float:
        xi, profile = self._tail_profiles[axis]
        return float(np.interp(radius, xi, profile)) * max(radius / xi[-1], 1.0) ** -self._power

    @cached_property
    def _power(self) -> float:
        """p of the tail |xi|^-p. p is at least d + 1/2, so that the integral of the tail is finite."""
        octaves = [np.interp([xi[-1] / 4, xi[-1] / 2], xi, profile) for xi, profile in self._tail_profiles]
        floor = np.finfo(float).eps * self.maximum
        measured = min(np.log2(near / max(far, floor)) for near, far in octaves)
        return max(min(float(measured), self._max_power), self._dimension + 0.5)

    @cached_property
    def _tail_profiles(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each axis i, the frequencies b from 0 to the cutoff, and the largest value over all |xi_i| >= b."""
        ahead = self._half[1:] / 2
        samples = np.concatenate([np.flip(ahead), self._half[:1], ahead])
        spectrum = np.maximum(np.fft.fftn(np.fft.ifftshift(samples)).real, 0)
        profiles = []
        for axis, (h, cutoff) in enumerate(zip(self._spacing, self._cutoff, strict=True)):
            planes = spectrum.max(axis=tuple(other for other in range(self._dimension) if other != axis))
            xi = np.arange(len(planes) // 2 + 1) / (len(planes) * h)
            inside = xi <= cutoff
            profiles.append((xi[inside], np.maximum.accumulate(planes[: len(xi)][inside][::-1])[::-1]))
        return profiles

    def _sample(self, modes: int) -> np.ndarray:
        """Return r(k(z)) times the volume of a cell, on the half j_1 >= 0 of the lattice z = h j, |j_i| <= modes.

        The function is even. So the sum is the real part of the sum over this half, whose values with j_1 > 0 are
        doubled.
        """
        lags = [h * np.arange(-modes, modes + 1) for h in self._spacing]
        half = np.stack(np.meshgrid(lags[0][modes:], *lags[1:], indexing="ij"), axis=-1)
        values = self._function(half) * np.prod(self._spacing)
        values[1:] *= 2
        return values

    def _choose_level(self, scales: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Return the smallest truncation level that MAX_POINTS allow, and the extent and cutoffs for this level.

        Lengths are in units of the scales, and frequencies in units of 1 / scales. Beyond the extent, r(k) is below
        level * r(1). Beyond the cutoff of an axis, the transform of r(k) is below level times the maximum of this
        transform.
        """
        max_product = MAX_POINTS[self._dimension] / (4 * OVERSAMPLING * MARGIN)  # of extent and cutoff
        lags = np.fft.rfftfreq(2 * MAX_POINTS[self._dimension], 1 / (2 * MARGIN))
        length, size = self._decay(scales)

        @cache  # the transforms of some densities are slow
        def truncate(level: float) -> tuple[float, np.ndarray]:
            above = np.flatnonzero(size > level * self._function(np.zeros(self._dimension)))
            extent = float(length[min(int(above.max(initial=0)) + 1, len(length) - 1)])
            sections = [self._function(extent * lags[:, None] * axis) for axis in np.diag(scales)]
            return extent, np.array([_section_cutoff(section, level) for section in sections]) / extent

        def affordable(level: float) -> bool:
            extent, cutoff = truncate(level)
            return bool(extent * cutoff.max() <= max_product)

        level = LEVELS[min(bisect_left(LEVELS, True, key=affordable), len(LEVELS) - 1)]
        extent, cutoff = truncate(level)
        return level, extent, np.minimum(cutoff, max_product / extent)

    def _decay(self, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return lengths in units of the scales, and the largest |r(k)| there on the axes and a diagonal."""
        length = np.geomspace(1, 1e8, 2000)
        rays = np.concatenate([np.diag(scales), scales[None]])
        return length, np.abs(self._function(length[:, None, None] * rays)).max(axis=1)


def _section_cutoff(section: np.ndarray, level: float) -> float:
    """Return the cutoff frequency of one axis.

    Beyond the cutoff, the integral of the law over all other axes is below level times the maximum of this integral.
    section: the transform of this integral, at lags from 0 to MARGIN times the extent. The result is in units of
    1/extent. It is infinite if the lags are too coarse to determine the cutoff.
    """
    section = np.concatenate([section, section[-2:0:-1]])  # the transform is even
    spectrum = np.abs(np.fft.rfft(section))
    above = int(np.flatnonzero(spectrum > level * spectrum.max()).max()) + 1
    return above / (2 * MARGIN) if above <= len(section) / 4 else np.inf


def _half_lengths(density: Density, dimension: int) -> np.ndarray:
    """Return the lag on each axis at which k has fallen to 1/2, (d,) [length]."""
    z = np.geomspace(1e-16, 1e16, 1000)
    values = density.transform(z[:, None, None] * np.eye(dimension))
    return z[np.argmax(values < 1 / 2, axis=0)]
