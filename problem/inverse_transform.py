"""The law on all of frequency space whose transform is a given function of k(z), computed numerically."""

from bisect import bisect_left
from collections.abc import Callable
from functools import cache, cached_property

import numpy as np
from scipy import fft

from freqbias.numerics import Grid, GridTransform
from freqbias.problem.density import Density

MAX_POINTS = {1: 2**15, 2: 2**10, 3: 96}  # of the lattice, per axis
LEVELS = [10.0 ** (-n / 2) for n in range(26, 1, -1)]  # truncation levels, the most accurate first
MARGIN = 1.5  # lattice size / extent; measured: a smooth cut-off in this margin made the errors larger
OVERSAMPLING = 2.0  # Nyquist frequency of the lattice / cutoff; only values beyond 3 cutoffs alias to below the cutoff


class InverseTransform:
    """F[r(k)](xi) = integral r(k(z)) cos(2 pi xi.z) dz >= 0, by a sum over a lattice of z.

    series: r, which falls to 0 with k at least as fast as k^2. density: of the transform k, in `dimension` dimensions.
    max_power: an upper bound of the power p in the tail |xi|^-p.

    The lattice is truncated at an `extent`, beyond which r(k) is small, and resolves frequencies up to the `cutoff`,
    beyond which F[r(k)] is small. Both use the same relative truncation `level`, the best that MAX_POINTS allow. Beyond
    the cutoff the law continues as |xi|^-p. p is measured between a quarter and a half of the cutoff, where aliasing
    changes the values little, and is at most max_power.

    Largest errors over the maximum of the law, as measured by the tests. Gaussian: 1e-12 for smooth activations; for
    relu 1e-7, 1e-6, 1e-3 in one, two, three dimensions. Laplace: 1e-12, 3e-9, 1e-5. Uniform on a box: 1e-8, 3e-6, 2e-3.
    Other densities lie between these, except Cauchy: 1e-7, 2e-4, 2e-3. Algebraic tails are up to 1.6 times too high far
    out.
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
        self._samples = self._sample(modes)

    def value(self, xi: np.ndarray) -> np.ndarray:
        """F[r(k)](xi), (n,), at frequencies xi (n, d) [cycles/length]."""
        beyond = np.maximum(np.abs(xi / self._cutoff).max(axis=1), 1.0)
        shape = self._samples.shape
        lattice = Grid(shape, tuple((self._spacing * shape).tolist()))
        sums = GridTransform(lattice, xi / beyond[:, None]).to_frequencies(self._samples.ravel())
        return np.maximum(sums.real, 0) * beyond**-self._power

    def tail_maximum(self, radius: float) -> float:
        """sup of value(xi) over all xi with some |xi_i| > radius."""
        return max(self._axis_tail_maximum(axis, radius) for axis in range(self._dimension))

    @property
    def cutoff(self) -> float:
        """The smallest |xi_i| beyond which values are extrapolated [cycles/length]."""
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
        """p of the tail |xi|^-p, at least d + 1/2, so the tail can be integrated."""
        octaves = [np.interp([xi[-1] / 4, xi[-1] / 2], xi, profile) for xi, profile in self._tail_profiles]
        floor = np.finfo(float).eps * self.maximum
        measured = min(np.log2(near / max(far, floor)) for near, far in octaves)
        return max(min(float(measured), self._max_power), self._dimension + 0.5)

    @cached_property
    def _tail_profiles(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each axis i, frequencies b from 0 to the cutoff, and the largest value for |xi_i| >= b."""
        spectrum = np.maximum(fft.fftn(fft.ifftshift(self._samples)).real, 0)
        profiles = []
        for axis, (h, cutoff) in enumerate(zip(self._spacing, self._cutoff, strict=True)):
            planes = spectrum.max(axis=tuple(other for other in range(self._dimension) if other != axis))
            xi = np.arange(len(planes) // 2 + 1) / (len(planes) * h)
            inside = xi <= cutoff
            profiles.append((xi[inside], np.maximum.accumulate(planes[: len(xi)][inside][::-1])[::-1]))
        return profiles

    def _sample(self, modes: int) -> np.ndarray:
        """r(k(z)) on the lattice z = h j, |j_i| <= modes, times the volume of a cell; complex."""
        lags = [h * np.arange(-modes, modes + 1) for h in self._spacing]
        half = np.stack(np.meshgrid(lags[0][modes:], *lags[1:], indexing="ij"), axis=-1)
        values = self._function(half) * np.prod(self._spacing)
        values = np.concatenate([np.flip(values[1:]), values])  # the function is even
        return values.astype(complex)

    def _choose_level(self, scales: np.ndarray) -> tuple[float, float, np.ndarray]:
        """The best truncation level that MAX_POINTS allow, with its extent and cutoffs, in scaled units.

        Lengths are in units of the scales, frequencies in units of 1 / scales. Beyond the extent, r(k) is below
        level * r(1); beyond the cutoff of an axis, the transform is below level times its maximum.
        """
        max_product = MAX_POINTS[self._dimension] / (4 * OVERSAMPLING * MARGIN)  # of extent and cutoff
        lags = fft.rfftfreq(2 * MAX_POINTS[self._dimension], 1 / (2 * MARGIN))

        @cache  # the transforms of some densities are slow
        def truncate(level: float) -> tuple[float, np.ndarray]:
            extent = self._extent(scales, level)
            sections = [self._function(extent * lags[:, None] * axis) for axis in np.diag(scales)]
            return extent, np.array([_section_cutoff(section, level) for section in sections]) / extent

        def affordable(level: float) -> bool:
            extent, cutoff = truncate(level)
            return bool(extent * cutoff.max() <= max_product)

        level = LEVELS[min(bisect_left(LEVELS, True, key=affordable), len(LEVELS) - 1)]
        extent, cutoff = truncate(level)
        return level, extent, np.minimum(cutoff, max_product / extent)

    def _extent(self, scales: np.ndarray, level: float) -> float:
        """The length, in units of the scales, beyond which r(k) <= level * r(1) along the axes and a diagonal."""
        length = np.geomspace(1, 1e8, 2000)
        rays = np.concatenate([np.diag(scales), scales[None]])
        size = np.abs(self._function(length[:, None, None] * rays)).max(axis=1)
        above = np.flatnonzero(size > level * self._function(np.zeros(self._dimension)))
        return float(length[min(int(above.max(initial=0)) + 1, len(length) - 1)])


def _section_cutoff(section: np.ndarray, level: float) -> float:
    """The frequency beyond which the law, integrated over all axes but one, is below level times its maximum.

    section: its transform along that axis, at lags from 0 to MARGIN times the extent. The result is in units of
    1/extent; it is infinite if the section is too coarse to determine it.
    """
    section = np.concatenate([section, section[-2:0:-1]])  # the transform is even
    spectrum = np.abs(fft.rfft(section))
    above = int(np.flatnonzero(spectrum > level * spectrum.max()).max()) + 1
    return above / (2 * MARGIN) if above <= len(section) / 4 else np.inf


def _half_lengths(density: Density, dimension: int) -> np.ndarray:
    """The lag on each axis at which k has fallen to 1/2, (d,) [length]."""
    z = np.geomspace(1e-16, 1e16, 1000)
    values = density.transform(z[:, None, None] * np.eye(dimension))
    return z[np.argmax(values < 1 / 2, axis=0)]
