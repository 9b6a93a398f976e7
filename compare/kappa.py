"""The frequency learning rate kappa(xi, t) = -d/dt log |v(xi, t)| [1/time]: how fast the error at a frequency is
learnt; measured from spectra, and as the equation has it without diffusion.

Channels count together: |v|^2 = sum_c |v_c|^2. Where a rate is undefined it is NaN, never 0. A window of time is a
part of the arrays: `window`.
"""

import numpy as np

from problem import Problem

FLOOR = 0.01  # of the largest |v(0)|: below it a frequency has too little to learn for a rate to mean anything
LEAST_TIMES = 3  # a line through two points has no uncertainty


def window(time: np.ndarray, start: float | None = None, end: float | None = None) -> slice:
    """The part of increasing times (T,) with start <= t <= end, to within rounding; None for no bound."""
    within = 1e-9 * np.abs(time).max()
    first = 0 if start is None else int(np.searchsorted(time, start - within))
    return slice(first, len(time) if end is None else int(np.searchsorted(time, end + within)))


def mean_rate(time: np.ndarray, error: np.ndarray, *, floor: float) -> np.ndarray:
    """The mean of kappa from the first time to the last, log(|v(xi, t_1)| / |v(xi, t_T)|) / (t_T - t_1), (n,) [1/time].

    time (T,); error (T, C, n) complex. NaN where |v(xi, t_1)| < floor, and where nothing is left to tell a rate by.
    Raises ValueError for fewer than two times.
    """
    return instant_rate(time[[0, -1]], error[[0, -1]], floor=floor)[0]


def instant_rate(time: np.ndarray, error: np.ndarray, *, floor: float) -> np.ndarray:
    """kappa at the midpoints of the times, log(|v(xi, t_k)| / |v(xi, t_k+1)|) / (t_k+1 - t_k), (T - 1, n) [1/time].

    Exact for exponentials, else of second order in the distance of the times. time (T,); error (T, C, n) complex. NaN
    where |v(xi, t_k)| < floor, and where v(xi, t_k+1) = 0. Raises ValueError for fewer than two times.
    """
    if len(np.unique(time)) < 2:
        raise ValueError("a rate needs two times at least")
    size = np.linalg.norm(error, axis=1)
    start, end = size[:-1], size[1:]
    defined = (start >= floor) & (start > 0) & (end > 0)
    ratio = np.divide(start, end, out=np.full_like(start, np.nan), where=defined)
    return np.asarray(np.log(ratio) / np.diff(time)[:, None])


def fitted_rate(
    time: np.ndarray, error: np.ndarray, *, floor: float, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares line of log |v| over t: minus its slope, and the standard error of that, (n,) each [1/time].

        kappa = -S_ty / S_tt,    S_tt = sum (t - mean t)^2,    S_ty = sum (t - mean t) log |v|
        standard error^2 = sum residual^2 / ((K - 2) S_tt)

    over the K times up to the first at which |v| <= noise. The standard error holds where the errors of log |v| are
    independent and alike at these times, as relative ones are; where log |v| bends, so that no single rate holds, it
    shows that too. time (T,); error (T, C, n) complex. NaN where |v| < floor at the first time, and where K < 3.
    Raises ValueError for fewer than three times.
    """
    if len(time) < LEAST_TIMES:
        raise ValueError(f"a rate is fitted to {LEAST_TIMES} times at least")
    size = np.linalg.norm(error, axis=1)
    used = np.logical_and.accumulate(size > noise, axis=0)
    count = used.sum(axis=0)
    defined = (size[0] >= floor) & (count >= LEAST_TIMES)
    used, size, count = used[:, defined], size[:, defined], count[defined]
    y = np.log(size, out=np.zeros_like(size), where=used)
    t = np.where(used, time[:, None] - np.sum(used * time[:, None], axis=0) / count, 0.0)
    y = np.where(used, y - y.sum(axis=0) / count, 0.0)
    spread = np.sum(t**2, axis=0)
    slope = np.sum(t * y, axis=0) / spread
    variance = np.sum((y - slope * t) ** 2, axis=0) / (count - 2)
    rate, standard_error = np.full(error.shape[2], np.nan), np.full(error.shape[2], np.nan)
    rate[defined], standard_error[defined] = -slope, np.sqrt(variance / spread)
    return rate, standard_error


def theory_rate(problem: Problem, frequency: np.ndarray) -> np.ndarray:
    """kappa = damping(xi) / prod extent, (n,) [1/time]: that of the local operator as sigma_a -> 0, where nothing
    diffuses; for two layers rho_w / prod extent. An atom of the damping at xi = 0 is left out.

    frequency: (n, d) [cycles/length]. Of scattered samples the volume is that of the box around them, which holds for
    those that fill it evenly.
    """
    return problem.laws.damping.value(frequency) / problem.sites.volume


def learnable(frequency: np.ndarray, start: np.ndarray, limit: np.ndarray, *, least: float = 0.0) -> np.ndarray:
    """Which frequencies have a rate, (n,) bool: those within |xi_i| <= limit_i with |v| >= least at the start.

    frequency (n, d); start: v there (C, n); limit (d,).
    """
    inside = (np.abs(frequency) <= limit * (1 + 1e-12)).all(axis=1)
    return np.asarray(inside & (np.linalg.norm(start, axis=0) >= least))
