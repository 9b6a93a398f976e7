"""Laws folded onto a frequency box. On lattice data, a folded law acts exactly as the original law."""

from collections.abc import Callable

import numpy as np

from freqbias.numerics import Grid, flat_top, make_tensor_transform
from freqbias.problem.laws import Law

MARGIN = 1.5  # smallest lattice size, relative to the extent of the sites; the window falls to 0 in the margin
MARGIN_STEPS = 16  # smallest number of lattice steps in the margin; fewer do not resolve the window


def fold(law: Law, span: np.ndarray, half_width: tuple[float, ...]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the folded law, a function of frequencies (n, d) [cycles/length]:

        folded(xi) = prod_i h_i * sum_z G(z) c(z) cos(2 pi xi.z),   h_i = 1 / (2 half_width_i),   z_i = h_i j.

    span: the largest difference of two positions along each axis, (d,) [length]. The sum is over the integer vectors j.
    G is the transform of the law. c is a smooth window, which is 1 at all differences z = x - x' of the positions.

    The integral of the folded law times exp(2 pi i xi.z) over |xi_i| <= half_width_i is exactly G(z), if z is a
    difference of sites and on the lattice h j. If the sites are a grid or a part of a grid, and half_width is the
    Nyquist frequency of the grid, all differences are on the lattice, so the kernel on the data is exact. Between
    lattice points G is interpolated. The error of the interpolation is small if the law is small outside the box.

    The window is smooth because a truncated series rings at the edges of a law and becomes very negative. For a law
    that ends well inside the box, the error of a truncated series was 100 times larger (measured).
    """
    spacing = 1 / (2 * np.asarray(half_width))
    extent = span
    ends = np.maximum(MARGIN, 1 + MARGIN_STEPS * spacing / extent)
    shape = 2 * np.ceil(ends * extent / spacing - 1e-9).astype(int) + 1
    lattice = Grid(tuple(shape.tolist()), tuple((shape * spacing).tolist()))
    series = law.transform(lattice.positions()).reshape(lattice.shape) * np.prod(spacing)
    windows = [flat_top(z / length, end) for z, length, end in zip(lattice.axes(), extent, ends, strict=True)]
    for window in np.ix_(*windows):
        series = series * window
    return lambda xi: make_tensor_transform(lattice, xi).to_frequencies(series.ravel()).real
