"""The squared loss of a network."""

import numpy as np


def squared_loss(error: np.ndarray) -> np.ndarray:
    """Return 1/2 mean_j u_j^2, summed over channels, (...). error: u, (..., C, N)."""
    return np.asarray(0.5 * np.mean(error**2, axis=-1).sum(axis=-1))
