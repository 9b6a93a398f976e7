"""The transforms between scattered sites and any frequencies: FINUFFT's type 3, whose points both are.

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)

FINUFFT gets x_q - x_0, x_0 the middle of the sites, and what is left of each wave, exp(-2 pi i xi_i.x_0), is made in
double: sites far from 0 then keep their digits in single precision. Its work and memory grow with the number of waves
that the fastest frequency has across the sites (`fine_grid`).

Unlike those of a grid, these two are adjoint only to the accuracy asked for, and their errors depend on which
frequencies are transformed together, that is on the partition.
"""

import finufft
import numpy as np

from freqbias.numerics import SIGN, Grid, Sites
from freqbias.numerics.nufft import Chunk, GridTransform, NonUniformTransform, unit_wave

FINEST = 1e-10  # the least accuracy asked for in double, so that neither shows; measured, half as fast as 1e-4 in 2-D
UPSAMPLING = 2.0


def make_transform(
    sites: Sites, frequencies: np.ndarray, *, eps: float = 1e-13, threads: int = 1
) -> NonUniformTransform:
    """The transforms between samples at these sites and frequencies (n, d) [cycles/length]."""
    if isinstance(sites, Grid):
        return GridTransform(sites, frequencies, eps=eps, threads=threads)
    return ScatteredTransform(sites, frequencies, eps=eps, threads=threads)


def fine_grid_size(sites: Sites, reach: np.ndarray) -> float:
    """The points of FINUFFT's grid for frequencies |xi_i| <= reach_i [cycles/length]: twice as many along each axis as
    4 reach_i extent_i and a margin for its kernel. It lies in memory once for each thread."""
    extent = np.ptp(sites.positions(), axis=0)
    return float(np.prod(UPSAMPLING * (2 * UPSAMPLING * reach * extent + 16)))


class ScatteredTransform(NonUniformTransform):
    """The transforms of any sites.

    eps: relative accuracy asked of FINUFFT, or better in double.
    """

    def __init__(
        self,
        sites: Sites,
        frequencies: np.ndarray | None = None,
        *,
        eps: float = 1e-13,
        precision: str = "double",
        threads: int = 1,
    ) -> None:
        positions = sites.positions()
        self._centre = (positions.min(axis=0) + positions.max(axis=0)) / 2
        self._centred = 2 * np.pi * (positions - self._centre).T
        self._eps = eps if precision == "single" else min(eps, FINEST)
        super().__init__(sites, frequencies, precision=precision, threads=threads)

    def _new_chunk(self) -> Chunk:
        points = list(np.ascontiguousarray(self._centred, dtype=self.real))
        return _ScatteredChunk(points, self._centre, self._eps, self.real, self.complex)


class _ScatteredChunk(Chunk):
    def __init__(self, points: list[np.ndarray], centre: np.ndarray, eps: float, real: type, complex: type) -> None:
        self._points, self._centre, self._real, self._complex = points, centre, real, complex
        self._options = {"eps": eps, "dtype": np.dtype(complex).name, "nthreads": 1, "upsampfac": UPSAMPLING}
        self._plans: dict[tuple[int, int], finufft.Plan] = {}

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        self._frequencies = list(np.ascontiguousarray(frequencies.T, dtype=self._real))
        self._shift = unit_wave(SIGN * (frequencies @ self._centre), self._complex)
        for (sign, _), plan in self._plans.items():
            self._set_points(plan, sign)

    def to_frequencies(self, values: np.ndarray, out: np.ndarray) -> None:
        result = self._plan(SIGN, len(values)).execute(values if len(values) > 1 else values[0])
        np.multiply(result, self._shift, out=out)

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        strengths = np.multiply(amplitudes, self._shift.conj(), dtype=self._complex, casting="same_kind")
        result = self._plan(-SIGN, len(strengths)).execute(strengths if len(strengths) > 1 else strengths[0])
        return np.asarray(result)

    def _plan(self, sign: int, batch: int) -> finufft.Plan:
        if (sign, batch) not in self._plans:
            plan = finufft.Plan(3, len(self._points), n_trans=batch, isign=sign, **self._options)
            self._set_points(plan, sign)
            self._plans[sign, batch] = plan
        return self._plans[sign, batch]

    def _set_points(self, plan: finufft.Plan, sign: int) -> None:
        sources, targets = (self._points, self._frequencies)[:: 1 if sign == SIGN else -1]
        plan.setpts(*sources, **dict(zip("stu", targets, strict=False)))
