"""Laws folded onto a frequency box, where they act on lattice data exactly as the original laws do."""

from collections.abc import Callable

import numpy as np

from freqbias.numerics import Grid, GridTransform, Sites, flat_top
from freqbias.problem.laws import Law

MARGIN = 1.5  # smallest lattice size / extent of the sites; the window falls to 0 in this margin
MARGIN_STEPS = 16  # smallest number of lattice steps in the margin; fewer do not resolve the window


def fold(law: Law, sites: Sites, half_width: tuple[float, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """The folded law, a function of frequencies (n, d) [cycles/length]:

        folded(xi) = prod_i h_i * sum_z G(z) c(z) cos(2 pi xi.z),   h_i = 1 / (2 half_width_i),   z_i = h_i j.

    G: the transform of the law. c: a smooth window, 1 at all differences x - x' of the sites.

    Integrated over |xi_i| <= half_width_i against exp(2 pi i xi.z), the folded law gives G(z) exactly at each
    difference on the lattice. On a grid folded onto its Nyquist box, all differences are on the lattice, so the kernel
    on the data is exact. Between lattice points G is interpolated; the error is small if the law is small outside the
    box.

    The window is smooth because a truncated series rings at the edges of a law and becomes very negative: on a law that
    ends well inside the box, its error was 100 times larger (measured).
    """
    spacing = 1 / (2 * np.asarray(half_width))
    extent = np.ptp(sites.positions(), axis=0)
    ends = np.maximum(MARGIN, 1 + MARGIN_STEPS * spacing / extent)
    shape = 2 * np.ceil(ends * extent / spacing - 1e-9).astype(int) + 1
    lattice = Grid(tuple(shape.tolist()), tuple((shape * spacing).tolist()))
    series = law.transform(lattice.positions()).reshape(lattice.shape) * np.prod(spacing)
    windows = [flat_top(z / length, end) for z, length, end in zip(lattice.axes(), extent, ends, strict=True)]
    for window in np.ix_(*windows):
        series = series * window
    return lambda xi: GridTransform(lattice, xi).to_frequencies(series.ravel()).real
