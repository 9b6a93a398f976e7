"""The Fourier convention, stated once.

    F[f](xi) = integral f(x) exp(-2 pi i xi.x) dx,        f(x) = integral F[f](xi) exp(+2 pi i xi.x) dxi

Frequencies xi are in cycles per unit length of x. N samples x_j of equal weight have the density
rho_data = mean_j delta(x - x_j), so

    v(xi) = F[u rho_data](xi) = mean_j u(x_j) exp(-2 pi i xi.x_j).

Libraries disagree on the sign and on the factor 2 pi. Each call of a library uses the sign and factor of this module.
"""

import numpy as np

SIGN = -1  # of the exponent in F
FLAT_TOP_BETA = 25.0


def phase(frequencies: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """exp(-2 pi i xi_i.x_j), shape (n, N), from frequencies (n, d) [cycles/length] and positions (N, d) [length]."""
    return np.exp(SIGN * 2j * np.pi * (frequencies @ positions.T))


def transform(values: np.ndarray, positions: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """v(xi_i) = mean_j u(x_j) exp(-2 pi i xi_i.x_j) by direct summation in O(n N), for small data and tests.

    values (..., N), positions (N, d) [length], frequencies (n, d) [cycles/length]. The result is complex, (..., n).
    For a fast transform see `freqbias.numerics.make_transform`.
    """
    return values @ phase(frequencies, positions).T / len(positions)


def flat_top(z: np.ndarray, end: float) -> np.ndarray:
    """Return a smooth cut-off at lags z (n,).

    The cut-off is 1 for |z| <= 1 and 0 for |z| >= end. For 1 < |z| < end it is

        int_y^1 exp(beta sqrt(1 - y'^2)) dy' / int_-1^1 exp(beta sqrt(1 - y'^2)) dy',    |z| = 1 + (end - 1) (y + 1)/2.

    The spectrum of this cut-off is nearly as narrow as possible at the accuracy exp(-beta).
    beta is `FLAT_TOP_BETA`.
    """
    s = ((np.abs(z) - 1) / (end - 1))[:, None]
    t, weight = np.polynomial.legendre.leggauss(64)

    def integral(s: np.ndarray) -> np.ndarray:
        y = 1 - (1 - s) * (1 - t)
        return (1 - s[:, 0]) * (np.exp(FLAT_TOP_BETA * (np.sqrt(1 - y**2) - 1)) @ weight)

    falling = (s[:, 0] > 0) & (s[:, 0] < 1)
    result = (s[:, 0] <= 0).astype(float)
    result[falling] = integral(s[falling]) / integral(np.zeros((1, 1)))
    return result
