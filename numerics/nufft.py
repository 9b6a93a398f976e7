"""The non-uniform Fourier transforms, behind one seam: E^H and E between samples and any frequencies; here those
of a grid, in `freqbias.numerics.scattered_nufft` those of any sites.

With E_iq = exp(-2 pi i xi_i.x_q) (the convention of `freqbias.numerics.fourier`):

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)      (type 2, the grid being the modes)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)      (type 1), the exact adjoint

FINUFFT (Barnett, Magland, af Klinteberg 2019) counts modes from -n/2, so that x_q = h k_q + offset with k_q = q -
n//2 and offset = h/2 for even n, 0 for odd n; its points are 2 pi xi h.

Threads share the frequencies out, and their sums are added in one order: FINUFFT's own threads add in whatever order
they finish, so that its type 1 is not the same to the last bit twice (seen from 100,000 points on), nor any faster on
two cores.
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
UNSORTED = 2**24  # bytes of the fine grid up to which the points are left as they come
SHARE = 20_000  # frequencies that make a thread worth its while, unless the grid is so large that its FFT is the work


def chunk_count(frequencies: int, sites: Sites, threads: int) -> int:
    """Among how many threads so many frequencies are shared out."""
    return max(1, min(threads, frequencies // max(SHARE, sites.size // 4)))


def plan_options(grid: Grid, eps: float, complex: type) -> dict[str, Any]:
    """FINUFFT's, the same for any number of points: left alone, it chooses the upsampling by it, and the partition of
    the frequencies would show. Sorting the points pays where the fine grid leaves the cache (measured: without, the
    transforms take 0.7 to 0.95 of the time on smaller grids, up to twice and five times on larger ones in two and
    three dimensions)."""
    fine = 2**grid.dimension * grid.size * np.dtype(complex).itemsize
    sort = grid.dimension == 3 or fine > UNSORTED
    return {"eps": eps, "dtype": np.dtype(complex).name, "nthreads": 1, "upsampfac": 2.0, "spread_sort": int(sort)}


def angles(turns: np.ndarray, dtype: type) -> np.ndarray:
    """2 pi times the turns, less their whole number while still in double: single precision would lose digits at
    high frequencies."""
    if turns.size and max(turns.max(), -turns.min()) > 1 / 2:
        turns = turns - np.rint(turns)
    angle: np.ndarray = np.empty(turns.shape, dtype=dtype)
    return np.multiply(turns, 2 * np.pi, out=angle, casting="same_kind")


def unit_wave(turns: np.ndarray, dtype: type) -> np.ndarray:
    """exp(2 pi i turns), in this complex type."""
    wave: np.ndarray = np.empty(turns.shape, dtype=dtype)
    angle = angles(turns, wave.real.dtype.type)
    np.cos(angle, out=wave.real)
    np.sin(angle, out=wave.imag)
    return wave


class Chunk(ABC):
    """One thread's part of the frequencies, with plans of its own."""

    @abstractmethod
    def set_frequencies(self, frequencies: np.ndarray) -> None:
        """Use these frequencies (n, d) from now on."""

    @abstractmethod
    def to_frequencies(self, values: np.ndarray, out: np.ndarray) -> None:
        """values (B, N) -> out (B, n)."""

    @abstractmethod
    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """(B, n) -> (B, N), in memory of its own."""


