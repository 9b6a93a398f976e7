"""Which part of a spectrum is signal: within the Nyquist box, and above what sampling leaves at every frequency."""

import numpy as np

from freqbias.problem import Spectrum

LEAKAGE_FACTOR = 4.0  # Rayleigh: |v| of randomly placed samples exceeds this many leakages at one frequency in 10^7
MAX_LEAKAGE_FLOOR = 0.5  # of the largest |v(0)|: leakage never raises the floor further, so some signal remains
VISIBLE = 0.02  # of the largest |v|: the axes of a figure reach as far as |v| is larger
ROUNDING = 1e-12


def inside_nyquist(frequency: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Which frequencies xi (n, d) have |xi_i| <= limit_i on every axis, to rounding; (n,) bool. limit (d,)."""
    return np.asarray((np.abs(frequency) <= limit * (1 + ROUNDING)).all(axis=1))


def leakage(spectrum: Spectrum) -> float:
    """The root mean square of |v(xi, 0)| far from the target's frequencies, for N samples at random positions:

        sqrt(mean_j u_j^2 / N)

    Where |v| is no larger, its learning rate is that of other frequencies. 0 on a grid, which only aliases, and if
    the spectrum does not hold its errors u on the samples.
    """
    if spectrum.sample_error is None or "points" in spectrum.attributes:
        return 0.0
    initial = spectrum.sample_error[0]
    return float(np.linalg.norm(initial) / initial.shape[-1])


def signal_floor(largest: float, leakage: float, fraction: float) -> float:
    """The least |v| that counts as signal: `fraction` of the largest |v|, or several times the leakage if larger."""
    return max(fraction * largest, min(LEAKAGE_FACTOR * leakage, MAX_LEAKAGE_FLOOR * largest))


def has_signal(frequency: np.ndarray, initial: np.ndarray, limit: np.ndarray, *, floor: float = 0.0) -> np.ndarray:
    """Which frequencies lie within |xi_i| <= limit_i and start with |v| >= floor, (n,) bool.

    frequency (n, d); initial: v at the start (C, n), |v|^2 = sum_c |v_c|^2; limit (d,).
    """
    return np.asarray(inside_nyquist(frequency, limit) & (np.linalg.norm(initial, axis=0) >= floor))


def signal_reach(frequency: np.ndarray, magnitude: np.ndarray, limit: np.ndarray, *, leakage: float) -> np.ndarray:
    """How far the axes of a figure go, (d,) [cycles/length]: a little further than the signal, and not beyond the mesh
    or the Nyquist box |xi_i| <= limit_i. frequency (n, d); magnitude |v| (T, n)."""
    inside = inside_nyquist(frequency, limit)
    signal = inside & (magnitude.max(axis=0) > signal_floor(magnitude[:, inside].max(), leakage, VISIBLE))
    margin = 1.5 if leakage else 1.15
    return np.minimum(margin * np.abs(frequency[signal]).max(axis=0), np.abs(frequency[inside]).max(axis=0))
