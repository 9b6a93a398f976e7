"""Meshes and records for the tests of compare, without DOLFINx."""

from dataclasses import replace
from itertools import product

import numpy as np

from freqbias.compare.comparison.causes import FLOW
from freqbias.compare.spectra import lagrange_element
from freqbias.numerics import Grid, transform
from freqbias.problem import (
    ErrorHistory,
    Gaussian,
    Network,
    Problem,
    Samples,
    Spectrum,
    canonical_order,
    squared_loss,
    waves,
)

CELL = {1: "interval", 2: "quadrilateral", 3: "hexahedron"}


def box_mesh(half_width, cells, degree, *, cell_type=None, warp=None, flip=False):
    """Nodes (n, d) in canonical order and cells (c, k) of a mesh of [-half_width, half_width]^d."""
    dimension = len(cells)
    cell_type = cell_type or CELL[dimension]
    reference = lagrange_element(cell_type, degree).points
    size = 2 * half_width / np.array(cells)
    pieces = [reference] if cell_type != "triangle" else [reference, 1 - reference]
    if flip:  # the axes of the reference cell are reversed in the mesh
        pieces = [1 - piece[:, ::-1] for piece in pieces]
    points = np.array(
        [(np.array(corner) + piece) * size - half_width for corner in product(*map(range, cells)) for piece in pieces]
    )
    flat = points.reshape(-1, dimension)
    _, first, inverse = np.unique(np.round(flat, 9), axis=0, return_index=True, return_inverse=True)
    nodes = flat[first]
    order = canonical_order(nodes)
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    nodes = nodes[order]
    return (nodes if warp is None else warp(nodes)), position[inverse.reshape(-1)].reshape(points.shape[:2])


def problem_1d(points=128, window=0.1, times=(0.0, 1.0, 2.5, 7.0)):
    grid = Grid((points,), (1.0,))
    return Problem(
        Gaussian(10.0), waves(grid, [[3.0], [10.0]], window=window), Network(width=100, sigma_a=1.0), np.array(times)
    )


def problem_2d(points=(24, 20), extent=(1.0, 1.0), channels=1):
    grid = Grid(points, extent)
    one = waves(grid, [[3.0, 1.0], [-2.0, 5.0]], window=0.15).values
    values = np.concatenate([one * (channel + 1) for channel in range(channels)])
    return Problem(
        Gaussian(6.0), Samples(grid, values), Network(width=100, sigma_a=1.0), np.array([0.0, 1.0, 3.0]), unit="m"
    )


def fabricated(problem, *, half_width=None, cells=None, degree=4, decay=0.3):
    """A spectrum and a history of the same errors u = -f* exp(-decay t), at distance 0 until a test changes one."""
    half_width = half_width or float(problem.sites.nyquist.max())
    cells = cells or {1: (96,), 2: (12, 12)}[problem.dimension]
    nodes, connectivity = box_mesh(half_width, cells, degree)
    factor = np.exp(-decay * problem.times)[:, None, None]
    error = -problem.samples.values * factor
    v = transform(error, problem.sites.positions(), nodes)
    spectrum = Spectrum(problem.times, nodes, v, connectivity, CELL[problem.dimension], degree)
    return spectrum, ErrorHistory(problem.times, problem.sites.positions(), error, squared_loss(error))


def predicted(history, *factors, names=FLOW[-1:1:-2]):
    """Predictions with the errors of a history times these factors: at infinite width, then flow and steps of the
    drawn kernel."""
    return {name: replace(history, error=s * history.error) for name, s in zip(names, factors, strict=True)}
