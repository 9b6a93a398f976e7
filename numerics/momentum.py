"""Steps of gradient descent with momentum, Polyak's or Nesterov's, computed in a Krylov space."""

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics.descent import SETTLED
from freqbias.numerics.lanczos import EUCLIDEAN, Apply, Basis, Callback, Evolution, Integral, Lanczos, Metric
from freqbias.numerics.schedule import Schedule

CHECK_EVERY = 3  # products between two passes over all steps
MOST_STEPS = 300_000  # each pass takes some 10 microseconds a step
SUM_FACTOR = 2.0


def momentum_steps(
    apply: Apply,
    start: np.ndarray,
    schedule: Schedule,
    tolerance: float,
    *,
    mu: float,
    nesterov: bool = False,
    metric: Metric = EUCLIDEAN,
    decay: float = 0.0,
    integrate: bool = False,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 500,
) -> Evolution:
    """Return u after the steps of the schedule, from v = 0. With g = A P u + decay (u - u(0)), a step is

        v <- mu v + g,    u <- u - (1 - mu) h v            (Polyak's heavy ball),
                          u <- u - (1 - mu) h (g + mu v)   (Nesterov's momentum).

    The result has u at each output time after the first, shape (T - 1, n). apply, start, metric, saved_basis: as for
    `gradient_descent`. h: the step sizes of the schedule. mu: the momentum, 0 <= mu < 1. decay: lambda >= 0, of the
    decay towards the start.
    integrate: whether the result contains the sum P w with u(0) - u = A P w. Its error is estimated as that of gradient
    descent is bounded.

    After m products with A, each eigenvalue theta of T_m has the same steps. With x = theta + decay, they are steps for
    y = 1 - x w, from which u has the coefficient 1 - theta w in the basis of the Krylov space.

    The residual beta_m e_m^T y of a step changes u by at most h times as much at any later step, if all h are equal.
    The response of a mode to a push of v is (1 - mu) h S_k, where S_k is the sum of r_1^i r_2^j over i + j = k, with
    the roots r of the mode. They have moduli of at most 1 and the product mu, so S_k is largest where r_1 = 1, where it
    is 1 + mu + ... + mu^k: it is convex in log r_1, and at r_1 = r_2 it is k + 1 times the geometric mean of these
    powers. Nesterov's response, (1 + mu) S_k - mu S_{k-1} with a smaller product of the roots, is at most 1 / (1 - mu)
    too (computed in the tests). The sum over the steps is the bound of the error relative to |u(0)|, and an estimate
    where h changes. Decay makes it no larger.

    Raises ComputationError if the steps diverge, (1 - mu) h x_max > 2 (1 + mu), or 2 (1 + mu) / (1 + 2 mu) for
    Nesterov, if there are more than MOST_STEPS, or if the bound is still above `tolerance` after `max_steps` products.
    Source: Polyak, USSR Comput. Math. Math. Phys. 4 (1964); Nesterov, Soviet Math. Dokl. 27 (1983), in the form of
    Sutskever et al., ICML 2013.
    """
    if schedule.steps > MOST_STEPS:
        raise ComputationError(f"{schedule.steps:,} steps with momentum are too many to be followed one by one")
    lanczos = Lanczos(apply, start, mass=metric.mass, saved_basis=saved_basis)
    if lanczos.norm == 0:
        zero = np.zeros((len(schedule.output_steps) - 1, len(start)))
        return Evolution(zero, 0, 0.0, Integral(zero, np.zeros(len(zero))) if integrate else None)
    ratio = lanczos.norm / np.linalg.norm(start)  # |u|_P / |u|
    least = ratio if metric.smallest is None else np.sqrt(metric.smallest)
    most = momentum_limit(mu, nesterov=nesterov)
    bound, largest, limit = np.inf, 0.0, most / (1 - mu) / schedule.step_sizes.max()
    for beta, ritz_values, vectors in lanczos.iterate(max_steps, callback):
        eigenvalues, steps = np.maximum(ritz_values, 0.0) + decay, len(ritz_values)
        if eigenvalues[-1] > limit * (1 + 1e-12):
            largest = eigenvalues[-1]
            if beta * abs(vectors[-1, -1]) <= SETTLED * largest:
                break
            continue  # more products show how long the steps may be
        if steps % CHECK_EVERY and beta:
            continue
        sums, residual = _steps(schedule, eigenvalues, mu, vectors[-1] * vectors[0], nesterov=nesterov)
        pushed = ratio * beta * residual  # |du|_P / |u|
        bound = pushed / least
        if bound <= tolerance:
            elapsed = np.cumsum(schedule.step_counts * schedule.step_sizes)[schedule.output_intervals[1:] - 1]
            integral = lanczos.integral(sums, SUM_FACTOR * np.sqrt(elapsed) * pushed) if integrate else None
            states = lanczos.combine_modes(1 - (eigenvalues - decay) * sums)
            return Evolution(states, steps, float(bound), integral)
    if largest:
        longest = schedule.step_sizes.max()
        raise ComputationError(
            f"the steps diverge: (1 - mu) step * lambda_max is at least {(1 - mu) * longest * largest:.4g}, the limit "
            f"is {most:.4g}; use a shorter step than {limit * longest / largest:.3g}"
        )
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps is above the tolerance {tolerance:.1e}; "
        "use earlier output times or a larger tolerance"
    )


def momentum_limit(mu: float, *, nesterov: bool = False) -> float:
    """Return the largest learning rate times eigenvalue, (1 - mu) h x, for which no mode grows."""
    return 2 * (1 + mu) / (1 + 2 * mu if nesterov else 1)


def _steps(
    schedule: Schedule, eigenvalues: np.ndarray, mu: float, weights: np.ndarray, *, nesterov: bool
) -> tuple[np.ndarray, float]:
    """Return the factors of w at the output times, (T - 1, m), and the sum of h |weights . y|."""
    y, w, q = np.ones_like(eigenvalues), np.zeros_like(eigenvalues), np.zeros_like(eigenvalues)
    outputs, step, residual = {int(each) for each in schedule.output_steps[1:]}, 0, 0.0
    sums = []
    for size, count in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        rate = (1 - mu) * size
        for _ in range(count):
            residual += size * abs(weights @ y)
            q = mu * q + y  # the velocity is x q
            w = w + rate * (y + mu * q if nesterov else q)
            y = 1 - eigenvalues * w
            step += 1
        if step in outputs:
            sums.append(w)
    return np.array(sums), residual
