"""The transforms E and E^H between samples and any frequencies, by FINUFFT.

This module has the base classes for all sites, and the transform for grids. `freqbias.numerics.scattered_nufft` has the
transform for scattered sites.

With E_iq = exp(-2 pi i xi_i.x_q) (`freqbias.numerics.fourier`):

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)

FINUFFT (Barnett, Magland, af Klinteberg 2019) sums exp(isign i k.p) over modes k (type 2) or points p (type 1), and
counts modes from -n/2. On a grid, x_q = h k_q + offset, with k_q = q - n//2. The offset is h/2 for even n and 0 for odd
n. The points are therefore p_i = 2 pi xi_i h, with the additional phase exp(-2 pi i xi_i.offset). On a grid, to_samples
is the exact adjoint of to_frequencies.

Each thread transforms a chunk of the frequencies, and the sums over chunks are added in a fixed order. FINUFFT's own
threads add in the order in which they finish. With these threads, type 1 differed in the last bit between calls (seen
with 100,000 points or more) and was no faster on two cores.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Any

import finufft
import numpy as np

from freqbias.numerics import SIGN, Grid, Sites

PRECISIONS = {"single": (np.float32, np.complex64), "double": (np.float64, np.complex128)}
MAX_UNSORTED = 2**24  # bytes; with a larger fine grid of FINUFFT, its points are sorted
GRID_UPSAMPLING = (2.0, 1.95, 1.9, 1.85)  # single precision; each gives powers of two for other numbers of points
SLOW_LENGTH = 256  # the shortest power of two of which FFTW's transforms in single precision are slow
MIN_CHUNK = 20_000  # smallest number of frequencies per thread; large grids need more, because their FFT dominates


def chunk_count(frequencies: int, sites: Sites, threads: int) -> int:
    """The number of threads to use for this number of frequencies."""
    return max(1, min(threads, frequencies // max(MIN_CHUNK, sites.size // 4)))


def plan_options(grid: Grid, eps: float, complex: type) -> dict[str, Any]:
    """Return the options of a FINUFFT plan, which do not depend on the number of points.

    By default FINUFFT derives the upsampling from the number of points, so results would depend on the partition of the
    frequencies. Sorting the points saves time once the fine grid exceeds the cache. Measured time without sorting,
    relative to the time with sorting: 0.7 to 0.95 on smaller grids; up to 2 on larger grids in two dimensions; up to 5
    on larger grids in three dimensions.

    In single precision, FFTW's transforms of 256 x 256 and larger powers of two are slow. A transform of a grid of
    512 x 512 took 55 ms with a fine grid of 1024 x 1024, and 14 ms with one of 1000 x 1000. For 128 x 128 x 128 points
    it was 1.3 s and 0.3 s. So the upsampling is the largest for which no axis has such a power of two.
    """
    fine = 2**grid.dimension * grid.size * np.dtype(complex).itemsize
    sort = grid.dimension == 3 or fine > MAX_UNSORTED
    upsampling = _single_upsampling(grid) if complex is np.complex64 else GRID_UPSAMPLING[0]
    return {
        "eps": eps, "dtype": np.dtype(complex).name, "nthreads": 1, "upsampfac": upsampling, "spread_sort": int(sort)
    }  # fmt: skip


def _single_upsampling(grid: Grid) -> float:
    """Return the largest upsampling in single precision for which no axis of the fine grid is slow."""
    fast = (factor for factor in GRID_UPSAMPLING if not any(_is_slow(_fine_length(n, factor)) for n in grid.shape))
    return next(fast, GRID_UPSAMPLING[0])


def _fine_length(points: int, upsampling: float) -> int:
    """Return the length of FINUFFT's fine grid: the next even number that has no prime factors but 2, 3 and 5."""
    from scipy.fft import next_fast_len  # this import takes a third of a second

    return 2 * next_fast_len(ceil(upsampling * points / 2), real=True)


def _is_slow(length: int) -> bool:
    return length >= SLOW_LENGTH and length.bit_count() == 1


