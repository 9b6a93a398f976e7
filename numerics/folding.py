"""Laws folded onto one Nyquist box: what the data of a grid see of a law that reaches beyond their Nyquist
frequency."""

from collections.abc import Callable

import numpy as np

from numerics.nufft import GridTransform
from problem import Grid, Law


def fold(law: Law, grid: Grid) -> Callable[[np.ndarray], np.ndarray]:
    """law(xi) = prod_i h_i * sum over lattice differences z of G(z) cos(2 pi xi.z), G the transform of the law, as a
    function of xi (n, d).

    z runs over the differences of grid points, |z_i| < extent_i. Integrated over |xi_i| <= n_i/(2 extent_i) against
    exp(2 pi i xi.z) it gives G(z) exactly at each of them, so that the kernel on the data is exact. For a
    discontinuous law it may dip below zero, as a truncated series does.
    """
    differences = Grid(
        tuple(2 * n - 1 for n in grid.shape),
        tuple((2 * n - 1) * h for n, h in zip(grid.shape, grid.spacing, strict=True)),
    )
    series = law.transform(differences.positions()) * np.prod(grid.spacing)
    return lambda xi: GridTransform(differences, xi).to_frequencies(series).real