class NonUniformTransform(ABC):
    """Both transforms for one set of sites; plans are made once for each batch size, `move_to` sets the frequencies.

    threads: at most so many. Results are the same to the last bit at the same number of threads.
    """

    def __init__(self, sites: Sites, frequencies: np.ndarray | None, *, precision: str, threads: int) -> None:
        self.sites = sites
        self.real, self.complex = PRECISIONS[precision]
        self._threads = threads
        self._shares: list[Chunk] = []
        self._bounds: list[slice] = []
        if frequencies is not None:
            self.set_frequencies(frequencies)

    @abstractmethod
    def _new_chunk(self) -> Chunk:
        """One more thread's part."""

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        """Use these frequencies (n, d) [cycles/length] from now on. Raises FloatingPointError where one is NaN or
        infinite."""
        if not np.isfinite(frequencies).all():
            raise FloatingPointError("a frequency is NaN or infinite")
        count = chunk_count(len(frequencies), self.sites, self._threads)
        edges = np.linspace(0, len(frequencies), count + 1).astype(int)
        if len(self._shares) != count:
            self._shares = [self._new_chunk() for _ in range(count)]
            self._pool = ThreadPoolExecutor(count)
        self._bounds = [slice(*pair) for pair in itertools.pairwise(edges)]
        self._each(lambda chunk, part: chunk.set_frequencies(frequencies[part]))

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum_q u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        with np.errstate(over="raise"):
            rows: np.ndarray = np.ascontiguousarray(values, dtype=self.complex).reshape(-1, self.sites.size)
        count = self._bounds[-1].stop
        result = np.empty((len(rows), count), dtype=self.complex)
        if count:
            self._each(lambda chunk, part: chunk.to_frequencies(rows, result[:, part]))
        return result.reshape(*values.shape[:-1], count)

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q): (..., n) -> (..., N) complex."""
        if not amplitudes.shape[-1]:
            return np.zeros((*amplitudes.shape[:-1], self.sites.size), dtype=self.complex)
        flat = amplitudes.reshape(-1, amplitudes.shape[-1])
        first, *others = self._each(lambda chunk, part: chunk.to_samples(flat[:, part]))
        for other in others:
            first += other
        return first.reshape(*amplitudes.shape[:-1], self.sites.size)

    def _each[T](self, work: "Callable[[Chunk, slice], T]") -> list[T]:
        """work(share, its part of the frequencies) for every share, at the same time."""

        def checked(chunk: Chunk, part: slice) -> T:
            with np.errstate(over="raise"):
                return work(chunk, part)

        if len(self._shares) == 1:
            return [checked(self._shares[0], self._bounds[0])]
        return list(self._pool.map(checked, self._shares, self._bounds))


class GridTransform(NonUniformTransform):
    """The transforms of a grid.

    eps: relative accuracy asked of FINUFFT.
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


class _GridChunk(Chunk):
    def __init__(self, grid: Grid, eps: float, real: type, complex: type) -> None:
        self._grid, self._real, self._complex = grid, real, complex
        self._options = plan_options(grid, eps, complex)
        self._plans: dict[tuple[int, int], finufft.Plan] = {}

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        h = self._grid.spacing
        offset = np.array([h_i / 2 if n % 2 == 0 else 0.0 for h_i, n in zip(h, self._grid.shape, strict=True)])
        self._points = [angles(axis * h_i, self._real) for axis, h_i in zip(frequencies.T, h, strict=True)]
        self._shift = unit_wave(SIGN * (frequencies @ offset), self._complex)
        for plan in self._plans.values():
            plan.setpts(*self._points)

    def to_frequencies(self, values: np.ndarray, out: np.ndarray) -> None:
        modes = values.reshape(-1, *self._grid.shape)
        result = self._plan(2, len(modes)).execute(modes if len(modes) > 1 else modes[0])
        np.multiply(result, self._shift, out=out)

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        strengths = np.multiply(amplitudes, self._shift.conj(), dtype=self._complex, casting="same_kind")
        result = self._plan(1, len(strengths)).execute(strengths if len(strengths) > 1 else strengths[0])
        return np.asarray(result)

    def _plan(self, kind: int, batch: int) -> finufft.Plan:
        if (kind, batch) not in self._plans:
            sign = SIGN if kind == 2 else -SIGN
            plan = finufft.Plan(kind, self._grid.shape, n_trans=batch, isign=sign, **self._options)
            plan.setpts(*self._points)
            self._plans[kind, batch] = plan
        return self._plans[kind, batch]