def radians(cycles: np.ndarray, dtype: type) -> np.ndarray:
    """Return 2 pi times the fractional part of `cycles`.

    The integer part is removed in double precision, because single precision would lose digits at high frequencies.
    """
    if cycles.size and max(cycles.max(), -cycles.min()) > 1 / 2:
        cycles = cycles - np.rint(cycles)
    angle: np.ndarray = np.empty(cycles.shape, dtype=dtype)
    return np.multiply(cycles, 2 * np.pi, out=angle, casting="same_kind")


def unit_wave(cycles: np.ndarray, dtype: type) -> np.ndarray:
    """Return exp(2 pi i cycles) as an array of the complex type `dtype`."""
    wave: np.ndarray = np.empty(cycles.shape, dtype=dtype)
    angle = radians(cycles, wave.real.dtype.type)
    np.cos(angle, out=wave.real)
    np.sin(angle, out=wave.imag)
    return wave


class Chunk(ABC):
    """One thread's part of the frequencies, with a plan for each direction and batch size, and each frequency's phase.

    The direction is FINUFFT's isign: SIGN for to_frequencies, -SIGN for to_samples.
    """

    _phase: np.ndarray  # exp(-2 pi i xi_i.x_0) of the origin x_0 of FINUFFT's coordinates, (n,)

    def __init__(self, complex: type) -> None:
        self._complex = complex
        self._plans: dict[tuple[int, int], finufft.Plan] = {}

    @abstractmethod
    def set_frequencies(self, frequencies: np.ndarray) -> None:
        """Replace the frequencies by these, (n, d) [cycles/length]."""

    @abstractmethod
    def _new_plan(self, sign: int, batch: int) -> finufft.Plan:
        """Return a plan for `batch` transforms in this direction."""

    @abstractmethod
    def _set_points(self, plan: finufft.Plan, sign: int) -> None:
        """Pass the current frequencies to a plan."""

    def to_frequencies(self, values: np.ndarray, out: np.ndarray) -> None:
        """Write E applied to `values` to `out` (B, n). values: (B, N), or for a grid (B, n_1, ..., n_d)."""
        np.multiply(self._execute(SIGN, values), self._phase, out=out)

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """Return E^H applied to `amplitudes` (B, n), in new memory.

        The result has the shape (B, N), or for a grid (B, n_1, ..., n_d).
        """
        strengths = np.multiply(amplitudes, self._phase.conj(), dtype=self._complex, casting="same_kind")
        return np.asarray(self._execute(-SIGN, strengths))

    def _execute(self, sign: int, data: np.ndarray) -> np.ndarray:
        batch = len(data)
        if (sign, batch) not in self._plans:
            plan = self._new_plan(sign, batch)
            self._set_points(plan, sign)
            self._plans[sign, batch] = plan
        return self._plans[sign, batch].execute(data if batch > 1 else data[0])

    def _reset_points(self) -> None:
        for (sign, _), plan in self._plans.items():
            self._set_points(plan, sign)


