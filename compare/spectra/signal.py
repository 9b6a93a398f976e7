"""Find the part of a spectrum that is signal.

Signal lies within the Nyquist box, and is larger than the leakage that sampling adds at every frequency.
"""

import numpy as np

from freqbias.problem import Spectrum

LEAKAGE_FACTOR = 4.0  # |v| of randomly placed samples exceeds 4 leakages at one frequency in 10^7 (Rayleigh)
MAX_LEAKAGE_FLOOR = 0.5  # fraction of the largest |v(0)|; a bound on the floor, so that some signal remains
VISIBLE = 0.02  # fraction of the largest |v|; the axes of a figure contain all frequencies with more
ROUNDING = 1e-12


def inside_nyquist(frequency: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return which frequencies xi (n, d) have |xi_i| <= limit_i (d,) on every axis, up to rounding, (n,) bool."""
    return np.asarray((np.abs(frequency) <= limit * (1 + ROUNDING)).all(axis=1))


def leakage(spectrum: Spectrum) -> float:
    """Return the root mean square of |v(xi, 0)| far from the target's frequencies, for samples at random positions.

    With the errors u_j at N samples, this is

        sqrt(mean_j u_j^2 / N),     times sqrt(1 - N / n) if the positions are drawn from the n points of a grid.

    So it is 0 for a whole grid, which has aliasing but no leakage. At a frequency where |v| is not larger than the
    leakage, v changes at the learning rates of other frequencies. Return 0 if the spectrum does not contain the errors
    u on the samples.
    """
    if spectrum.sample_error is None:
        return 0.0
    initial = spectrum.sample_error[0]
    count = initial.shape[-1]
    points = np.prod(spectrum.attributes.get("points", np.inf), dtype=float)
    return float(np.linalg.norm(initial) / count * np.sqrt(max(0.0, 1 - count / points)))


def signal_floor(largest: float, leakage: float, fraction: float) -> float:
    """Return the smallest |v| that is treated as signal.

    This is `fraction` of the largest |v|, or LEAKAGE_FACTOR times the leakage if that is larger, but the leakage raises
    the floor to at most MAX_LEAKAGE_FLOOR of the largest |v|.
    """
    return max(fraction * largest, min(LEAKAGE_FACTOR * leakage, MAX_LEAKAGE_FLOOR * largest))


def has_signal(frequency: np.ndarray, initial: np.ndarray, limit: np.ndarray, *, floor: float = 0.0) -> np.ndarray:
    """Return which frequencies lie within |xi_i| <= limit_i and have |v| >= floor at the initial time, (n,) bool.

    frequency (n, d). initial: v (C, n) at the initial time, with |v|^2 = sum_c |v_c|^2. limit (d,).
    """
    return np.asarray(inside_nyquist(frequency, limit) & (np.linalg.norm(initial, axis=0) >= floor))


def signal_reach(frequency: np.ndarray, magnitude: np.ndarray, limit: np.ndarray, *, leakage: float) -> np.ndarray:
    """Return the largest |xi_i| on the axes of a figure, (d,) [cycles/length].

    The axes reach a little further than the signal, but not beyond the mesh or the Nyquist box |xi_i| <= limit_i.
    frequency (n, d). magnitude: |v| (T, n).
    """
    inside = inside_nyquist(frequency, limit)
    signal = inside & (magnitude.max(axis=0) > signal_floor(magnitude[:, inside].max(), leakage, VISIBLE))
    margin = 1.5 if leakage else 1.15
    return np.minimum(margin * np.abs(frequency[signal]).max(axis=0), np.abs(frequency[inside]).max(axis=0))
