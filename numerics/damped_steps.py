"""Steps of the damped Gauss-Newton method, computed in a Krylov space.

With S = A P, A positive semidefinite and P the matrix of an inner product, the flow and the steps of size h are

    du/dt = -B u,    u <- (1 - h B) u,    B = S (S + eps)^-1 = 1 - eps (S + eps)^-1.

A mode of S with the eigenvalue lambda has the rate lambda / (lambda + eps) < 1: all modes with lambda >> eps are
equally fast. `exponential` with a shift eps gives the flow.

In the Krylov space of S, with T_m in place of S, the residual of u at a time is

    eps beta_m (S + eps)^-1 v_{m+1} g,    g = e_m^T (T_m + eps)^-1 y,    of norm at most beta_m |g|,

where y holds the coefficients of u in the basis. No later time makes it larger, so the integral of beta_m |g| over
time, or h times its sum over the steps, bounds the error. The residual of a time s < t adds to A^(1/2) w, where w is
the integral over time for which u(0) - u = A w, at most (1/2 + c sqrt(t - s)) / sqrt(eps) times beta_m |g|, with
c = INTEGRAL_FACTOR for the flow and c = sqrt(2) for steps.
Source: Levenberg, Quart. Appl. Math. 2 (1944); Marquardt, SIAM J. Appl. Math. 11 (1963).
"""

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics.descent import total_lost
from freqbias.numerics.lanczos import EUCLIDEAN, Apply, Basis, Callback, Evolution, Integral, Lanczos, Metric
from freqbias.numerics.schedule import Schedule

LONGEST_STEP = 2.0  # beyond it the fast modes grow
MOST_PRODUCTS = 2000
ACCURACY = 1e-5  # of `spectral_norm`; changes exp(-t B) by at most 0.4 times as much


def gauss_newton(
    apply: Apply,
    start: np.ndarray,
    schedule: Schedule,
    tolerance: float,
    *,
    shift: float,
    metric: Metric = EUCLIDEAN,
    integrate: bool = False,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = MOST_PRODUCTS,
) -> Evolution:
    """Return u after the steps  u <- u - h A P (A P + eps)^-1 u  of the schedule.

    The result has u at each output time after the first, shape (T - 1, n).
    apply: the product with A. start: u at the first output time, (n,). schedule: the output times and the step sizes h.
    shift: eps > 0. metric: the inner product of P. integrate: whether the result contains the sum P w over the steps
    with u(0) - u = A P w.

    Raises ComputationError if a step is longer than LONGEST_STEP, or if the bound of the error relative to |u(0)| is
    above `tolerance` after `max_steps` products.
    """
    longest = float(schedule.step_sizes.max())
    if longest > LONGEST_STEP:
        raise ComputationError(f"the steps diverge: the step is {longest:.4g}, the limit is {LONGEST_STEP:g}")
    lanczos = Lanczos(apply, start, mass=metric.mass, saved_basis=saved_basis)
    if lanczos.norm == 0:
        zero = np.zeros((len(schedule.output_steps) - 1, len(start)))
        return Evolution(zero, 0, 0.0, Integral(zero, np.zeros(len(zero))) if integrate else None)
    ratio = lanczos.norm / np.linalg.norm(start)  # |u|_P / |u|
    bound, least = np.inf, ratio if metric.smallest is None else np.sqrt(metric.smallest)
    outputs = schedule.output_intervals[1:] - 1
    elapsed = np.cumsum(schedule.step_counts * schedule.step_sizes)[outputs]
    for beta, ritz_values, vectors in lanczos.iterate(max_steps, callback):
        eigenvalues = np.maximum(ritz_values, np.finfo(float).tiny)  # rounding may make Ritz values negative
        decay = schedule.step_sizes[:, None] * eigenvalues / (eigenvalues + shift)  # h B
        after = np.cumprod((1 - decay) ** schedule.step_counts[:, None], axis=0)  # at the end of each interval
        before = np.vstack([np.ones_like(eigenvalues), after[:-1]])
        sums = np.cumsum(before * total_lost(schedule, decay) / eigenvalues, axis=0)  # of h (T + eps)^-1 (1 - h B)^s
        residual = ratio * beta * _sum_of_moduli(schedule, decay, before, sums, vectors, shift)
        bound = residual / least
        if bound <= tolerance:
            integral = None
            if integrate:
                factor = (0.5 + np.sqrt(2 * elapsed)) / np.sqrt(shift)
                integral = lanczos.integral(sums[outputs], factor * residual)
            return Evolution(lanczos.combine_modes(after[outputs]), len(eigenvalues), float(bound), integral)
    raise _not_converged(bound, max_steps, tolerance)


