"""The frequency learning rate kappa(xi, t) = -d/dt log |v(xi, t)| [1/time]: how fast the error at a frequency is
learnt; measured from spectra, and as the equation has it without diffusion.

Channels count together: |v|^2 = sum_c |v_c|^2. A window of time is a part of the arrays: `window`. Where a rate is
undefined it is NaN, never 0: where |v| < floor at the start, for there is too little to learn, and with |v| <= 3 noise
at the end, where noise is the size of the errors of v, for a rate that is taken there is that of the errors.
"""

import numpy as np

from freqbias.problem import Problem, Spectrum

FLOOR = 0.01  # of the largest |v(0)|: below it a frequency has too little to learn for a rate to mean anything
LEAST_TIMES = 3  # a line through two points has no uncertainty
ROUNDING = 1e-9  # of a time
SEEN = 3.0  # times the noise: below it log |v| is no longer as far off as noise / |v| says, but too large on average
LEAKAGES = 4.0  # Rayleigh: |v| of samples at random places exceeds them at one frequency in 10^7
MOST = 0.5  # of the largest |v(0)|, that this takes away: so that something is left of what is all but noise


def window(time: np.ndarray, start: float | None = None, end: float | None = None) -> slice:
    """The part of increasing times (T,) >= 0 with start <= t <= end, to within rounding; None for no bound."""
    first = 0 if start is None else int(np.searchsorted(time * (1 + ROUNDING), start))
    return slice(first, len(time) if end is None else int(np.searchsorted(time * (1 - ROUNDING), end, side="right")))


def mean_rate(time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0) -> np.ndarray:
    """The mean of kappa from the first time to the last, log(|v(xi, t_1)| / |v(xi, t_T)|) / (t_T - t_1), (n,) [1/time].

    time (T,); error (T, C, n) complex; floor and noise as above, of |v|. Raises ValueError for fewer than two times.
    """
    return instant_rate(time[[0, -1]], error[[0, -1]], floor=floor, noise=noise)[0]


def instant_rate(time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0) -> np.ndarray:
    """kappa at the midpoints of the times, log(|v(xi, t_k)| / |v(xi, t_k+1)|) / (t_k+1 - t_k), (T - 1, n) [1/time].

    Exact for exponentials, else of second order in the distance of the times. time (T,); error (T, C, n) complex;
    floor and noise as above, of |v| at t_k and t_k+1. Raises ValueError for fewer than two times.
    """
    if len(np.unique(time)) < 2:
        raise ValueError("a rate needs two times at least")
    size = np.linalg.norm(error, axis=1)
    start, end = size[:-1], size[1:]
    defined = (start >= floor) & (start > SEEN * noise) & (end > SEEN * noise)
    ratio = np.divide(start, end, out=np.full_like(start, np.nan), where=defined)
    return np.asarray(np.log(ratio) / np.diff(time)[:, None])


