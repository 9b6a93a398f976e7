"""Estimators of the frequency learning rate kappa(xi, t) = -d/dt log |v(xi, t)| [1/time] of measured spectra v.

`theory_rate` is the learning rate of the equation without diffusion. |v|^2 is summed over channels,
|v|^2 = sum_c |v_c|^2. A rate is NaN if it is undefined:

    - if |v| < floor at the first time, because there is too little to learn;
    - if |v| <= NOISE_FACTOR noise at the last time, because the errors of v, of size `noise`, would decide the rate.

To measure rates in a time window, pass the part of each array that `window` selects.
"""

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import OperatorRows, spectrum_part
from freqbias.problem import Problem, match_times, resolved_law

FLOOR = 0.01  # fraction of the largest |v(0)|; at frequencies with less, a rate is not meaningful
MIN_FIT_TIMES = 3  # a line through two points has no uncertainty
NOISE_FACTOR = 3.0  # if |v| / noise is smaller, log |v| is wrong by more than noise / |v|, and too large on average


def window(time: np.ndarray, start: float | None = None, end: float | None = None) -> slice:
    """Return the slice of the times t with start <= t <= end. A bound may be rounded (`freqbias.problem.match_times`).

    time (T,): increasing, t >= 0. start, end: None for no bound.
    """
    first = 0 if start is None else int(np.searchsorted(time, _output_time(time, start)))
    last = len(time) if end is None else int(np.searchsorted(time, _output_time(time, end), side="right"))
    return slice(first, last)


def _output_time(time: np.ndarray, bound: float) -> float:
    """Return the output time that the bound is, up to rounding, and otherwise the bound."""
    if not np.isfinite(bound):
        return bound
    found, _ = match_times(time, np.array([bound]))
    return float(time[found[0]]) if found.size else bound


def mean_rate(time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0) -> np.ndarray:
    """Return the mean of kappa between the first and the last time, (n,) [1/time].

    The mean is log(|v(xi, t_1)| / |v(xi, t_T)|) / (t_T - t_1).
    time (T,). error: v (T, C, n), complex. floor, noise: sizes of |v|, see the module's docstring.
    Raises ValueError for fewer than two times.
    """
    return instant_rate(time[[0, -1]], error[[0, -1]], floor=floor, noise=noise)[0]


def instant_rate(time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0) -> np.ndarray:
    """Return kappa at the midpoints of the times, (T - 1, n) [1/time].

    The estimate is log(|v(xi, t_k)| / |v(xi, t_k+1)|) / (t_k+1 - t_k). The estimate is exact for exponentials, and
    otherwise of second order in the time step.
    time (T,). error: v (T, C, n), complex. floor, noise: sizes of |v|; t_k and t_k+1 are the first and last time of the
    module's docstring. Raises ValueError for fewer than two times.
    """
    if len(np.unique(time)) < 2:
        raise ValueError("a rate needs at least two times")
    magnitude = np.linalg.norm(error, axis=1)
    start, end = magnitude[:-1], magnitude[1:]
    defined = (start >= floor) & (start > NOISE_FACTOR * noise) & (end > NOISE_FACTOR * noise)
    ratio = np.divide(start, end, out=np.full_like(start, np.nan), where=defined)
    return np.asarray(np.log(ratio) / np.diff(time)[:, None])


def fitted_rate(
    time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a line to log |v| over t by least squares. Return minus the slope, and the slope's standard error.

    Both results have the shape (n,) and the unit 1/time:

        kappa = -sum w (t - mean t) log |v| / S,    S = sum w (t - mean t)^2,    1 / w_k = bend^2 + (noise / |v(t_k)|)^2
        standard error^2 = sum w residual^2 / ((K - 2) S)

    The sums run over the K times before the first time with |v| <= 3 noise. Means are weighted by w. log |v| deviates
    from a line for two reasons. First, v has errors of size `noise`, which change log |v| more where |v| is smaller.
    Second, there are deviations with the same size at all times, such as relative errors and a rate that changes. The
    variance of the second kind, bend^2, is estimated by the part of the squared residuals that the noise does not
    explain (DerSimonian and Laird 1986). Without noise, the fit is the ordinary least-squares line.

    The standard error is that of Hartung and Knapp (2001), which is computed from the residuals. Therefore the standard
    error is right even if `noise` is only a bound on the errors. For intervals, use Student's t with K - 2 degrees of
    freedom. The standard error assumes that the errors at different times are independent. Errors that all times share,
    such as the sampling error of one drawn network, are not included.

    time (T,). error: v (T, C, n), complex. floor: size of |v| at the first time. noise: size of the errors in the real
    and in the imaginary part of v. Results are NaN where |v| < floor at the first time, and where K < 3.
    Raises ValueError for fewer than three times.
    """
    if len(time) < MIN_FIT_TIMES:
        raise ValueError(f"the fit of a rate needs at least {MIN_FIT_TIMES} times")
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
    """Return minus the slope of y (T, n) over the times (T,), and the slope's standard error, (n,) each.

    The variance of the errors of y is `variance` + bend^2. bend^2 is the same at all times, and is estimated from the
    residuals.
    """
    degrees = used.sum(axis=0) - 2

    def weighted(weight: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the slope, S, sum weight residual^2, and the mean increase of this sum if bend^2 = 1."""
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


def theory_rate(problem: Problem, frequency: np.ndarray, *, shift: float = 0.0) -> np.ndarray:
    """Return kappa = damping(xi) / prod extent, times the symbol of the training loss, (n,) [1/time].

    With the damped Gauss-Newton method, the result is kappa / (kappa + eps).
    frequency (n, d) [cycles/length]. shift: eps, the attribute "shift" of the spectrum of the equation.

    This kappa is the rate of the local operator without diffusion, sigma_a -> 0. For two layers, kappa is rho_w / prod
    extent. An atom of the damping at xi = 0 is left out. For scattered samples, prod extent is the volume of their
    bounding box. This volume is right if the samples fill the box evenly. Laws that are point masses are smoothed as
    the samples resolve them. For an operator L, kappa is that of L f - f*, and contains the factor |l(xi)|^2, with the
    symbol l of L.
    Raises InputError if the problem has a damping (`Problem.gauss_newton`) and the shift is missing.
    """
    if problem.gauss_newton is not None and shift == 0:
        raise InputError(
            f"theory_rate: the problem has gauss_newton = {problem.gauss_newton}; give shift, the attribute of the "
            "spectrum that freqbias.pde.solve returns"
        )
    _, sites = spectrum_part(problem.sites)
    if problem.laws.discrete:
        damping = resolved_law(problem.laws.damping, sites, frequency)
    else:
        damping = problem.laws.damping.value(frequency)
    if isinstance(problem.sites, OperatorRows):
        damping = np.abs(problem.sites.operator.symbol(frequency)) ** 2 * damping
    kappa = problem.loss.symbol(frequency) * damping / problem.sites.volume
    return kappa / (kappa + shift) if shift else kappa