def _sum_of_moduli(
    schedule: Schedule, decay: np.ndarray, before: np.ndarray, sums: np.ndarray, vectors: np.ndarray, shift: float
) -> float:
    """Return the sum over all steps of h |e_m^T (T_m + eps)^-1 y|.

    For h <= 1, all these numbers have the same sign, because (lambda + eps)^-1 (1 - h B)^s is a sum of powers of
    (lambda + eps)^-1 with coefficients >= 0. Then the modulus of the sum is the sum of the moduli.
    """
    weights = vectors[-1] * vectors[0]
    if schedule.step_sizes.max() <= 1:
        return float(abs(sums[-1] @ weights))
    total, eigenvalue_share = 0.0, schedule.step_sizes[:, None] - decay  # h eps / (lambda + eps)
    for count, factors, share, first in zip(
        schedule.step_counts, 1 - decay, eigenvalue_share / shift, before, strict=True
    ):
        y = weights * share * first
        for _ in range(count):
            total += abs(float(y.sum()))
            y = factors * y
    return total


def damped_solve(
    apply: Apply,
    right: np.ndarray,
    tolerance: float,
    *,
    shift: float,
    metric: Metric = EUCLIDEAN,
    max_steps: int = MOST_PRODUCTS,
) -> np.ndarray:
    """Return z, (n,), where (A P + eps) z = b.

    apply: the product with A. right: b, (n,). shift: eps > 0. metric: the inner product of P.
    The iterates are those of conjugate gradients in the inner product of P. The iteration stops when the residual is at
    most tolerance |b|, both in the norm of P. Full reorthogonalisation keeps the number of products below n, at which
    the solution is exact. A Cholesky factorisation would need n products for the matrix alone.
    Raises ComputationError if the residual is larger after `max_steps` products.
    """
    lanczos, residual = Lanczos(apply, right, mass=metric.mass), np.inf
    if lanczos.norm == 0:
        return np.zeros_like(right)
    for beta, ritz_values, vectors in lanczos.iterate(max_steps, lambda _: None):
        inverse = 1 / (np.maximum(ritz_values, 0.0) + shift)
        residual = beta * abs(float(vectors[-1] @ (inverse * vectors[0])))
        if residual <= tolerance:
            return np.asarray(lanczos.combine_modes(inverse[None])[0])
    raise _not_converged(residual, max_steps, tolerance)


def spectral_norm(apply: Apply, size: int, *, metric: Metric = EUCLIDEAN, max_steps: int = 300) -> float:
    """Return the largest eigenvalue of A P to ACCURACY, for a positive semidefinite matrix A. apply: the product.

    The start is random, with a fixed seed. The largest Ritz value is below the eigenvalue by at most its residual, and
    by the square of the residual over the gap to the next eigenvalue.
    Raises ComputationError if the residual is larger after `max_steps` products.
    """
    lanczos = Lanczos(apply, np.random.default_rng(0).standard_normal(size), mass=metric.mass)
    residual = np.inf
    for beta, values, vectors in lanczos.iterate(min(max_steps, size), lambda _: None):
        largest, residual = float(values[-1]), beta * abs(float(vectors[-1, -1]))
        gap = max(residual, largest - float(values[-2])) if len(values) > 1 else residual
        if residual == 0 or residual**2 <= ACCURACY * largest * gap:
            return largest
    raise _not_converged(residual, max_steps, ACCURACY)


def _not_converged(bound: float, steps: int, tolerance: float) -> ComputationError:
    return ComputationError(
        f"Lanczos: error bound {bound:.1e} after {steps} steps is above the tolerance {tolerance:.1e}; use a larger "
        "[training] damping or tolerance"
    )
