"""The inverse of folding: from an even function of z, given as a function of k(z), to the law on all of frequency space
that it is the transform of, numerically."""

from bisect import bisect_left
from collections.abc import Callable
from functools import cache, cached_property

import numpy as np
from scipy import fft

from freqbias.numerics import Grid, GridTransform
from freqbias.problem.density import Density

MOST_POINTS = {1: 2**15, 2: 2**10, 3: 96}  # of the lattice, an axis
LEVELS = [10.0 ** (-n / 2) for n in range(26, 1, -1)]  # accuracies aimed at, the best first
WIDER = 1.5  # the lattice over the extent; a smooth cut-off in that margin made the errors larger, as measured
OVERSAMPLED = 2.0  # the lattice's Nyquist frequency over the reach: what is folded into it comes from three times that


class InverseTransform:
    """F[r(k)](xi) = integral r(k(z)) cos(2 pi xi.z) dz, by a lattice sum, not below 0.

    r(k): decreasing to 0 with k, at least as k^2. The lattice's extent, for the decay of r, and its spacing, for the
    reach of the law, are the best that MOST_POINTS allow: both cut at the same relative `level`. Beyond the reach the
    law goes on as a power of the distance: that of the octave before the last, which what is folded in hardly changes,
    or `slowest` where that is less.

    Errors over the law's maximum, as tests measure them. Gaussian: 1e-12 for smooth activations; for relu 1e-7, 1e-6,
    1e-3 in one, two, three dimensions. Laplace 1e-12, 3e-9, 1e-5; uniform on a box 1e-8, 3e-6, 2e-3; others lie
    between, down to Cauchy's 1e-7, 2e-4, 2e-3. Algebraic tails come out up to 1.6 times too high far out.
    """

    def __init__(
        self, series: Callable[[np.ndarray], np.ndarray], density: Density, dimension: int, *, slowest: float
    ) -> None:
        self._function = lambda z: series(density.transform(z))
        self._dimension, self._slowest = dimension, slowest
        scales = _half_lengths(density, dimension)
        self.level, extent, reach = self._choose(scales)
        self._reach = reach / scales
        self._spacing = 1 / (2 * OVERSAMPLED * self._reach)
        modes = int(np.ceil(WIDER * extent * 2 * OVERSAMPLED * reach.max()))
        self._lattice = self._sample(modes)

    def value(self, xi: np.ndarray) -> np.ndarray:
        """xi (n, d) [cycles/length] -> (n,)."""
        beyond = np.maximum(np.abs(xi / self._reach).max(axis=1), 1.0)
        shape = self._lattice.shape
        lattice = Grid(shape, tuple((self._spacing * shape).tolist()))
        sums = GridTransform(lattice, xi / beyond[:, None]).to_frequencies(self._lattice.ravel())
        return np.maximum(sums.real, 0) * beyond**-self._power

    def tail(self, radius: float) -> float:
        """sup value(xi) where some |xi_i| > radius."""
        return max(self._tail(axis, radius) for axis in range(self._dimension))

    @property
    def reach(self) -> float:
        """Up to where it is computed, along the shortest axis [cycles/length]."""
        return float(self._reach.min())

    @property
    def maximum(self) -> float:
        """sup value."""
        return float(self._profiles[0][1][0])

    def _tail(self, axis: int, radius: float) -> float:
        xi, profile = self._profiles[axis]
        return float(np.interp(radius, xi, profile)) * max(radius / xi[-1], 1.0) ** -self._power

    @cached_property
    def _power(self) -> float:
        """Minus the exponent of the tail: integrable at least."""
        falls = [np.interp([xi[-1] / 4, xi[-1] / 2], xi, profile) for xi, profile in self._profiles]
        least = np.finfo(float).eps * self.maximum
        measured = min(np.log2(near / max(far, least)) for near, far in falls)
        return max(min(float(measured), self._slowest), self._dimension + 0.5)

    @cached_property
    def _profiles(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each axis frequencies from 0 to the reach, and the largest value from there on."""
        spectrum = np.maximum(fft.fftn(fft.ifftshift(self._lattice)).real, 0)
        profiles = []
        for axis, (h, reach) in enumerate(zip(self._spacing, self._reach, strict=True)):
            planes = spectrum.max(axis=tuple(other for other in range(self._dimension) if other != axis))
            xi = np.arange(len(planes) // 2 + 1) / (len(planes) * h)
            inside = xi <= reach
            profiles.append((xi[inside], np.maximum.accumulate(planes[: len(xi)][inside][::-1])[::-1]))
        return profiles

    def _sample(self, modes: int) -> np.ndarray:
        """The function on the lattice z = h j, |j_i| <= modes, times the volume of a cell; complex."""
        lags = [h * np.arange(-modes, modes + 1) for h in self._spacing]
        half = np.stack(np.meshgrid(lags[0][modes:], *lags[1:], indexing="ij"), axis=-1)
        values = self._function(half) * np.prod(self._spacing)
        values = np.concatenate([np.flip(values[1:]), values])  # it is even
        return values.astype(complex)

    def _choose(self, scales: np.ndarray) -> tuple[float, float, np.ndarray]:
        """The best level that MOST_POINTS allow, the extent beyond which r is below it, in units of the scales, and the
        reach along each axis beyond which the transform is, of what it is at its largest."""
        most = MOST_POINTS[self._dimension] / (4 * OVERSAMPLED * WIDER)
        lags = fft.rfftfreq(2 * MOST_POINTS[self._dimension], 1 / (2 * WIDER))

        @cache  # the transforms of some densities take long
        def cut(level: float) -> tuple[float, np.ndarray]:
            extent = self._extent(scales, level)
            sections = [self._function(extent * lags[:, None] * axis) for axis in np.diag(scales)]
            return extent, np.array([_section_reach(section, level) for section in sections]) / extent

        def affordable(level: float) -> bool:
            extent, reach = cut(level)
            return bool(extent * reach.max() <= most)

        level = LEVELS[min(bisect_left(LEVELS, True, key=affordable), len(LEVELS) - 1)]
        extent, reach = cut(level)
        return level, extent, np.minimum(reach, most / extent)

    def _extent(self, scales: np.ndarray, level: float) -> float:
        """Along the axes and a diagonal."""
        length = np.geomspace(1, 1e8, 2000)
        rays = np.concatenate([np.diag(scales), scales[None]])
        size = np.abs(self._function(length[:, None, None] * rays)).max(axis=1)
        above = np.flatnonzero(size > level * self._function(np.zeros(self._dimension)))
        return float(length[min(int(above.max(initial=0)) + 1, len(length) - 1)])


def _section_reach(section: np.ndarray, level: float) -> float:
    """Of the law integrated over the other axes, from its transform on one at lags from 0 to WIDER times the extent; in
    units of 1/extent, infinite where the section is too coarse to show it."""
    section = np.concatenate([section, section[-2:0:-1]])  # it is even
    spectrum = np.abs(fft.rfft(section))
    above = int(np.flatnonzero(spectrum > level * spectrum.max()).max()) + 1
    return above / (2 * WIDER) if above <= len(section) / 4 else np.inf


def _half_lengths(density: Density, dimension: int) -> np.ndarray:
    """Where k falls to one half, along each axis [length]."""
    z = np.geomspace(1e-16, 1e16, 1000)
    values = density.transform(z[:, None, None] * np.eye(dimension))
    return z[np.argmax(values < 1 / 2, axis=0)]