class NonUniformTransform(ABC):
    """E and E^H for one set of sites.

    FINUFFT plans are made once per batch size. `set_frequencies` changes the frequencies.
    threads: the largest number of threads to use. Results with the same number of threads are identical to the last
    bit.
    """

    def __init__(self, sites: Sites, frequencies: np.ndarray | None, *, precision: str, threads: int) -> None:
        self.sites = sites
        self.real, self.complex = PRECISIONS[precision]
        self._threads = threads
        self._chunks: list[Chunk] = []
        self._slices: list[slice] = []
        if frequencies is not None:
            self.set_frequencies(frequencies)

    @abstractmethod
    def _new_chunk(self) -> Chunk:
        """Return a new chunk, for one more thread."""

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        """Replace the frequencies by these, (n, d) [cycles/length].

        Raises FloatingPointError if a frequency is NaN or infinite.
        """
        if not np.isfinite(frequencies).all():
            raise FloatingPointError("a frequency is NaN or infinite")
        count = chunk_count(len(frequencies), self.sites, self._threads)
        edges = np.linspace(0, len(frequencies), count + 1).astype(int)
        if len(self._chunks) != count:
            self._chunks = [self._new_chunk() for _ in range(count)]
            self._pool = ThreadPoolExecutor(count)
        self._slices = [slice(*pair) for pair in itertools.pairwise(edges)]
        self._map_chunks(lambda chunk, part: chunk.set_frequencies(frequencies[part]))

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum_q u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        with np.errstate(over="raise"):
            rows: np.ndarray = np.ascontiguousarray(values, dtype=self.complex).reshape(-1, *self._sample_shape)
        count = self._slices[-1].stop
        result = np.empty((len(rows), count), dtype=self.complex)
        if count:
            self._map_chunks(lambda chunk, part: chunk.to_frequencies(rows, result[:, part]))
        return result.reshape(*values.shape[:-1], count)

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q): (..., n) -> (..., N) complex."""
        if not amplitudes.shape[-1]:
            return np.zeros((*amplitudes.shape[:-1], self.sites.size), dtype=self.complex)
        flat = amplitudes.reshape(-1, amplitudes.shape[-1])
        first, *others = self._map_chunks(lambda chunk, part: chunk.to_samples(flat[:, part]))
        for other in others:
            first += other
        return first.reshape(*amplitudes.shape[:-1], self.sites.size)

    @property
    def _sample_shape(self) -> tuple[int, ...]:
        """The shape in which FINUFFT needs the N samples."""
        return (self.sites.size,)

    def _map_chunks[T](self, work: "Callable[[Chunk, slice], T]") -> list[T]:
        """Call `work` for all chunks in parallel, each with the slice of its frequencies, and return the results."""

        def checked(chunk: Chunk, part: slice) -> T:
            with np.errstate(over="raise"):
                return work(chunk, part)

        if len(self._chunks) == 1:
            return [checked(self._chunks[0], self._slices[0])]
        return list(self._pool.map(checked, self._chunks, self._slices))


class GridTransform(NonUniformTransform):
    """E and E^H for a grid, with FINUFFT's types 2 and 1.

    eps: the relative accuracy that FINUFFT is asked for. centre: that of the grid on axis 0; on the others it is 0.
    """

    def __init__(
        self,
        grid: Grid,
        frequencies: np.ndarray | None = None,
        *,
        eps: float = 1e-13,
        precision: str = "double",
        threads: int = 1,
        centre: float = 0.0,
    ) -> None:
        self._grid, self._eps, self._centre = grid, eps, centre
        super().__init__(grid, frequencies, precision=precision, threads=threads)

    def _new_chunk(self) -> Chunk:
        return _GridChunk(self._grid, self._centre, self._eps, self.real, self.complex)

    @property
    def _sample_shape(self) -> tuple[int, ...]:
        return self._grid.shape


class _GridChunk(Chunk):
    def __init__(self, grid: Grid, centre: float, eps: float, real: type, complex: type) -> None:
        super().__init__(complex)
        self._grid, self._centre, self._real = grid, centre, real
        self._options = plan_options(grid, eps, complex)

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        h = self._grid.spacing
        offset = np.array([h_i / 2 if n % 2 == 0 else 0.0 for h_i, n in zip(h, self._grid.shape, strict=True)])
        offset[0] += self._centre
        self._points = [radians(axis * h_i, self._real) for axis, h_i in zip(frequencies.T, h, strict=True)]
        self._phase = unit_wave(SIGN * (frequencies @ offset), self._complex)
        self._reset_points()

    def _new_plan(self, sign: int, batch: int) -> finufft.Plan:
        return finufft.Plan(2 if sign == SIGN else 1, self._grid.shape, n_trans=batch, isign=sign, **self._options)

    def _set_points(self, plan: finufft.Plan, sign: int) -> None:
        plan.setpts(*self._points)
