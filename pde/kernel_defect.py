"""The error that folded laws make in the kernel, measured.

Laws folded onto the Nyquist box of a grid give the kernel on the data exactly. On another box, and between scattered
samples, they interpolate it, and the error depends on how small the laws are beyond the mesh. relu's laws fall only as
|xi|^-(d+1): no affordable mesh may reach far enough, or none within [mesh] half_width. The solution u_h of
du_h/dt = -K_h u_h then has the error

    |u_h(T) - u(T)| <= integral_0^T |(K_h - K) u_h(t)| dt,

because exp(-t K) shrinks every error. The defect (K_h - K) u_h is evaluated at PROBES samples (fewer if there are very
many samples), where the sum over K is exact.
"""

from itertools import pairwise
from math import log, pi

import numpy as np

from freqbias.pde.data_operator import DataOperator
from freqbias.problem import Problem

PROBES, MIN_PROBES = 100, 10
MAX_ENTRIES = 2**24  # of the rows of K at the probes, unless MIN_PROBES need more


class KernelDefect:
    """|(K_h - K) u| / |u(0)|, estimated from random samples. Their rows of K, (P, N), are computed once."""

    def __init__(self, operator: DataOperator, problem: Problem) -> None:
        self._operator, self._start_norm = operator, float(np.linalg.norm(operator.start))
        x, laws = problem.sites.positions(), problem.laws
        count = min(PROBES, max(MIN_PROBES, MAX_ENTRIES // len(x)))
        self._probes = np.random.default_rng(0).permutation(len(x))[:count]
        self._share = len(self._probes) / len(x)
        rows = []
        for probe in x[self._probes]:
            z = x - probe
            moment = 4 * pi**2 * (x @ probe) * laws.diffusion.transform(z)
            rows.append((laws.damping.transform(z) + laws.atom + moment) / len(x))
        self._rows = np.array(rows)

    def __call__(self, u: np.ndarray) -> float:
        """u: (C, N), on every rank. Collective."""
        if not self._start_norm:
            return 0.0
        defects = [self._operator.apply(channel)[self._probes] - self._rows @ channel for channel in u]
        return float(np.linalg.norm(defects) / (np.sqrt(self._share) * self._start_norm))


def integrated_defect(times: np.ndarray, defects: np.ndarray) -> float:
    """integral_0^T defect dt, where the defect falls or grows exponentially between output times."""
    total = 0.0
    for (t, next_t), (a, b) in zip(pairwise(times), pairwise(defects), strict=True):
        mean = (a - b) / log(a / b) if min(a, b) > 0 and abs(a - b) > 1e-6 * a else (a + b) / 2
        total += (next_t - t) * mean
    return total
