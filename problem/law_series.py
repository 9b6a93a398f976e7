"""Quadrature rules for integrals over frequency space, weighted by a law.

For |z_i| <= extent_i the transform G of a law equals a function with the period P = PERIOD extent that falls smoothly
to 0 in the rest of the period. This function has a Fourier series,

    G(z) = sum_n c_n exp(2 pi i n.z / P),

whose terms may be differentiated. So the frequencies n / P and the weights c_n integrate polynomials times waves,

    integral law(xi) p(xi) exp(2 pi i xi.z) dxi = sum_n c_n p(n / P) exp(2 pi i n.z / P)    for |z_i| <= extent_i,

as accurately as the series converges, for a law of any shape.
"""

import numpy as np
from scipy import fft

from freqbias.errors import InputError
from freqbias.numerics import DifferentialOperator, Grid, flat_top
from freqbias.problem.laws import Law

# Least extent times the width of the law, by dimension. In a shorter period the series shows the cut-off function, at
# frequencies far beyond the law, where symbols are large. In 3-D a longer one would need too many frequencies.
LEAST = {1: 6.0, 2: 6.0, 3: 4.0}
PERIOD = 3.0  # P divided by the extent of the samples; the cut-off function falls to 0 in the rest of the period
MOST_MODES = 2**22
# Relative to the largest weight. Smaller ones are rounding errors of the transform. The symbol would magnify them.
ROUNDING = 1e-15
TAIL = 1e-11  # share of the integral in the outer shell of the frequencies; smaller ones need more of them


def fourier_series(law: Law, extent: np.ndarray, modes: int) -> tuple[Grid, np.ndarray]:
    """Return the grid of frequencies n / P, |n_i| <= modes, and the coefficients c_n in the order of the grid."""
    count, period = 2 * modes + 1, PERIOD * extent
    lags = [fft.fftfreq(count, 1 / length) for length in period]
    cut_off = [flat_top(z / length, PERIOD / 2) for z, length in zip(lags, extent, strict=True)]
    values = law.transform(np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1))
    for window in np.ix_(*cut_off):
        values = values * window
    spectrum = fft.fftshift(fft.fftn(values).real) / values.size
    return Grid((count,) * len(extent), tuple(count / period)), spectrum.ravel()


def symbol_quadrature(law: Law, extent: np.ndarray, operator: DifferentialOperator) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies (n, d) and weights (n,) that integrate the law times |l|^2 and waves exp(2 pi i xi.z).

    law: has a finite integral with |l|^2. extent: the largest |z_i|, (d,) [length]. operator: l is its symbol.
    Raises InputError if MOST_MODES frequencies are not enough.
    """
    if law.integral == 0:
        return np.zeros((0, len(extent))), np.zeros(0)
    extent = np.maximum(extent, LEAST[len(extent)] / law.widths[-1])
    modes = 16
    while (2 * modes + 1) ** len(extent) <= MOST_MODES:
        grid, weights = fourier_series(law, extent, modes)
        xi = grid.positions()
        shares = np.abs(weights) * (1 + np.abs(operator.symbol(xi)) ** 2)
        outer = (np.abs(xi) > 0.9 * np.abs(xi).max(axis=0)).any(axis=1)
        used = np.abs(weights) > ROUNDING * np.abs(weights).max()
        if shares[outer & used].sum() <= TAIL * shares.sum():
            return xi[used], weights[used]
        modes += modes // 2
    raise InputError(
        f'[training] operator = "{operator}": its kernel at infinite width needs more than {MOST_MODES:,} frequencies; '
        "use a [density] that is narrower or smoother, or data of smaller extent"
    )
