"""The density of samples: the weights of a quadrature on scattered samples, also on a circle or torus."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.spatial import Delaunay, QhullError

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered, Sites


def trapezoidal_weights(sites: Sites, *, period: Sequence[float] | None = None) -> np.ndarray:
    """Return weights with mean 1 that undo the crowding of the samples, (N,).

    They are those of the trapezoidal rule: the simplices of a Delaunay triangulation share their volume among their
    corners. On a grid all weights are 1. period: as for `SobolevLoss`; then the samples repeat, so none is at an edge.
    Raises InputError if two samples coincide, or if all lie in a plane.
    """
    if period is not None:
        sides, x = np.array(checked_period(sites, period)), sites.positions()
        shifts = sorted(product((0, -1, 1), repeat=sites.dimension), key=any)  # the samples themselves come first
        tiled = Scattered(np.concatenate([x + sides * shift for shift in shifts]))
        own = trapezoidal_weights(tiled)[: sites.size]
        return own / own.mean()
    if isinstance(sites, Grid):
        return np.ones(sites.size)
    x, d = sites.positions(), sites.dimension
    weights = np.zeros(len(x))
    if d == 1:
        order = np.argsort(x[:, 0])
        halves = np.diff(x[order, 0]) / 2
        weights[order[:-1]] += halves
        weights[order[1:]] += halves
    else:
        try:
            corners = Delaunay(x / np.maximum(np.ptp(x, axis=0), 1e-300)).simplices
        except QhullError as failure:
            raise InputError("the samples have no triangulation, because they lie on a line or in a plane") from failure
        edges = x[corners[:, 1:]] - x[corners[:, :1]]
        np.add.at(weights, corners, np.abs(np.linalg.det(edges))[:, None])
    if not (weights > 0).all():
        raise InputError(f"sample {int(weights.argmin())} coincides with another, so it has no volume of its own")
    return np.asarray(weights / weights.mean())


def checked_period(sites: Sites, period: Sequence[float]) -> tuple[float, ...]:
    """Return the period of scattered samples on a circle or torus, (d,) [length].

    Raises InputError if the sites are those of a grid, or if a side is less than the width of the samples.
    """
    sides = tuple(float(side) for side in period)
    if sites.lattice is not None:
        raise InputError("period is for scattered samples; leave it out, because the period of a grid is its extent")
    if len(sides) != sites.dimension or not all(side >= width for side, width in zip(sides, sites.span, strict=True)):
        widths = ", ".join(f"{width:.6g}" for width in sites.span)
        raise InputError(
            f"period = {list(sides)}; give a number for each axis, at least the width of the samples, {widths}"
        )
    return sides
