"""The Fourier convention, stated once.

    F[f](xi) = integral f(x) exp(-2 pi i xi.x) dx,        f(x) = integral F[f](xi) exp(+2 pi i xi.x) dxi

Frequencies xi are in cycles per unit length of x. On N samples x_j of equal weight, with the density of the data
rho_data = mean_j delta(x - x_j),

    v(xi) = F[u rho_data](xi) = mean_j u(x_j) exp(-2 pi i xi.x_j).

Libraries disagree on the sign and on the 2 pi; everything in this project that calls one takes both from here.
"""

import numpy as np

SIGN = -1  # of the exponent of F


def phase(frequencies: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """exp(-2 pi i xi_i.x_j), shape (n, N), from frequencies (n, d) [cycles/length] and positions (N, d) [length]."""
    return np.exp(SIGN * 2j * np.pi * (frequencies @ positions.T))


def transform(values: np.ndarray, positions: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """v(xi_i) = mean_j u(x_j) exp(-2 pi i xi_i.x_j) as the direct sum: the definition, O(n N), for small data and
    tests.

    values (..., N), positions (N, d) [length], frequencies (n, d) [cycles/length]; returns complex (..., n).
    The fast version of the same sum is `numerics.transform_between`.
    """
    return values @ phase(frequencies, positions).T / len(positions)
