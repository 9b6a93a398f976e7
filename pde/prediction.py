"""Predictions of the equation at positions without samples.

    f(y, t) = f(y, 0) - K_h(y, X) w(t),    K_h(y, X) = Re(E_y^H A_h E) / N,

where w is the integral of u over time, E_y has the rows exp(-2 pi i xi_i.y), and A_h, E and N are those of
`freqbias.pde.data_operator`. The bound of the error has three parts, with d(t) = (K - K_h) u(t) on the samples:

    Lanczos                      sqrt(K(y, y) / N) |K^(1/2) dw|
    the mesh, until time t       sqrt(K(y, y) / N) factor sqrt(t) integral_0^t |d| dt,  as a residual of u acts on w
    the mesh, between y and X    |(K - K_h)(y, X) w|
"""

import numpy as np

from freqbias.numerics import SUM_FACTOR, Integral, integral_factor
from freqbias.pde.data_operator import DataOperator
from freqbias.pde.kernel_defect import ExactRows, KernelDefect
from freqbias.problem import initial_values, kernel_diagonal, problem_at

SAFETY = 2.0  # factor of the defects if only some of the positions are probed


def predict_at_targets(
    operator: DataOperator,
    integral: Integral,
    defect: KernelDefect,
    integrated: np.ndarray,
    *,
    in_steps: bool,
    shift: float = 0.0,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the values f (T, C, n) at the targets by name, and a bound of their error at each time, (T,). Collective.

    integral: w at the output times after the first. integrated: the integral of |d| / |u(0)| until all
    output times, (T,). in_steps: whether the integrator takes steps of gradient descent. shift: eps of the damped
    Gauss-Newton method, or 0.
    """
    problem = operator.problem
    times, norm = problem.times, float(np.linalg.norm(operator.start))
    factor = SUM_FACTOR * np.sqrt(times) if in_steps else integral_factor(times, shift)
    relative = np.concatenate([[0.0], integral.error]) + (SAFETY if defect.sampled else 1.0) * factor * integrated
    values, bound = dict[str, np.ndarray](), np.zeros(len(times))
    for name, sites in problem.targets.items():
        rows, product = integral.values, operator.at(sites)
        change = np.array([[product(w) for w in channels] for channels in rows])
        exact = ExactRows(problem, sites)
        missed = np.abs(change[..., exact.probes] - exact.apply(rows)).max(axis=(1, 2))
        missed = np.concatenate([[0.0], missed]) * (SAFETY if exact.share < 1 else 1.0)
        scale = norm * np.sqrt(kernel_diagonal(problem.laws, sites, problem.span).max() / problem.sites.size)
        bound = np.maximum(bound, scale * relative + missed)
        start = initial_values(problem_at(problem, sites))
        values[name] = start - np.concatenate([np.zeros_like(start)[None], change])
    return values, bound
