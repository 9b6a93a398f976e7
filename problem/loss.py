"""The squared loss of a network."""

import numpy as np


def squared_loss(error: np.ndarray) -> np.ndarray:
    """Return 1/2 mean_j u_j^2, summed over channels, (...). error: u, (..., C, N)."""
    return np.asarray(0.5 * np.mean(error**2, axis=-1).sum(axis=-1))


def psnr(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio 10 log10(R^2 / mean (f - f*)^2), (T,) [dB].

    values: f (T, C, ...). target: f* (C, ...). R = max f* - min f* and the mean run over all channels and samples. The
    ratio is infinite for f = f*, and NaN for a constant target.
    """
    if not target.size:
        return np.full(len(values), np.nan)
    error = np.mean((values - target) ** 2, axis=tuple(range(1, values.ndim)))
    peak = np.ptp(target)
    if not peak:
        return np.full(len(values), np.nan)
    with np.errstate(divide="ignore"):
        return np.asarray(20 * np.log10(peak) - 10 * np.log10(error))
