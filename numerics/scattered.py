"""The transforms between scattered sites and any frequencies: FINUFFT's type 3, whose points both are.

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)

Unlike those of a grid, these two are adjoint only to the accuracy asked for, and their errors depend on which
frequencies are transformed together, that is on the partition.
"""

import finufft
import numpy as np

from numerics.nufft import GridTransform, NonUniformTransform, Share
from problem import SIGN, Grid, Sites

FINEST = 1e-10  # the least accuracy asked for, so that neither shows; measured, half as fast as 1e-4 in 2-D and 3-D


def transform_between(
    sites: Sites, frequencies: np.ndarray, *, eps: float = 1e-13, threads: int = 1
) -> NonUniformTransform:
    """The transforms between samples at these sites and frequencies (n, d) [cycles/length]."""
    if isinstance(sites, Grid):
        return GridTransform(sites, frequencies, eps=eps, threads=threads)
    return ScatteredTransform(sites, frequencies, eps=eps, threads=threads)


class ScatteredTransform(NonUniformTransform):
    """The transforms of any sites.

    eps: relative accuracy asked of FINUFFT, or better.
    """

    def __init__(
        self, sites: Sites, frequencies: np.ndarray | None = None, *, eps: float = 1e-13, threads: int = 1
    ) -> None:
        self._points = list(np.ascontiguousarray(2 * np.pi * sites.positions().T))
        self._eps = min(eps, FINEST)
        super().__init__(sites, frequencies, precision="double", threads=threads)

    def _new_share(self) -> Share:
        return _ScatteredShare(self._points, self._eps)


class _ScatteredShare(Share):
    def __init__(self, points: list[np.ndarray], eps: float) -> None:
        self._points, self._eps = points, eps

    def move_to(self, frequencies: np.ndarray) -> None:
        self._frequencies = list(np.ascontiguousarray(frequencies.T))
        self._plans: dict[tuple[int, int], finufft.Plan] = {}

    def to_frequencies(self, values: np.ndarray, out: np.ndarray) -> None:
        out[:] = self._plan(SIGN, len(values)).execute(values if len(values) > 1 else values[0])

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        strengths = np.ascontiguousarray(amplitudes, dtype=complex)
        result = self._plan(-SIGN, len(strengths)).execute(strengths if len(strengths) > 1 else strengths[0])
        return np.asarray(result)

    def _plan(self, sign: int, batch: int) -> finufft.Plan:
        if (sign, batch) not in self._plans:
            plan = finufft.Plan(
                3, len(self._points), n_trans=batch, isign=sign, eps=self._eps, nthreads=1, upsampfac=2.0
            )
            sources, targets = (self._points, self._frequencies)[:: 1 if sign == SIGN else -1]
            plan.setpts(*sources, **dict(zip("stu", targets, strict=False)))
            self._plans[sign, batch] = plan
        return self._plans[sign, batch]
