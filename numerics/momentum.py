"""Steps of gradient descent with momentum (Polyak's heavy ball), computed in a Krylov space."""

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics.descent import SETTLED
from freqbias.numerics.lanczos import EUCLIDEAN, Apply, Basis, Callback, Evolution, Integral, Lanczos, Metric
from freqbias.numerics.schedule import Schedule

CHECK_EVERY = 3  # products between two passes over all steps
MOST_STEPS = 300_000  # each pass takes some 10 microseconds a step
SUM_FACTOR = 2.0


def heavy_ball(
    apply: Apply,
    start: np.ndarray,
    schedule: Schedule,
    tolerance: float,
    *,
    mu: float,
    metric: Metric = EUCLIDEAN,
    integrate: bool = False,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 500,
) -> Evolution:
    """Return u after the steps  v <- mu v + A P u,  u <- u - (1 - mu) h v  of the schedule, from v = 0.

    The result has u at each output time after the first, shape (T - 1, n). apply, start, metric, saved_basis: as for
    `gradient_descent`. h: the step sizes of the schedule. mu: the momentum, 0 <= mu < 1.
    integrate: whether the result contains the sum P w with u(0) - u = A P w. Its error is estimated as that of gradient
    descent is bounded.

    After m products with A, each eigenvalue lambda of T_m has the same steps, for the coefficients y of u in the basis
    of the Krylov space. The residual beta_m e_m^T y of a step changes u by at most (1 - mu) h / (1 - sqrt(mu)) times as
    much at any later step, if all h are equal: the response of a mode to a push of v is a sum of r_1^i r_2^j over
    i + j = s, where the roots r of the mode have the product mu and modulus of at most 1. The sum over the steps is the
    bound of the error relative to |u(0)|, and an estimate where h changes.

    Raises ComputationError if the steps diverge, (1 - mu) h lambda_max > 2 (1 + mu), if there are more than MOST_STEPS,
    or if the bound is still above `tolerance` after `max_steps` products.
    Source: Polyak, USSR Comput. Math. Math. Phys. 4 (1964).
    """
    if schedule.steps > MOST_STEPS:
        raise ComputationError(f"{schedule.steps:,} steps with momentum are too many to be followed one by one")
    lanczos = Lanczos(apply, start, mass=metric.mass, saved_basis=saved_basis)
    if lanczos.norm == 0:
        zero = np.zeros((len(schedule.output_steps) - 1, len(start)))
        return Evolution(zero, 0, 0.0, Integral(zero, np.zeros(len(zero))) if integrate else None)
    ratio = lanczos.norm / np.linalg.norm(start)  # |u|_P / |u|
    least = ratio if metric.smallest is None else np.sqrt(metric.smallest)
    bound, limit = np.inf, 2 * (1 + mu) / (1 - mu) / schedule.step_sizes.max()  # of lambda
    for beta, ritz_values, vectors in lanczos.iterate(max_steps, callback):
        eigenvalues, steps = np.maximum(ritz_values, 0.0), len(ritz_values)
        if eigenvalues[-1] > limit * (1 + 1e-12):
            if beta * abs(vectors[-1, -1]) <= SETTLED * eigenvalues[-1]:
                raise ComputationError(
                    f"the steps diverge: (1 - mu) step * lambda_max is at least "
                    f"{(1 - mu) * schedule.step_sizes.max() * eigenvalues[-1]:.4g}, the limit is {2 * (1 + mu):.4g}; "
                    f"use a shorter step than {limit * schedule.step_sizes.max() / eigenvalues[-1]:.3g}"
                )
            continue
        if steps % CHECK_EVERY and beta:
            continue
        states, sums, residual = _steps(schedule, eigenvalues, mu, vectors[-1] * vectors[0])
        pushed = ratio * beta * residual / (1 - np.sqrt(mu))  # |du|_P / |u|
        bound = pushed / least
        if bound <= tolerance:
            elapsed = np.cumsum(schedule.step_counts * schedule.step_sizes)[schedule.output_intervals[1:] - 1]
            integral = lanczos.integral(sums, SUM_FACTOR * np.sqrt(elapsed) * pushed) if integrate else None
            return Evolution(lanczos.combine_modes(states), steps, float(bound), integral)
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps is above the tolerance {tolerance:.1e}; "
        "use earlier output times or a larger tolerance"
    )


def _steps(
    schedule: Schedule, eigenvalues: np.ndarray, mu: float, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the factors of u and w at the output times, (T - 1, m), and the sum of (1 - mu) h |weights . y|."""
    y, w, q = np.ones_like(eigenvalues), np.zeros_like(eigenvalues), np.zeros_like(eigenvalues)
    outputs, step, residual = {int(each) for each in schedule.output_steps[1:]}, 0, 0.0
    states, sums = [], []
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        rate = (1 - mu) * size
        for _ in range(count):
            residual += rate * abs(weights @ y)
            q = mu * q + y  # the velocity is lambda q
            w = w + rate * q
            y = 1 - eigenvalues * w
            step += 1
        if step in outputs:
            states.append(y)
            sums.append(w)
    return np.array(states), np.array(sums), residual
