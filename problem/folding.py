"""Laws folded onto a box: as seen by data whose differences lie on a lattice, or nearly."""

from collections.abc import Callable

import numpy as np

from freqbias.numerics import Grid, GridTransform, Sites, flat_top
from freqbias.problem.laws import Law

WIDER = 1.5  # the lattice over the differences of the sites: room for the cut-off to fall
STEPS = 16  # of the lattice, at the least, for that: else it does not resolve the cut-off


def fold(law: Law, sites: Sites, half_width: tuple[float, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """law(xi) = prod_i h_i * sum_z G(z) c(z) cos(2 pi xi.z), h_i = 1/(2 half_width_i), over the lattice z_i = h_i j, as
    a function of xi (n, d). G: the transform of the law; c: a smooth cut-off, 1 at all differences of the sites.

    Integrated over |xi_i| <= half_width_i against exp(2 pi i xi.z) it gives G(z) exactly at each difference on the
    lattice. On a grid, folded onto its Nyquist box, these are all, and the kernel on the data is exact; between lattice
    points G is interpolated, as well as the law is small beyond the box. The cut-off is smooth, as a truncated series
    would ring at the edges of a law and dip far below zero: measured on one that ends well inside the box, 100 times
    the error.
    """
    spacing = 1 / (2 * np.asarray(half_width))
    extent = np.ptp(sites.positions(), axis=0)
    ends = np.maximum(WIDER, 1 + STEPS * spacing / extent)
    shape = 2 * np.ceil(ends * extent / spacing - 1e-9).astype(int) + 1
    lattice = Grid(tuple(shape.tolist()), tuple((shape * spacing).tolist()))
    series = law.transform(lattice.positions()).reshape(lattice.shape) * np.prod(spacing)
    cut_offs = [flat_top(z / length, end) for z, length, end in zip(lattice.axes(), extent, ends, strict=True)]
    for window in np.ix_(*cut_offs):
        series = series * window
    return lambda xi: GridTransform(lattice, xi).to_frequencies(series.ravel()).real
