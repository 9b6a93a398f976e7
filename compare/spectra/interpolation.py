"""Compute spectra at the nodes of a frequency mesh. The finite elements interpolate these values."""

import numpy as np

from freqbias.numerics import Sites, make_tensor_transform, spectrum_part

BATCH_ENTRIES = 2**22  # largest number of complex numbers transformed at once: 64 MiB


def project(error: np.ndarray, sites: Sites, frequency: np.ndarray, *, threads: int = 1) -> np.ndarray:
    """Return v(xi_i) = mean_j u(x_j) exp(-2 pi i xi_i.x_j) complex (..., n), of the rows L f for an operator L.

    error: u (..., N) at the sites x_j. frequency: xi_i (n, d) [cycles/length].
    """
    where, sites = spectrum_part(sites)
    transform = make_tensor_transform(sites, frequency, threads=threads)
    rows = error[..., where].reshape(-1, sites.size)
    batch = max(1, BATCH_ENTRIES // max(sites.size, len(frequency)))
    spectra = [transform.to_frequencies(rows[first : first + batch]) for first in range(0, len(rows), batch)]
    return np.concatenate(spectra).reshape(*error.shape[:-1], len(frequency)) / sites.size
