"""The transforms E and E^H by direct summation, for few frequencies that lie far apart."""

import numpy as np

from freqbias.numerics.fourier import phase
from freqbias.numerics.sites import Sites

CHUNK = 2**22  # entries of E in memory at a time


class DenseTransform:
    """E and E^H for any sites and frequencies (n, d) [cycles/length], in O(n N) operations, exact to rounding.

    FINUFFT's type 3 needs a fine grid with a point for each period of the highest frequency across the sites. For the
    octaves of a positional encoding that grid may have many more points than E has entries.
    """

    def __init__(self, sites: Sites, frequencies: np.ndarray) -> None:
        self._positions, self._frequencies = sites.positions(), frequencies
        count = max(1, len(self._positions) * len(frequencies) // CHUNK)
        self._parts = [part for part in np.array_split(np.arange(len(frequencies)), count) if len(part)]

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum_q u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        result = np.zeros((*values.shape[:-1], len(self._frequencies)), dtype=complex)
        for part in self._parts:
            result[..., part] = values @ phase(self._frequencies[part], self._positions).T
        return result

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q): (..., n) -> (..., N) complex."""
        result = np.zeros((*amplitudes.shape[:-1], len(self._positions)), dtype=complex)
        for part in self._parts:
            result += amplitudes[..., part] @ phase(self._frequencies[part], self._positions).conj()
        return result
