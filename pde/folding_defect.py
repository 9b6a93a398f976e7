"""What folded laws leave out, measured.

Folded onto the Nyquist box of a grid they give the kernel on the data exactly. On another box, and between scattered
samples, they interpolate it, as well as the laws are small beyond the mesh; those of relu fall as |xi|^-(d+1) alone, so
that no affordable mesh may reach far enough, or none within [mesh] half_width. The solution u_h of du_h/dt = -K_h u_h
then errs by

    |u_h(T) - u(T)| <= integral_0^T |(K_h - K) u_h(t)| dt,

as exp(-t K) shrinks every error. The defect (K_h - K) u_h is taken at PROBES samples, fewer of very many, with K summed
as it stands.
"""

from itertools import pairwise
from math import log, pi

import numpy as np

from freqbias.pde.data_operator import DataOperator
from freqbias.problem import Problem

PROBES, FEWEST = 100, 10
LARGEST = 2**24  # numbers in their rows of K, unless they are the fewest


class FoldingDefect:
    """|(K_h - K) u| over |u(0)|, by the samples probed. Their rows of K, (P, N), are made once."""

    def __init__(self, operator: DataOperator, problem: Problem) -> None:
        self._operator, self._start = operator, float(np.linalg.norm(operator.start))
        x, laws = problem.sites.positions(), problem.laws
        self._probed = np.random.default_rng(0).permutation(len(x))[: min(PROBES, max(FEWEST, LARGEST // len(x)))]
        self._share = len(self._probed) / len(x)
        rows = []
        for place in x[self._probed]:
            z = x - place
            moment = 4 * pi**2 * (x @ place) * laws.diffusion.transform(z)
            rows.append((laws.damping.transform(z) + laws.atom + moment) / len(x))
        self._rows = np.array(rows)

    def __call__(self, u: np.ndarray) -> float:
        """u (C, N) on every rank. Collective."""
        defects = [self._operator.apply(channel)[self._probed] - self._rows @ channel for channel in u]
        return float(np.linalg.norm(defects) / (np.sqrt(self._share) * self._start)) if self._start else 0.0


def accumulated(times: np.ndarray, defects: np.ndarray) -> float:
    """integral_0^T defect dt, each falling or growing exponentially between output times."""
    total = 0.0
    for (t, next_t), (a, b) in zip(pairwise(times), pairwise(defects), strict=True):
        mean = (a - b) / log(a / b) if min(a, b) > 0 and abs(a - b) > 1e-6 * a else (a + b) / 2
        total += (next_t - t) * mean
    return total
