"""The transforms E and E^H with the sites divided into parts, for threads and ranks.

    E u = sum_k E_k u_k,    (E^H c)_k = E_k^H c,    k: the parts

A non-uniform FFT spreads the samples onto a grid, transforms this grid and interpolates at the frequencies, and
`NonUniformTransform` divides only the last of these over threads. With more samples than frequencies, dividing the
samples divides most of the work.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from freqbias.numerics import Grid, GridSubset, Positions, Sites
from freqbias.numerics.dense_transform import DenseTransform
from freqbias.numerics.nufft import MIN_CHUNK, GridTransform
from freqbias.numerics.operator_rows import OperatorRows, OperatorTransform
from freqbias.numerics.scattered_nufft import MAX_EPS, ScatteredTransform, fine_grid_size
from freqbias.numerics.subset_transform import SiteTransform, SubsetTransform

DENSE_SHARE = 1.0  # entries of E, relative to the points of the fine grid, below which direct summation is used
Part = tuple[slice, SiteTransform]  # the samples of the part, and their transform


def make_transform(sites: Sites, frequencies: np.ndarray, *, eps: float = 1e-13, threads: int = 1) -> SiteTransform:
    """Return E and E^H between these sites and frequencies (n, d) [cycles/length], in double precision."""
    if isinstance(sites, OperatorRows):
        return OperatorTransform(
            sites, frequencies, lambda part: make_transform(part, frequencies, eps=eps, threads=threads)
        )
    if isinstance(sites, GridSubset):
        return SubsetTransform(sites, make_transform(sites.grid, frequencies, eps=eps, threads=threads))
    if not isinstance(sites, Grid):
        reach = np.abs(frequencies).max(axis=0, initial=0.0)
        if len(frequencies) * sites.size < DENSE_SHARE * fine_grid_size(sites, reach):
            return DenseTransform(sites, frequencies)
    if divides_sites(sites, len(frequencies), threads):
        return SplitTransform(sites, frequencies, eps=eps, threads=threads)
    if isinstance(sites, Grid):
        return GridTransform(sites, frequencies, eps=eps, threads=threads)
    return ScatteredTransform(sites, frequencies, eps=eps, threads=threads)


def make_partial_transform(
    sites: Sites, frequencies: np.ndarray, *, eps: float, threads: int, rank: int, ranks: int
) -> SiteTransform:
    """Return the `SplitTransform` of this rank's part of the sites."""
    if isinstance(sites, OperatorRows):
        part = {"rank": rank, "ranks": ranks}
        return OperatorTransform(
            sites, frequencies, lambda each: make_partial_transform(each, frequencies, eps=eps, threads=threads, **part)
        )
    if isinstance(sites, GridSubset):
        whole = make_partial_transform(sites.grid, frequencies, eps=eps, threads=threads, rank=rank, ranks=ranks)
        return SubsetTransform(sites, whole)
    return SplitTransform(sites, frequencies, eps=eps, threads=threads, rank=rank, ranks=ranks)


def divides_sites(sites: Sites, frequencies: int, parts: int) -> bool:
    """Return whether to divide the sites, and not the frequencies, over threads or ranks."""
    size = sites.size if sites.lattice is None else sites.lattice.size
    return parts > 1 and size > max(frequencies, parts * MIN_CHUNK)


class SplitTransform:
    """E and E^H between a part of the sites, a grid or scattered, and frequencies (n, d) [cycles/length].

    eps: the relative accuracy; at most `MAX_EPS` is used, so that results hardly depend on the partition. threads: the
    number of threads, each with a part of its own. rank, ranks: the parts of other ranks are left out. Then
    to_frequencies returns a sum over this rank's samples, and to_samples returns 0 at the others.
    """

    def __init__(
        self, sites: Sites, frequencies: np.ndarray, *, eps: float, threads: int = 1, rank: int = 0, ranks: int = 1
    ) -> None:
        self._size, self._count = sites.size, len(frequencies)
        own = slice(rank * threads, (rank + 1) * threads)
        self._parts = [
            (where, _transform(part, offset, frequencies, min(eps, MAX_EPS)))
            for where, part, offset in divided(sites, threads * ranks)[own]
        ]
        self._pool = ThreadPoolExecutor(len(self._parts)) if len(self._parts) > 1 else None

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum over this rank's samples u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        total = np.zeros((*values.shape[:-1], self._count), dtype=complex)
        for each in self._map(lambda where, transform: transform.to_frequencies(values[..., where])):
            total += each
        return total

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q), or 0 at the samples of other ranks: (..., n) -> (..., N) complex."""
        result = np.zeros((*amplitudes.shape[:-1], self._size), dtype=complex)

        def compute(where: slice, transform: SiteTransform) -> None:
            result[..., where] = transform.to_samples(amplitudes)

        self._map(compute)
        return result

    def _map[T](self, work: Callable[[slice, SiteTransform], T]) -> list[T]:
        """Call `work` for all parts in parallel, and return the results in their order."""
        if self._pool is None:
            return [work(*part) for part in self._parts]
        return list(self._pool.map(lambda part: work(*part), self._parts))


def divided(sites: Sites, count: int) -> list[tuple[slice, Sites, float]]:
    """Return at most `count` parts of the sites, with their places and, on a grid, the centre of the part on axis 0."""
    if not isinstance(sites, Grid):
        positions, edges = sites.positions(), np.linspace(0, sites.size, count + 1).astype(int)
        return [(slice(a, b), Positions(positions[a:b]), 0.0) for a, b in pairwise(edges) if b > a]
    (rows, *others), h = sites.shape, sites.spacing[0]
    points, edges = sites.size // rows, np.linspace(0, rows, min(count, rows) + 1).astype(int)
    return [
        (
            slice(a * points, b * points),
            Grid((b - a, *others), (h * (b - a), *sites.extent[1:])),
            (a + b - rows) / 2 * h,
        )
        for a, b in pairwise(edges)
    ]


def _transform(sites: Sites, offset: float, frequencies: np.ndarray, eps: float) -> SiteTransform:
    """Return the transform of a part. offset: the centre of a grid on axis 0."""
    if isinstance(sites, Grid):
        return GridTransform(sites, frequencies, eps=eps, centre=offset)
    return ScatteredTransform(sites, frequencies, eps=eps)