def fitted_rate(
    time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares line of log |v| over t: minus its slope, and the standard error of that, (n,) each [1/time].

        kappa = -sum w (t - mean t) log |v| / S,    S = sum w (t - mean t)^2,    1 / w_k = bend^2 + (noise / |v(t_k)|)^2
        standard error^2 = sum w residual^2 / ((K - 2) S)

    over the K times up to the first at which |v| <= 3 noise, means weighted by w. Two things keep log |v| from a line:
    errors of v of size noise, which weigh the more the smaller |v| is, and what is alike at all times, relative errors
    and a bend where no single rate holds. The size of these, bend^2, is measured: by DerSimonian and Laird (1986) the
    excess of the residuals over what the noise explains. Without noise this is the plain line. The standard error is
    that of Hartung and Knapp (2001): it asks the residuals, and so holds for a noise that is only a bound too, with
    Student's t of K - 2 degrees, where errors are independent from time to time. It does not know what is the same at
    all times, as the sampling error of one drawn network.

    time (T,); error (T, C, n) complex; noise: of the real and imaginary part of v, each. NaN where |v| < floor at the
    first time, and where K < 3. Raises ValueError for fewer than three times.
    """
    if len(time) < LEAST_TIMES:
        raise ValueError(f"a rate is fitted to {LEAST_TIMES} times at least")
    size = np.linalg.norm(error, axis=1)
    used = np.logical_and.accumulate(size > SEEN * noise, axis=0)
    defined = (size[0] >= floor) & (used.sum(axis=0) >= LEAST_TIMES)
    size = np.where(used, size, 1.0)
    variance = (noise / size) ** 2 + np.finfo(float).eps ** 2
    rate, standard_error = np.full(error.shape[2], np.nan), np.full(error.shape[2], np.nan)
    rate[defined], standard_error[defined] = _line(
        time, np.log(size[:, defined]), variance[:, defined], used[:, defined]
    )
    return rate, standard_error


def _line(time: np.ndarray, y: np.ndarray, variance: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minus the slope of y (T, n) over the times (T,) and its standard error, (n,) each. The errors of y have this
    variance and one more, alike at all times, which is estimated from the residuals."""

    degrees = used.sum(axis=0) - 2

    def weighted(weight: np.ndarray) -> tuple[np.ndarray, ...]:
        total = weight.sum(axis=0)
        t = time[:, None] - np.sum(weight * time[:, None], axis=0) / total
        spread = np.sum(weight * t**2, axis=0)
        slope = np.sum(weight * t * y, axis=0) / spread
        residual = y - np.sum(weight * y, axis=0) / total - slope * t
        alike = total - np.sum(weight**2 * (1 / total + t**2 / spread), axis=0)  # expected of sum weight residual^2
        return slope, spread, np.sum(weight * residual**2, axis=0), alike

    _, _, squares, alike = weighted(used / variance)
    more = np.maximum(squares - degrees, 0.0) / alike
    slope, spread, squares, _ = weighted(used / (variance + more))
    return -slope, np.sqrt(squares / (degrees * spread))


def theory_rate(problem: Problem, frequency: np.ndarray) -> np.ndarray:
    """kappa = damping(xi) / prod extent, (n,) [1/time]: that of the local operator as sigma_a -> 0, where nothing
    diffuses; for two layers rho_w / prod extent. An atom of the damping at xi = 0 is left out.

    frequency: (n, d) [cycles/length]. Of scattered samples the volume is that of the box around them, which holds for
    those that fill it evenly.
    """
    return problem.laws.damping.value(frequency) / problem.sites.volume


def leakage(spectrum: Spectrum) -> float:
    """The root mean square of |v(xi, 0)| that N samples at random places leave at every frequency, sqrt(mean u^2 / N),
    beside the transform of what was sampled: where |v| is no larger, its rate is that of other frequencies. 0 on a
    grid, which only aliases, and where the spectrum does not hold its errors u on the samples."""
    if spectrum.sample_error is None or "points" in spectrum.attributes:
        return 0.0
    start = spectrum.sample_error[0]
    return float(np.linalg.norm(start) / start.shape[-1])


def least_signal(largest: float, leakage: float, share: float) -> float:
    """What |v(0)| is to be at least: this share of the largest, or what is left everywhere LEAKAGES times over."""
    return max(share * largest, min(LEAKAGES * leakage, MOST * largest))


def learnable(frequency: np.ndarray, start: np.ndarray, limit: np.ndarray, *, least: float = 0.0) -> np.ndarray:
    """Which frequencies have a rate, (n,) bool: those within |xi_i| <= limit_i with |v| >= least at the start.

    frequency (n, d); start: v there (C, n); limit (d,).
    """
    inside = (np.abs(frequency) <= limit * (1 + 1e-12)).all(axis=1)
    return np.asarray(inside & (np.linalg.norm(start, axis=0) >= least))
