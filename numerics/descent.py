"""The steps of gradient descent and of Runge-Kutta methods, not only their flow, in a Krylov space: R(eta A)^s u in
place of exp(-t A) u."""

from collections.abc import Sequence

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics.lanczos import Apply, Basis, Callback, Evolution, Lanczos
from freqbias.numerics.schedule import Schedule

BLOCK = 4096  # steps whose residuals are summed at once
GRADIENT_DESCENT = (1.0, 1.0)  # R(z) = 1 - z


def gradient_descent(
    apply: Apply,
    start: np.ndarray,
    schedule: Schedule,
    tolerance: float,
    *,
    taylor: Sequence[float] = GRADIENT_DESCENT,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 500,
) -> Evolution:
    """u after the schedule's steps u <- R(eta A) u, at each output time after the first, for a positive semidefinite
    A: (T - 1, n).

    taylor: R(z) = sum_j taylor_j (-z)^j, taylor_0 = taylor_1 = 1; by default gradient descent itself, u <- u - eta A u.

    In the Krylov space of m products the steps are y <- R(eta T_m) y, and each is wrong by at most

        eta beta_m sum_i g_i |e_m^T (eta T_m)^i y|,    g_i = sum_{j > i} |taylor_j| (eta |A|)^(j - 1 - i),

    for gradient descent eta beta_m |e_m^T y|; since no step makes an error grow, their sum bounds the error over |u|.
    |A| is the largest Ritz value, which is as good as exact long before the bound is small. Stops when the bound is at
    most the tolerance. Raises ComputationError where a step makes some mode grow, so that the steps diverge, and when
    the tolerance takes more than max_steps products.
    """
    lanczos = Lanczos(apply, start, saved_basis=saved_basis)
    if lanczos.norm == 0:
        return Evolution(np.zeros((len(schedule.counts), len(start))), 0, 0.0)
    bound, limit = np.inf, _limit(taylor)
    for beta, found, vectors in lanczos.iterate(max_steps, callback):
        eigenvalues = np.maximum(found, 1e-200)  # A is semidefinite; rounding may not be
        z = np.outer(schedule.sizes, eigenvalues)
        if z.max() > limit * (1 + 1e-12):
            raise ComputationError(
                f"the steps diverge: step * lambda is at least {z.max():.6g}, above {limit:.6g}; "
                f"use a shorter step than {limit / eigenvalues[-1]:.3g}"
            )
        loss = z * np.polyval(taylor[:0:-1], -z)  # 1 - R(z), with all its digits where z is small
        after = np.cumprod((1 - loss) ** schedule.counts[:, None], axis=0)  # (T - 1, m)
        before = np.vstack([np.ones_like(eigenvalues), after[:-1]])
        weights = before * vectors[-1] * vectors[0]
        bound = beta * _residuals(schedule, taylor, z, loss, weights, enough=tolerance / beta if beta else np.inf)
        if bound <= tolerance:
            values = lanczos.norm * lanczos.combine((after * vectors[0]) @ vectors.T)
            return Evolution(values, len(found), float(bound))
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps, asked {tolerance:.1e}; ask for shorter times "
        f"or a larger tolerance"
    )


def _limit(taylor: Sequence[float]) -> float:
    """The smallest z > 0 with |R(z)| = 1: beyond it a step makes a mode grow."""
    powers = [coefficient * (-1) ** j for j, coefficient in enumerate(taylor)]
    roots = np.concatenate([np.roots([*powers[:0:-1], powers[0] - sign]) for sign in (1, -1)])
    return float(min(root.real for root in roots if abs(root.imag) < 1e-9 < root.real))


def _residuals(
    schedule: Schedule, taylor: Sequence[float], z: np.ndarray, loss: np.ndarray, weights: np.ndarray, *, enough: float
) -> float:
    """sum over all steps of eta sum_i g_i |e_m^T (eta T_m)^i y|, weights (T - 1, m) being the terms of e_m^T y at the
    start of each interval.

    With the moduli taken after summing over an interval, the sum is geometric, and no larger. For gradient descent
    with eta lambda <= 1 throughout it is the same: 1 - eta T_m has entries whose signs alternate, and e_m^T y never
    changes its own. Else, once that is `enough`, every step is summed for itself.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 at loss = 1: exp makes it the right 0
        gone = np.where(
            loss < 1,
            -np.expm1(schedule.counts[:, None] * np.log1p(-loss)),
            1 - (1 - loss) ** schedule.counts[:, None],
        )
    steps = gone / loss  # sum_s R^s, (T - 1, m)
    shares = [_share(taylor, i, z.max(axis=1)) for i in range(len(taylor) - 1)]
    total = sum(
        float((schedule.sizes * share * np.abs(np.sum(weights * z**i * steps, axis=1))).sum())
        for i, share in enumerate(shares)
    )
    if total > enough or (len(taylor) == 2 and z.max() <= 1):
        return total
    return sum(
        float(np.sum(schedule.sizes * share * _moduli(schedule, 1 - loss, weights * z**i)))
        for i, share in enumerate(shares)
    )


def _share(taylor: Sequence[float], i: int, largest: np.ndarray) -> np.ndarray:
    """g_i, for each interval."""
    return sum(abs(taylor[j]) * largest ** (j - 1 - i) for j in range(i + 1, len(taylor)))  # type: ignore[return-value]


def _moduli(schedule: Schedule, factors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum_s |sum_k weights_k factors_k^s| over the steps of each interval, (T - 1,)."""
    totals = np.zeros(len(weights))
    for interval, count in enumerate(schedule.counts):
        for first in range(0, count, BLOCK):
            steps = np.arange(first, min(first + BLOCK, count))
            totals[interval] += np.abs(factors[interval] ** steps[:, None] @ weights[interval]).sum()
    return totals
