"""The transforms E and E^H between scattered sites and any frequencies, by FINUFFT's type 3.

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)

FINUFFT gets the positions x_q - x_0, where x_0 is the centre of the sites. The remaining phase exp(-2 pi i xi_i.x_0) is
computed in double precision. So sites far from 0 lose no digits in single precision. Work and memory grow with the
number of periods that the highest frequency has across the sites (`fine_grid_size`).

The two transforms are adjoint only to the requested accuracy; on a grid they are exactly adjoint. The errors of the
transforms depend on which frequencies are transformed together, that is, on the partition.
"""

import finufft
import numpy as np

from freqbias.numerics import SIGN, Sites
from freqbias.numerics.nufft import Chunk, NonUniformTransform, unit_wave

MAX_EPS = 1e-10  # in double precision, so that the errors do not matter; in 2-D half as fast as 1e-4 (measured)
UPSAMPLING = 2.0


def fine_grid_size(sites: Sites, reach: np.ndarray) -> float:
    """The number of points of FINUFFT's fine grid for frequencies |xi_i| <= reach_i [cycles/length].

    It is prod_i 2 (4 reach_i extent_i + 16), where 16 is a margin for the kernel. Each thread keeps one fine grid in
    memory.
    """
    return float(np.prod(UPSAMPLING * (2 * UPSAMPLING * reach * sites.span + 16)))


class ScatteredTransform(NonUniformTransform):
    """E and E^H for any sites.

    eps: the relative accuracy that FINUFFT is asked for. In double precision, at most `MAX_EPS` is used.
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
        self._eps = eps if precision == "single" else min(eps, MAX_EPS)
        super().__init__(sites, frequencies, precision=precision, threads=threads)

    def _new_chunk(self) -> Chunk:
        points = list(np.ascontiguousarray(self._centred, dtype=self.real))
        return _ScatteredChunk(points, self._centre, self._eps, self.real, self.complex)


class _ScatteredChunk(Chunk):
    def __init__(self, points: list[np.ndarray], centre: np.ndarray, eps: float, real: type, complex: type) -> None:
        super().__init__(complex)
        self._points, self._centre, self._real = points, centre, real
        self._options = {"eps": eps, "dtype": np.dtype(complex).name, "nthreads": 1, "upsampfac": UPSAMPLING}

    def set_frequencies(self, frequencies: np.ndarray) -> None:
        self._frequencies = list(np.ascontiguousarray(frequencies.T, dtype=self._real))
        self._phase = unit_wave(SIGN * (frequencies @ self._centre), self._complex)
        self._reset_points()

    def _new_plan(self, sign: int, batch: int) -> finufft.Plan:
        return finufft.Plan(3, len(self._points), n_trans=batch, isign=sign, **self._options)

    def _set_points(self, plan: finufft.Plan, sign: int) -> None:
        sources, targets = (self._points, self._frequencies)[:: 1 if sign == SIGN else -1]
        try:
            plan.setpts(*sources, **dict(zip("stu", targets, strict=False)))
        except RuntimeError as failure:  # its grid does not fit into the memory
            reach = max(float(np.abs(axis).max()) for axis in self._frequencies)
            raise FloatingPointError(f"frequencies up to {reach:.3g} are too large for a transform") from failure
