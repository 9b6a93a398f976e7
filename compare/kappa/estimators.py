"""Estimators of the frequency learning rate kappa(xi, t) = -d/dt log |v(xi, t)| [1/time], from measured spectra and
from the equation without diffusion.

Channels count together: |v|^2 = sum_c |v_c|^2. A rate is undefined, NaN and never 0,

    - where |v| < floor at the start: there is too little to learn;
    - where |v| <= NOISE_FACTOR noise at the end: the rate would be that of the errors of v, whose size is `noise`.

For a window of time, pass the part of the arrays given by `window`.
"""

import numpy as np

from freqbias.problem import Problem

FLOOR = 0.01  # of the largest |v(0)|: a frequency below it has too little to learn for a meaningful rate
MIN_FIT_TIMES = 3  # a line through two points has no uncertainty
TIME_ROUNDING = 1e-9  # relative
NOISE_FACTOR = 3.0  # closer to the noise, log |v| is off by more than noise / |v|, and too large on average


def window(time: np.ndarray, start: float | None = None, end: float | None = None) -> slice:
    """The part of increasing times (T,) >= 0 with start <= t <= end, to rounding; None for no bound."""
    first = 0 if start is None else int(np.searchsorted(time * (1 + TIME_ROUNDING), start))
    last = len(time) if end is None else int(np.searchsorted(time * (1 - TIME_ROUNDING), end, side="right"))
    return slice(first, last)


def mean_rate(time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0) -> np.ndarray:
    """The mean of kappa from the first time to the last, log(|v(xi, t_1)| / |v(xi, t_T)|) / (t_T - t_1), (n,) [1/time].

    time (T,); error: v (T, C, n), complex; floor, noise: of |v|, see above. Raises ValueError for fewer than two times.
    """
    return instant_rate(time[[0, -1]], error[[0, -1]], floor=floor, noise=noise)[0]


def instant_rate(time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0) -> np.ndarray:
    """kappa at the midpoints of the times, log(|v(xi, t_k)| / |v(xi, t_k+1)|) / (t_k+1 - t_k), (T - 1, n) [1/time].

    Exact for exponentials, otherwise of second order in the time step. time (T,); error: v (T, C, n), complex; floor,
    noise: of |v| at t_k and t_k+1, see above. Raises ValueError for fewer than two times.
    """
    if len(np.unique(time)) < 2:
        raise ValueError("a rate needs two times at least")
    magnitude = np.linalg.norm(error, axis=1)
    start, end = magnitude[:-1], magnitude[1:]
    defined = (start >= floor) & (start > NOISE_FACTOR * noise) & (end > NOISE_FACTOR * noise)
    ratio = np.divide(start, end, out=np.full_like(start, np.nan), where=defined)
    return np.asarray(np.log(ratio) / np.diff(time)[:, None])


def fitted_rate(
    time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares line of log |v| over t: minus its slope, and the slope's standard error, (n,) each [1/time].

        kappa = -sum w (t - mean t) log |v| / S,    S = sum w (t - mean t)^2,    1 / w_k = bend^2 + (noise / |v(t_k)|)^2
        standard error^2 = sum w residual^2 / ((K - 2) S)

    The sums run over the K times before the first with |v| <= 3 noise; means are weighted by w. log |v| deviates from
    a line for two reasons: errors of v of size `noise`, which matter more the smaller |v| is, and deviations that are
    alike at all times, such as relative errors and a rate that changes. The size of the latter, bend^2, is estimated as
    the excess of the residuals over what the noise explains (DerSimonian and Laird 1986). Without noise this is the
    ordinary least-squares line. The standard error is that of Hartung and Knapp (2001): it follows from the residuals,
    so it also holds for a noise that is only a bound, with Student's t of K - 2 degrees of freedom, if the errors are
    independent from time to time. It misses errors shared by all times, such as the sampling error of one drawn
    network.

    time (T,); error: v (T, C, n), complex; noise: of the real and of the imaginary part of v. NaN where |v| < floor at
    the first time, and where K < 3. Raises ValueError for fewer than three times.
    """
    if len(time) < MIN_FIT_TIMES:
        raise ValueError(f"a rate is fitted to {MIN_FIT_TIMES} times at least")
    magnitude = np.linalg.norm(error, axis=1)
    used = np.logical_and.accumulate(magnitude > NOISE_FACTOR * noise, axis=0)
    defined = (magnitude[0] >= floor) & (used.sum(axis=0) >= MIN_FIT_TIMES)
    magnitude = np.where(used, magnitude, 1.0)
    variance = (noise / magnitude) ** 2 + np.finfo(float).eps ** 2
    rate, standard_error = np.full(error.shape[2], np.nan), np.full(error.shape[2], np.nan)
    rate[defined], standard_error[defined] = _line(
        time, np.log(magnitude[:, defined]), variance[:, defined], used[:, defined]
    )
    return rate, standard_error


def _line(time: np.ndarray, y: np.ndarray, variance: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minus the slope of y (T, n) over the times (T,), and the slope's standard error, (n,) each.

    The errors of y have this variance plus bend^2, alike at all times, which is estimated from the residuals.
    """
    degrees = used.sum(axis=0) - 2

    def weighted(weight: np.ndarray) -> tuple[np.ndarray, ...]:
        """Slope, S, sum weight residual^2, and what bend^2 = 1 adds to that sum on average."""
        total = weight.sum(axis=0)
        t = time[:, None] - np.sum(weight * time[:, None], axis=0) / total
        spread = np.sum(weight * t**2, axis=0)
        slope = np.sum(weight * t * y, axis=0) / spread
        residual = y - np.sum(weight * y, axis=0) / total - slope * t
        per_bend = total - np.sum(weight**2 * (1 / total + t**2 / spread), axis=0)
        return slope, spread, np.sum(weight * residual**2, axis=0), per_bend

    _, _, squares, per_bend = weighted(used / variance)
    bend_squared = np.maximum(squares - degrees, 0.0) / per_bend
    slope, spread, squares, _ = weighted(used / (variance + bend_squared))
    return -slope, np.sqrt(squares / (degrees * spread))


def theory_rate(problem: Problem, frequency: np.ndarray) -> np.ndarray:
    """kappa = damping(xi) / prod extent, (n,) [1/time]: that of the local operator without diffusion, sigma_a -> 0.

    For two layers this is rho_w / prod extent. An atom of the damping at xi = 0 is left out. frequency (n, d)
    [cycles/length]. For scattered samples the volume is that of their bounding box, right if they fill it evenly.
    """
    return problem.laws.damping.value(frequency) / problem.sites.volume
