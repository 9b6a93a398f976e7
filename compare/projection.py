"""The network's spectrum on the nodes of the frequency mesh."""

import numpy as np

from numerics import GridTransform
from problem import Grid

BATCH_ENTRIES = 2**22  # complex numbers transformed at once: 64 MiB


def project(error: np.ndarray, grid: Grid, frequency: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """v(xi_i) = mean_j u(x_j) exp(-2 pi i xi_i.x_j) by the non-uniform FFT.

    error u: (..., N) on the grid's samples; frequency: (n, d) [cycles/length]; returns complex (..., n).
    """
    transform = GridTransform(grid, frequency, threads=threads)
    rows = error.reshape(-1, grid.size)
    batch = max(1, BATCH_ENTRIES // max(grid.size, len(frequency)))
    spectra = [transform.to_frequencies(rows[first : first + batch]) for first in range(0, len(rows), batch)]
    return np.concatenate(spectra).reshape(*error.shape[:-1], len(frequency)) / grid.size
