"""A function on the half-line as polynomials on panels, with its integral, quantiles and Fourier transform.

A panel has the values of the function at ORDER Gauss-Legendre points, and so a polynomial of degree ORDER - 1. The
panels begin as octaves, divided at given edges. They are bisected until the polynomial agrees with the function at new
points. So narrow peaks and heavy tails need few panels. On the panel with the middle c and the half
length a, with the Legendre coefficients b_n of the polynomial and the spherical Bessel functions j_n,

    integral g(x) cos(2 pi x z) dx = a Re exp(2 pi i c z) sum_n 2 i^n b_n j_n(2 pi a z).

This is exact for the polynomial at every z (Filon's method: Bakhvalov and Vasil'eva 1968). For many lags, panels with
few periods are summed by a non-uniform FFT instead.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.polynomial import legendre
from scipy.special import spherical_jn

from freqbias.errors import InputError
from freqbias.numerics import Scattered, ScatteredTransform

Function = Callable[[np.ndarray], np.ndarray]  # (n,) -> (n,)

ORDER = 16
OCTAVES = 66  # panels begin at 2^-OCTAVES and end at 2^OCTAVES, times START
START = 2**0.1234567  # so that no bisection meets a jump at a round number, which would hide the jump
SMALLEST_PANEL = 2.0**-16  # relative to the distance to the closest edge; jumps and kinks need smaller panels
MAX_DEPTH = 50  # most bisections; the panels next to an edge need many, if the function has a root there
MISMATCH = 1e-8  # of neighbouring polynomials, relative to the maximum
TAIL = 1e-10  # share of the integral that the outermost panels may leave out
FEW_LAGS = 250  # without an FFT
FFT_POINTS, FFT_ORDER = 2**21, 24  # most points of the FFT, and the points for each period in a panel
CHUNK = 2**19  # numbers in memory for Filon's method

POINTS, WEIGHTS = legendre.leggauss(ORDER)
TO_COEFFICIENTS = (np.arange(ORDER)[:, None] + 0.5) * legendre.legvander(POINTS, ORDER - 1).T * WEIGHTS  # (n, q)


class Panels:
    """A function g >= 0 on x >= 0 whose integral is finite.

    edges: the places x > 0 where g or its derivative may jump.
    tolerance: the error of the polynomial times the length of a panel, relative to the integral.
    The panels end where all but TAIL of the integral is covered.
    Raises InputError if g is NaN, infinite or negative, if g is not smooth between the edges, or if the integral is 0
    or is not covered by 2^OCTAVES.
    """

    def __init__(self, function: Function, edges: Sequence[float], *, tolerance: float = 1e-12) -> None:
        self._function = function
        octaves = [0.0, *START * 2.0 ** np.arange(-OCTAVES, OCTAVES + 1)]
        ends = np.array(sorted({*octaves, *edges}))
        left, right, values = ends[:-1], ends[1:], self._sample(ends[:-1], ends[1:])
        special, kept, done = np.array([0.0, *edges]), [], 0.0
        for depth in range(MAX_DEPTH + 1):
            total = done + float(np.sum((right - left) / 2 * (values @ WEIGHTS)))
            if not total > 0:
                raise InputError("it is 0 at every frequency that was tried; give a density with a larger width")
            middle = (left + right) / 2
            children = np.stack([self._sample(left, middle), self._sample(middle, right)], axis=1)
            error = (right - left) * np.abs(children - self._halves(values)).max(axis=(1, 2))
            rough = error > tolerance * total
            if not rough.any():
                kept.append((left, right, values))
                break
            distance = np.abs(middle[:, None] - special).min(axis=1)  # half the length if the panel is at an edge
            if (bad := rough & (right - left < SMALLEST_PANEL * distance)).any():
                raise _not_smooth(middle[bad][0])
            rough &= depth < MAX_DEPTH
            kept.append((left[~rough], right[~rough], values[~rough]))
            done += float(np.sum((kept[-1][1] - kept[-1][0]) / 2 * (kept[-1][2] @ WEIGHTS)))
            left, right = (np.stack(pair, axis=1)[rough].ravel() for pair in ((left, middle), (middle, right)))
            values = children[rough].reshape(-1, ORDER)
        left, right, values = (np.concatenate(part) for part in zip(*kept, strict=True))
        order = np.argsort(left)
        self._left, self._right, self._values = left[order], right[order], values[order]
        self._coefficients = self._values @ TO_COEFFICIENTS.T
        self._check_ends(special)
        self._shorten(special.max())
        del self._function  # the panels can then be sent to other processes

    def _check_ends(self, special: np.ndarray) -> None:
        """Raise InputError if neighbouring polynomials differ in value or slope at a common end that is not an edge.

        A jump or a bend very close to the end of a panel escapes the bisections.
        """
        n, half, b = np.arange(ORDER), (self._right - self._left) / 2, self._coefficients
        values = [b @ sign**n for sign in (1, -1)]
        slopes = [b @ (sign ** (n + 1) * n * (n + 1) / 2) / half for sign in (1, -1)]
        jump, bend = (np.abs(right[:-1] - left[1:]) for right, left in (values, slopes))
        size = np.maximum(jump, bend * np.minimum(half[:-1], half[1:]))
        touching = np.isin(self._left, special) | np.isin(self._right, special)
        bad = (size > MISMATCH * self._values.max()) & ~touching[:-1] & ~touching[1:]
        if bad.any():
            raise _not_smooth(self._right[:-1][bad][0])

    def _shorten(self, farthest_edge: float) -> None:
        """Leave out panels that are not needed, and sum the integrals."""
        masses = (self._right - self._left) / 2 * (self._values @ WEIGHTS)
        total = masses.sum()
        beyond = total - np.cumsum(masses)
        last = int(np.argmax((beyond <= TAIL * total) & (self._right >= farthest_edge)))
        if self._left[last] >= self._left[-1] / 2**10:
            raise InputError(
                "its tail is too heavy to resolve: it has a share of the integral beyond every frequency that was "
                "tried; truncate it, or use StudentT"
            )
        self._left, self._right, self._values, self._coefficients = (
            each[: last + 1] for each in (self._left, self._right, self._values, self._coefficients)
        )
        self.integral = float(total)
        self._cumulative = np.concatenate([[0.0], np.cumsum(masses[: last + 1])])

    @property
    def edges(self) -> np.ndarray:
        """The ends of all panels, ascending, (P + 1,)."""
        return np.append(self._left, self._right[-1])

    @property
    def points(self) -> np.ndarray:
        """All points x of the panels, ascending, (P ORDER,)."""
        return _points(self._left, self._right).ravel()

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        """Return x at which the integral from 0 to x is this share of the whole integral, (n,)."""
        target = probability * self._cumulative[-1]
        panel = np.clip(np.searchsorted(self._cumulative, target, side="right") - 1, 0, len(self._left) - 1)
        half = (self._right - self._left)[panel] / 2
        rest = (target - self._cumulative[panel]) / np.where(half > 0, half, 1.0)
        b = self._coefficients[panel].T
        primitive = np.zeros((ORDER + 1, len(panel)))  # int_-1^t P_n = (P_(n+1) - P_(n-1)) / (2 n + 1)
        primitive[0], primitive[1] = b[0], b[0]
        n = np.arange(1, ORDER)[:, None]
        primitive[2:] += b[1:] / (2 * n + 1)
        primitive[:-2] -= b[1:] / (2 * n + 1)
        low, high = np.full(len(panel), -1.0), np.ones(len(panel))
        t = np.clip(2 * rest / np.maximum(2 * b[0], 1e-300) - 1, -1, 1)
        for _ in range(60):
            excess = legendre.legval(t, primitive, tensor=False) - rest
            low, high = np.where(excess < 0, t, low), np.where(excess < 0, high, t)
            slope = legendre.legval(t, b, tensor=False)
            newton = t - excess / np.where(slope > 0, slope, 1.0)
            inside = (slope > 0) & (newton > low) & (newton < high)
            step = np.where(inside, newton, (low + high) / 2) - t
            t = t + step
            if np.abs(step).max(initial=0.0) < 1e-14:
                break
        return self._left[panel] + half * (1 + t)

    def cosine_transform(self, z: np.ndarray) -> np.ndarray:
        """Return integral g(x) cos(2 pi x z) dx / integral g dx at lags z, (n,)."""
        lags, inverse = np.unique(np.abs(z), return_inverse=True)
        many = lags[: max(0, len(lags) - FEW_LAGS)]  # without the largest, which may be too large for the FFT
        everything = np.ones(len(self._left), dtype=bool)
        parts = [self._filon(everything, lags[len(many) :])]
        if len(many):
            periods = np.ceil((self._right - self._left) * many[-1])
            near = np.cumsum(periods) <= FFT_POINTS / FFT_ORDER
            parts.insert(0, self._filon(~near, many))
            if near.any():
                parts[0] += self._fast_sum(near, periods[near].astype(int), many)
        return (np.concatenate(parts) / self._cumulative[-1])[inverse.ravel()]

    def _fast_sum(self, near: np.ndarray, periods: np.ndarray, lags: np.ndarray) -> np.ndarray:
        periods = np.maximum(periods, 1)
        part = np.concatenate([np.arange(count) for count in periods])
        panel = np.repeat(np.arange(len(periods)), periods)
        t, weights = legendre.leggauss(FFT_ORDER)
        t = 2 * (part[:, None] + (1 + t) / 2) / periods[panel][:, None] - 1  # in the coordinate of the panel
        left, half = self._left[near][panel], (self._right - self._left)[near][panel] / 2
        values = legendre.legval(t.T, self._coefficients[near][panel].T[:, None], tensor=False).T
        strengths = values * weights * (half / periods[panel])[:, None]
        x = left[:, None] + half[:, None] * (1 + t)
        sites = Scattered(x.reshape(-1, 1))
        return ScatteredTransform(sites, lags[:, None]).to_frequencies(strengths.ravel()).real

    def _filon(self, far: np.ndarray, lags: np.ndarray) -> np.ndarray:
        middle, half = (self._left + self._right)[far] / 2, (self._right - self._left)[far] / 2
        factors = 2 * 1j ** (np.arange(ORDER) % 4) * self._coefficients[far]
        result = np.zeros(len(lags))
        count = max(1, CHUNK // max(1, len(middle)))
        for first in range(0, len(lags), count):
            z = lags[first : first + count, None]
            total = np.zeros((len(z), len(middle)), dtype=complex)
            for n in range(ORDER):
                total += factors[:, n] * spherical_jn(n, 2 * np.pi * half * z)
            result[first : first + count] = ((np.exp(2j * np.pi * np.mod(middle * z, 1)) * total).real) @ half
        return result

    def _sample(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return g at the points of panels, (P, ORDER)."""
        x = _points(left, right)
        values = evaluate(self._function, x.ravel())
        for wrong, what in ((~np.isfinite(values), "NaN or infinite"), (values < 0, "negative")):
            if wrong.any():
                first = int(wrong.argmax())
                raise InputError(f"it is {what} at |xi| = {x.ravel()[first]:.6g}: {values[first]:.6g}")
        return values.reshape(x.shape)

    @staticmethod
    def _halves(values: np.ndarray) -> np.ndarray:
        """Return the polynomials of panels at the points of both halves, (P, 2, ORDER)."""
        at = legendre.legvander(np.stack([POINTS - 1, POINTS + 1]) / 2, ORDER - 1) @ TO_COEFFICIENTS
        return np.einsum("hqk,pk->phq", at, values)


def _not_smooth(place: float) -> InputError:
    return InputError(
        f"it is not smooth near |xi| = {place:.9g}: it jumps or bends there, or has rounding errors; if it jumps or "
        f"bends, give this place exactly, breaks = ({place:.4g},)"
    )


def evaluate(function: Function, x: np.ndarray) -> np.ndarray:
    """Return the values of a user's function, (n,) -> (n,). Raises InputError if the function fails."""
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(function(x), dtype=float)
    except InputError:
        raise
    except Exception as failure:
        raise InputError(
            f"for an array of frequencies, it raises {type(failure).__name__}: {failure}; it must map an array (n,) to "
            "an array (n,)"
        ) from failure
    if values.shape != x.shape:
        raise InputError(f"for {x.size} frequencies, its values have shape {values.shape}; it must return one for each")
    return values


def _points(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return left[:, None] + (right - left)[:, None] / 2 * (1 + POINTS)
