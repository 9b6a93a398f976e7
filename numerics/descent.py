"""Gradient-descent and Runge-Kutta steps, computed in a Krylov space.

s steps of size eta give R(eta A)^s u, where R is the stability polynomial of the method. The gradient flow gives
exp(-t A) u.
"""

from collections.abc import Sequence

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics.lanczos import EUCLIDEAN, Apply, Basis, Callback, Evolution, Integral, Lanczos, Metric
from freqbias.numerics.schedule import Schedule

BLOCK = 4096  # steps per block of the explicit sum of residuals
GRADIENT_DESCENT = (1.0, 1.0)  # R(z) = 1 - z
SUM_FACTOR = 2.0
MOST_SIZES = 100_000  # of the steps; their factors for 100 eigenvalues need 80 MB
MANY_SIZES, CHECK_EVERY = 100, 4  # with more sizes of steps, the bound is computed after every fourth product
SETTLED = 1e-6  # relative residual of the largest Ritz value, below which it is close to lambda_max


def gradient_descent(
    apply: Apply,
    start: np.ndarray,
    schedule: Schedule,
    tolerance: float,
    *,
    taylor: Sequence[float] = GRADIENT_DESCENT,
    metric: Metric = EUCLIDEAN,
    decay: float = 0.0,
    integrate: bool = False,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 500,
) -> Evolution:
    """Return u after the steps u <- R(eta A) u of the schedule.

    The result has u at each output time after the first, shape (T - 1, n).
    apply: the product with a positive semidefinite matrix A. start: u at the first output time, shape (n,).
    schedule: the output times and the step sizes eta.
    taylor: coefficients of R(z) = sum_j taylor_j (-z)^j, with taylor_0 = taylor_1 = 1. The default is gradient
    descent, u <- u - eta A u.
    metric: with its matrix P, the steps are u <- R(eta A P) u, and the sum is P w, for which u(0) - u = A P w. As in
    `exponential`, the bound below is multiplied by |u|_P / (|u| sqrt(smallest)).
    decay: lambda >= 0 of the decay towards the start, as for `exponential`: the steps are those of A + lambda, and u is
    R(eta (A + lambda))^s u(0) + lambda w.
    integrate: whether the result contains the sum w over the steps with u(0) - u = A w. For gradient descent, w is the
    sum of eta u. Its error |A^(1/2) dw| is at most SUM_FACTOR sqrt(t) times the bound below, because the norm of
    A^(-1/2) (1 - R(eta A)^s) is at most 2 sqrt(t), and at most sqrt(t) for Heun and Runge-Kutta, of which each step
    adds as much again.

    After m products with A, each step becomes y <- R(eta T_m) y. Here y holds the coefficients of u / |u(0)| in the
    basis of the Krylov space, and T_m is the tridiagonal matrix of `Lanczos`. The error that each step adds is at most

        eta beta_m sum_i g_i |e_m^T (eta T_m)^i y|,    g_i = sum_{j > i} |taylor_j| (eta |A|)^(j - 1 - i),

    which is eta beta_m |e_m^T y| for gradient descent. No step makes an existing error grow. So the sum of these terms
    bounds the error relative to |u(0)|. The largest Ritz value replaces |A|; this value is accurate long before the
    bound is small. The iteration stops when the bound is at most `tolerance`.

    Raises ComputationError if a step is so long that the steps diverge, if more than MOST_SIZES intervals have steps of
    different sizes, or if the bound is still above `tolerance`
    after `max_steps` products.
    """
    if len(schedule.step_sizes) > MOST_SIZES:
        raise ComputationError(f"{len(schedule.step_sizes):,} steps of different sizes are too many to be followed")
    lanczos = Lanczos(apply, start, mass=metric.mass, saved_basis=saved_basis)
    if lanczos.norm == 0:
        zero = np.zeros((len(schedule.output_steps) - 1, len(start)))
        return Evolution(zero, 0, 0.0, Integral(zero, np.zeros(len(zero))) if integrate else None)
    bound, limit, largest = np.inf, stability_limit(taylor), 0.0
    ratio = lanczos.norm / np.linalg.norm(start)  # |u|_P / |u|
    least = ratio if metric.smallest is None else np.sqrt(metric.smallest)
    for beta, ritz_values, vectors in lanczos.iterate(max_steps, callback):
        eigenvalues = np.maximum(ritz_values, 1e-200) + decay  # rounding may make Ritz values negative
        z = np.outer(schedule.step_sizes, eigenvalues)
        if z.max() > limit * (1 + 1e-12):
            largest = eigenvalues[-1]
            if beta * abs(vectors[-1, -1]) <= SETTLED * largest:
                break
            continue  # more products show how long the steps may be
        if len(z) > MANY_SIZES and len(eigenvalues) % CHECK_EVERY and beta:
            continue
        lost = z * np.polyval(taylor[:0:-1], -z)  # 1 - R(z), without cancellation at small z
        after = np.cumprod((1 - lost) ** schedule.step_counts[:, None], axis=0)  # at the end of each interval
        before = np.vstack([np.ones_like(eigenvalues), after[:-1]])
        weights = before * vectors[-1] * vectors[0]
        target = tolerance * least / (ratio * beta) if beta else np.inf
        bound = ratio / least * beta * _residual_sum(schedule, taylor, z, lost, weights, target=target)
        if bound <= tolerance:
            outputs = schedule.output_intervals[1:] - 1
            integral, sums = None, np.cumsum(before * total_lost(schedule, lost) / eigenvalues, axis=0)[outputs]
            if integrate:
                elapsed = np.cumsum(schedule.step_counts * schedule.step_sizes)[outputs]
                integral = lanczos.integral(sums, SUM_FACTOR * np.sqrt(elapsed) * bound * least)
            values = lanczos.combine_modes(after[outputs] + decay * sums)
            return Evolution(values, len(eigenvalues), float(bound), integral)
    if largest:
        raise ComputationError(
            f"the steps diverge: step * lambda_max is at least {schedule.step_sizes.max() * largest:.4g}, the limit "
            f"is {limit:.4g}; use a shorter step than {limit / largest:.3g}"
        )
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps is above the tolerance {tolerance:.1e}; "
        "use earlier output times or a larger tolerance"
    )


