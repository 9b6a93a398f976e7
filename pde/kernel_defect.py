"""Measurements of the error of the kernel K_h on the mesh.

Laws folded onto the Nyquist box of a grid give the exact kernel K on the samples, up to the error of the elements. On
another box, and for scattered samples, folded laws give an approximation. Its error depends on the size of the laws
outside the mesh. The laws of relu fall only as |xi|^-(d+1). For relu, a mesh that is large enough may be too expensive,
or may exceed [mesh] half_width. The solution u_h of du_h/dt = -K_h u_h then has the error

    |u_h(T) - u(T)| <= integral_0^T |(K_h - K) u_h(t)| dt,

because exp(-t K) increases no error. With the damped Gauss-Newton method, w' = (K_h + eps)^-1 u_h replaces u_h, because

    K (K + eps)^-1 - K_h (K_h + eps)^-1 = eps (K + eps)^-1 (K - K_h) (K_h + eps)^-1

and eps (K + eps)^-1 increases no error either. Then the integral is estimated by the sum of |(K_h - K) Dw| over the
changes Dw of w between the output times, since modes decay without oscillations.

The defect (K_h - K) u_h is evaluated at PROBES samples, or fewer if the rows of K would exceed MAX_ENTRIES. At these
samples the product K u_h is exact.
"""

from itertools import pairwise
from math import log, pi

import numpy as np

from freqbias.numerics import OperatorRows, Positions, Sites
from freqbias.pde.data_operator import DataOperator
from freqbias.problem import OperatorConvolution, Problem

PROBES, MIN_PROBES = 100, 10
MAX_ENTRIES = 2**24  # most entries in the rows of K at the probes; MIN_PROBES rows are used even if they have more


def probe_count(samples: int) -> int:
    """Return the number of probes, if there are as many positions."""
    return min(PROBES, max(MIN_PROBES, MAX_ENTRIES // samples))


class ExactRows:
    """Rows of K for some random positions. They are computed once.

    probes: the indices of the positions, (P,). share: P divided by the number of positions.
    """

    def __init__(self, problem: Problem, sites: Sites) -> None:
        x, laws, positions = problem.sites.positions(), problem.laws, sites.positions()
        self.probes = np.random.default_rng(0).permutation(len(positions))[: probe_count(len(x))]
        self.share = len(self.probes) / len(positions)
        if isinstance(problem.sites, OperatorRows):
            self._rows = _operator_rows(problem, problem.sites, sites, self.probes)
            return
        rows = []
        for probe in positions[self.probes]:
            z = x - probe
            moment = 4 * pi**2 * (x @ probe) * laws.diffusion.transform(z)
            rows.append((laws.damping.transform(z) + laws.atom + moment) / len(x))
        self._rows = np.array(rows)

    def apply(self, u: np.ndarray) -> np.ndarray:
        """Return K u at the probes, (..., N) -> (..., P)."""
        return np.asarray(u @ self._rows.T)


def _operator_rows(problem: Problem, rows: OperatorRows, sites: Sites, probes: np.ndarray) -> np.ndarray:
    """Return the rows of K for the probes, which are rows L f if the sites are, or those of the samples."""
    if sites is not rows:
        positions = Positions(sites.positions()[probes])
        targets = OperatorRows(sites.operator, positions) if isinstance(sites, OperatorRows) else positions
        product = OperatorConvolution(problem.laws, rows, targets, rows)
        return product(np.eye(len(probes))) / rows.size
    units = np.zeros((len(probes), rows.size))
    units[np.arange(len(probes)), probes] = 1
    return OperatorConvolution(problem.laws, rows, rows, rows)(units) / rows.size


class KernelDefect:
    """An estimate of |(K_h - K) u| / |u(0)| from random samples."""

    def __init__(self, operator: DataOperator, problem: Problem) -> None:
        self._operator, self._start_norm = operator, float(np.linalg.norm(operator.start))
        self._exact = ExactRows(problem, problem.sites)

    @property
    def sampled(self) -> bool:
        """Whether some samples are left out, so that the estimate is not exact."""
        return self._exact.share < 1

    def __call__(self, u: np.ndarray) -> float:
        """Return the estimate for u, (C, N), the same on every rank; P u if P is the loss's matrix. Collective."""
        if not self._start_norm:
            return 0.0
        defects = [self._operator.apply(channel)[self._exact.probes] - self._exact.apply(channel) for channel in u]
        return float(np.linalg.norm(defects) / (np.sqrt(self._exact.share) * self._start_norm))


def integrated_defects(times: np.ndarray, defects: np.ndarray) -> np.ndarray:
    """Return integral_0^t defect dt at each output time, (T,).

    Between two output times the defect is treated as exponential in t.
    """
    total = [0.0]
    for (t, next_t), (a, b) in zip(pairwise(times), pairwise(defects), strict=True):
        mean = (a - b) / log(a / b) if min(a, b) > 0 and abs(a - b) > 1e-6 * a else (a + b) / 2
        total.append(total[-1] + (next_t - t) * mean)
    return np.array(total)
