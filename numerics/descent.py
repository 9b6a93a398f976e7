"""Gradient descent itself, not only its flow, in a Krylov space: (1 - eta A)^s u in place of exp(-t A) u."""

import numpy as np

from numerics.lanczos import Apply, Basis, Evolution, Lanczos, Watch
from numerics.schedule import Schedule
from problem import ComputationError

BLOCK = 4096  # steps whose residuals are summed at once


def gradient_descent(
    apply: Apply,
    start: np.ndarray,
    schedule: Schedule,
    tolerance: float,
    *,
    known: Basis | None = None,
    watch: Watch = lambda lanczos: None,
    max_steps: int = 500,
) -> Evolution:
    """u after the schedule's steps u <- u - eta A u, at each output time after the first, for a positive semidefinite
    A: (T - 1, n).

    In the Krylov space of m products the steps are y <- (1 - eta T_m) y, and each is wrong by eta beta_m (e_m^T y)
    v_{m+1}; since no step makes an error grow, sum eta beta_m |e_m^T y| bounds the error over |u|. Stops when that is
    at most the tolerance. Raises ComputationError where eta lambda > 2, so that the steps diverge, and when the
    tolerance takes more than max_steps products.
    """
    lanczos = Lanczos(apply, start, known=known)
    if lanczos.norm == 0:
        return Evolution(np.zeros((len(schedule.counts), len(start))), 0, 0.0)
    bound = np.inf
    for beta, found, vectors in lanczos.grow(max_steps, watch):
        eigenvalues = np.maximum(found, 1e-200)  # A is semidefinite; rounding may not be
        if schedule.longest * eigenvalues[-1] > 2 * (1 + 1e-12):
            raise ComputationError(
                f"gradient descent diverges: step * lambda is at least {schedule.longest * eigenvalues[-1]:.6g}, above "
                f"2; use a shorter step than {2 / eigenvalues[-1]:.3g}"
            )
        factors = (1 - np.outer(schedule.sizes, eigenvalues)) ** schedule.counts[:, None]
        after = np.cumprod(factors, axis=0)  # (T - 1, m)
        before = np.vstack([np.ones_like(eigenvalues), after[:-1]])
        bound = beta * _residuals(schedule, eigenvalues, before * vectors[-1] * vectors[0])
        if bound <= tolerance:
            values = lanczos.norm * lanczos.combine((after * vectors[0]) @ vectors.T)
            return Evolution(values, len(found), float(bound))
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps, asked {tolerance:.1e}; ask for shorter times "
        f"or a larger tolerance"
    )


def _residuals(schedule: Schedule, eigenvalues: np.ndarray, weights: np.ndarray) -> float:
    """sum over all steps of eta |e_m^T y|, weights (T - 1, m) being the terms of e_m^T y at the start of each interval.

    Where eta lambda <= 1 throughout, 1 - eta T_m has entries whose signs alternate, e_m^T y never changes its own, and
    the sum is geometric; else every step is summed for itself.
    """
    z = np.outer(schedule.sizes, eigenvalues)
    if z.max() <= 1:
        with np.errstate(divide="ignore"):  # log 0 at z = 1: exp makes it the right 0
            sums = -np.expm1(schedule.counts[:, None] * np.log1p(-z)) / eigenvalues
        return float(np.abs(np.sum(weights * sums, axis=1)).sum())
    total = 0.0
    for size, count, mu, weight in zip(schedule.sizes, schedule.counts, 1 - z, weights, strict=True):
        for first in range(0, count, BLOCK):
            steps = np.arange(first, min(first + BLOCK, count))
            total += size * np.abs(mu ** steps[:, None] @ weight).sum()
    return total