def stability_limit(taylor: Sequence[float]) -> float:
    """Return the smallest z > 0 with |R(z)| = 1. A step with a larger z makes a mode grow.

    R(z) = sum_j taylor_j (-z)^j is the stability function of a method.
    """
    powers = [coefficient * (-1) ** j for j, coefficient in enumerate(taylor)]
    roots = np.concatenate([np.roots([*powers[:0:-1], powers[0] - sign]) for sign in (1, -1)])
    return float(min(root.real for root in roots if abs(root.imag) < 1e-9 < root.real))


def _residual_sum(
    schedule: Schedule, taylor: Sequence[float], z: np.ndarray, lost: np.ndarray, weights: np.ndarray, *, target: float
) -> float:
    """Return the sum over all steps of eta sum_i g_i |e_m^T (eta T_m)^i y|.

    z: eta lambda for each of I intervals and each eigenvalue, (I, m). lost: 1 - R(z), (I, m).
    weights: the terms of e_m^T y at the beginning of each interval, (I, m).

    The modulus of the sum over an interval is at most the sum of the moduli, and is a geometric sum. Both are equal for
    gradient descent if every eta lambda <= 1: the entries of 1 - eta T_m have alternating signs, so e_m^T y does not
    change sign. In all other cases, the moduli are summed step by step once the geometric sum is at most `target`.
    """
    with np.errstate(invalid="ignore"):  # 0 / 0 where a step is shorter than rounding
        geometric = np.where(lost > 0, total_lost(schedule, lost) / lost, schedule.step_counts[:, None])  # sum R^s
    g = [_taylor_remainder(taylor, i, z.max(axis=1)) for i in range(len(taylor) - 1)]
    total = sum(
        float((schedule.step_sizes * g_i * np.abs(np.sum(weights * z**i * geometric, axis=1))).sum())
        for i, g_i in enumerate(g)
    )
    if total > target or (len(taylor) == 2 and z.max() <= 1):
        return total
    return sum(
        float(np.sum(schedule.step_sizes * g_i * _sum_of_moduli(schedule, 1 - lost, weights * z**i)))
        for i, g_i in enumerate(g)
    )


def total_lost(schedule: Schedule, lost: np.ndarray) -> np.ndarray:
    """Return 1 - R^s for the s steps of each interval, without cancellation. lost: 1 - R, (I, m)."""
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 at lost = 1; exp makes it the correct 0
        return np.where(
            lost < 1,
            -np.expm1(schedule.step_counts[:, None] * np.log1p(-lost)),
            1 - (1 - lost) ** schedule.step_counts[:, None],
        )


def _taylor_remainder(taylor: Sequence[float], i: int, largest: np.ndarray) -> np.ndarray:
    """g_i = sum_{j > i} |taylor_j| largest^(j - 1 - i), (I,)."""
    return sum(abs(taylor[j]) * largest ** (j - 1 - i) for j in range(i + 1, len(taylor)))  # type: ignore[return-value]


def _sum_of_moduli(schedule: Schedule, factors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum_s |sum_k weights_k factors_k^s| over the steps of each interval, (I,)."""
    totals = np.zeros(len(weights))
    for interval, count in enumerate(schedule.step_counts):
        for first in range(0, count, BLOCK):
            steps = np.arange(first, min(first + BLOCK, count))
            totals[interval] += np.abs(factors[interval] ** steps[:, None] @ weights[interval]).sum()
    return totals
