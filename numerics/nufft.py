"""The transforms E and E^H between samples and any frequencies, by FINUFFT: what all sites share, and grids. For other
sites see `freqbias.numerics.scattered_nufft`.

With E_iq = exp(-2 pi i xi_i.x_q) (`freqbias.numerics.fourier`):

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)

FINUFFT (Barnett, Magland, af Klinteberg 2019) sums exp(isign i k.p) over modes k (type 2) or points p (type 1), and
counts modes from -n/2. On a grid, x_q = h k_q + offset with k_q = q - n//2 and offset = h/2 for even n, 0 for odd n.
The points are therefore p_i = 2 pi xi_i h, with the additional phase exp(-2 pi i xi_i.offset). On a grid to_samples is
the exact adjoint of to_frequencies.

Each thread transforms a chunk of the frequencies, and the sums over chunks are added in a fixed order. FINUFFT's own
threads add in the order in which they finish: its type 1 then differs in the last bit between calls (seen from 100,000
points on), and it is no faster on two cores.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import finufft
import numpy as np

from freqbias.numerics import SIGN, Grid, Sites

PRECISIONS = {"single": (np.float32, np.complex64), "double": (np.float64, np.complex128)}
MAX_UNSORTED = 2**24  # bytes of FINUFFT's fine grid up to which its points stay unsorted
MIN_CHUNK = 20_000  # frequencies that are worth a thread of their own, unless the FFT of a large grid dominates


def chunk_count(frequencies: int, sites: Sites, threads: int) -> int:
    """The number of threads for so many frequencies."""
    return max(1, min(threads, frequencies // max(MIN_CHUNK, sites.size // 4)))


def plan_options(grid: Grid, eps: float, complex: type) -> dict[str, Any]:
    """Options of a FINUFFT plan, the same for any number of points.

    By default FINUFFT derives the upsampling from the number of points, and results would depend on the partition of
    the frequencies. Sorting the points pays once the fine grid exceeds the cache. Measured without sorting: 0.7 to 0.95
    of the time on smaller grids; on larger ones up to twice in two and five times in three dimensions.
    """
    fine = 2**grid.dimension * grid.size * np.dtype(complex).itemsize
    sort = grid.dimension == 3 or fine > MAX_UNSORTED
    return {"eps": eps, "dtype": np.dtype(complex).name, "nthreads": 1, "upsampfac": 2.0, "spread_sort": int(sort)}


def radians(cycles: np.ndarray, dtype: type) -> np.ndarray:
    """2 pi times the cycles without their integer part, which is removed in double precision: at high frequencies
    single precision would lose digits."""
    if cycles.size and max(cycles.max(), -cycles.min()) > 1 / 2:
        cycles = cycles - np.rint(cycles)
    angle: np.ndarray = np.empty(cycles.shape, dtype=dtype)
    return np.multiply(cycles, 2 * np.pi, out=angle, casting="same_kind")


def unit_wave(cycles: np.ndarray, dtype: type) -> np.ndarray:
    """exp(2 pi i cycles), of this complex type."""
    wave: np.ndarray = np.empty(cycles.shape, dtype=dtype)
    angle = radians(cycles, wave.real.dtype.type)
    np.cos(angle, out=wave.real)
    np.sin(angle, out=wave.imag)
    return wave


class Chunk(ABC):
    """One thread's part of the frequencies: plans for each direction and batch size, and the phase of each frequency.

    The direction is FINUFFT's isign: SIGN for to_frequencies, -SIGN for to_samples.
    """

    _phase: np.ndarray  # exp(-2 pi i xi_i.x_0) of the origin x_0 of FINUFFT's coordinates, (n,)

    def __init__(self, complex: type) -> None:
        self._complex = complex
        self._plans: dict[tuple[int, int], finufft.Plan] = {}

    @abstractmethod
    def set_frequencies(self, frequencies: np.ndarray) -> None:
        """Use these frequencies (n, d) from now on."""

    @abstractmethod
    def _new_plan(self, sign: int, batch: int) -> finufft.Plan:
        """A plan for `batch` transforms in this direction."""

    @abstractmethod
    def _set_points(self, plan: finufft.Plan, sign: int) -> None:
        """Pass the current frequencies to a plan."""

    def to_frequencies(self, values: np.ndarray, out: np.ndarray) -> None:
        """values (B, N), or with the grid's axes in place of N -> out (B, n)."""
        np.multiply(self._execute(SIGN, values), self._phase, out=out)

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """(B, n) -> (B, N) in new memory, or with the grid's axes in place of N."""
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
    """E and E^H for one set of sites. Plans are made once per batch size; `set_frequencies` changes the frequencies.

    threads: the most to use. Results are identical to the last bit for the same number of threads.
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
        """The chunk of one more thread."""

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        """Use these frequencies (n, d) [cycles/length] from now on. Raises FloatingPointError for NaN or infinity."""
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
        """The shape of N samples as FINUFFT takes them."""
        return (self.sites.size,)

    def _map_chunks[T](self, work: "Callable[[Chunk, slice], T]") -> list[T]:
        """work(chunk, its slice of the frequencies) for all chunks in parallel."""

        def checked(chunk: Chunk, part: slice) -> T:
            with np.errstate(over="raise"):
                return work(chunk, part)

        if len(self._chunks) == 1:
            return [checked(self._chunks[0], self._slices[0])]
        return list(self._pool.map(checked, self._chunks, self._slices))


class GridTransform(NonUniformTransform):
    """E and E^H for a grid, with FINUFFT's types 2 and 1.

    eps: the relative accuracy requested of FINUFFT.
    """

    def __init__(
        self,
        grid: Grid,
        frequencies: np.ndarray | None = None,
        *,
        eps: float = 1e-13,
        precision: str = "double",
        threads: int = 1,
    ) -> None:
        self._grid, self._eps = grid, eps
        super().__init__(grid, frequencies, precision=precision, threads=threads)

    def _new_chunk(self) -> Chunk:
        return _GridChunk(self._grid, self._eps, self.real, self.complex)

    @property
    def _sample_shape(self) -> tuple[int, ...]:
        return self._grid.shape


class _GridChunk(Chunk):
    def __init__(self, grid: Grid, eps: float, real: type, complex: type) -> None:
        super().__init__(complex)
        self._grid, self._real = grid, real
        self._options = plan_options(grid, eps, complex)

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        h = self._grid.spacing
        offset = np.array([h_i / 2 if n % 2 == 0 else 0.0 for h_i, n in zip(h, self._grid.shape, strict=True)])
        self._points = [radians(axis * h_i, self._real) for axis, h_i in zip(frequencies.T, h, strict=True)]
        self._phase = unit_wave(SIGN * (frequencies @ offset), self._complex)
        self._reset_points()

    def _new_plan(self, sign: int, batch: int) -> finufft.Plan:
        return finufft.Plan(2 if sign == SIGN else 1, self._grid.shape, n_trans=batch, isign=sign, **self._options)

    def _set_points(self, plan: finufft.Plan, sign: int) -> None:
        plan.setpts(*self._points)
