"""A mesh in words, and as points and cells for other programs."""

import numpy as np

from freqbias.meshes.layers import merged, nodes_and_cells
from freqbias.meshes.plans import BOX_CELLS, BoxPlan, FilePlan, LayeredPlan, MeshPlan
from freqbias.meshes.vtk import from_vtk, vtk_nodes
from freqbias.numerics import Sites
from freqbias.problem import Problem

# The simplices that divide a box, by its corners in VTK's order
DIVIDED = {
    1: [[0, 1]],
    2: [[0, 1, 2], [0, 2, 3]],
    3: [[0, 1, 2, 6], [0, 2, 3, 6], [0, 3, 7, 6], [0, 7, 4, 6], [0, 4, 5, 6], [0, 5, 1, 6]],
}


def describe(problem: Problem, layout: MeshPlan) -> str:
    """What the mesh is and why, one line a fact."""
    unit = f"cycles/{problem.unit}" if problem.unit else "cycles per unit length"
    rows = {
        "cells": cells_in_words(layout),
        "degree": f"{layout.degree} (Lagrange, Gauss-Lobatto points)",
        "dofs": f"{layout.dofs:,}",
        "half-width": ", ".join(f"{r:.6g}" for r in layout.half_width) + f" {unit}",
        "cell size": ", ".join(f"{h:.6g}" for h in layout.size) + f" {unit}",
        "limit of the data": _limit(problem.sites, unit),
        "laws": "folded onto the half-width" if layout.folded else "as they are",
    }
    if isinstance(layout, FilePlan):
        rows["left out"] = f"{100 * max(0.0, layout.missing):.2g} % of the damping's mass"
    return "\n".join(f"{name:<18} {value}" for name, value in rows.items())


def cells_in_words(layout: MeshPlan) -> str:
    """How many cells of which kind, in which arrangement."""
    kinds = layout.cell_type if layout.cell_type == "hexahedron" else layout.cell_type + "s"
    kinds = {"hexahedron": "hexahedra", "tetrahedron": "tetrahedra"}.get(layout.cell_type, kinds)
    match layout:
        case BoxPlan():
            counts = " x ".join(map(str, layout.cells))
            return f"{counts} cells of {kinds}, to be refined" if layout.simplices else f"{counts} {kinds}"
        case LayeredPlan():
            spheres = ", ".join(f"{radius:.6g}" for radius, _ in layout.layers)
            curved = "" if layout.affine else "curved "
            return f"{layout.cell_count:,} {curved}{kinds} in layers around the origin, edges at |xi| = {spheres}"
        case FilePlan():
            return f"{layout.cell_count:,} {kinds} of {layout.path}"
    return f"{layout.cell_count:,} {kinds}"


def _limit(sites: Sites, unit: str) -> str:
    if not np.isfinite(sites.nyquist).all():
        return "none, the samples are scattered"
    return ", ".join(f"{f:.6g}" for f in sites.nyquist) + f" {unit} (points / (2 extent))"


def vertices(layout: MeshPlan) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and cells (c, k) through the corners of the cells, in VTK's order; curved edges become straight."""
    match layout:
        case BoxPlan():
            points, cells = _box(layout)
            if layout.simplices:
                cells = cells[:, DIVIDED[layout.dimension]].reshape(-1, layout.dimension + 1)
        case LayeredPlan():
            points, cells = nodes_and_cells(layout, vtk_nodes(layout.cell_type, 1))
        case FilePlan():
            corners = np.argsort(from_vtk(layout.cell_type, 1))
            points, cells = merged(layout.points[layout.cells[:, corners]])
        case _:
            raise TypeError(f"no corners of a {type(layout).__name__}")
    embedded = np.zeros((len(points), 3))
    embedded[:, : layout.dimension] = points
    return embedded, cells


def _box(layout: BoxPlan) -> tuple[np.ndarray, np.ndarray]:
    points = np.stack([axis.ravel() for axis in np.meshgrid(*layout.lines, indexing="ij")], axis=-1)
    counts = [np.arange(n) for n in layout.cells]
    first = np.stack([axis.ravel() for axis in np.meshgrid(*counts, indexing="ij")], axis=-1)
    corners = first[:, None, :] + vtk_nodes(BOX_CELLS[layout.dimension - 1], 1).astype(int)
    return points, np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), tuple(n + 1 for n in layout.cells))
