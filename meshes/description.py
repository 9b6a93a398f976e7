"""A mesh plan as text, and as points and cells for other programs."""

import numpy as np

from freqbias.meshes.box_plan import BoxPlan
from freqbias.meshes.cell_types import BOX_CELLS, CELL_TYPES
from freqbias.meshes.file_plan import FilePlan
from freqbias.meshes.layered_plan import LayeredPlan
from freqbias.meshes.layers import merge_nodes, nodes_and_cells
from freqbias.meshes.node_order import basix_from_vtk, vtk_nodes
from freqbias.meshes.plan import MeshPlan
from freqbias.numerics import Sites
from freqbias.problem import Problem


def describe(problem: Problem, plan: MeshPlan) -> str:
    """Return the properties of a mesh, one per line."""
    unit = f"cycles/{problem.unit}" if problem.unit else "cycles per unit length"
    rows = {
        "cells": cells_in_words(plan),
        "degree": f"{plan.degree} (Lagrange, Gauss-Lobatto points)",
        "dofs": f"{plan.dofs:,}",
        "half-width": ", ".join(f"{r:.6g}" for r in plan.half_width) + f" {unit}",
        "cell size": ", ".join(f"{h:.6g}" for h in plan.size) + f" {unit}",
        "limit of the data": _data_limit(problem.sites, unit),
        "laws": "folded onto the box of the mesh" if plan.folded else "not folded",
    }
    if isinstance(plan, FilePlan):
        rows["left out"] = f"{100 * max(0.0, plan.missing):.2g} % of the integral of the damping"
    return "\n".join(f"{name:<18} {value}" for name, value in rows.items())


def cells_in_words(plan: MeshPlan) -> str:
    """Return the number, the type and the arrangement of the cells as text."""
    cells = CELL_TYPES[plan.cell_type].plural
    match plan:
        case BoxPlan():
            counts = " x ".join(map(str, plan.cells))
            return f"{counts} cells of {cells}, to be refined" if plan.simplices else f"{counts} {cells}"
        case LayeredPlan():
            spheres = ", ".join(f"{radius:.6g}" for radius, _ in plan.layers)
            curved = "" if plan.affine else "curved "
            return f"{plan.cell_count:,} {curved}{cells} in layers around the origin, edges at |xi| = {spheres}"
        case FilePlan():
            return f"{plan.cell_count:,} {cells} from {plan.path}"
    return f"{plan.cell_count:,} {cells}"


def _data_limit(sites: Sites, unit: str) -> str:
    if not np.isfinite(sites.nyquist).all():
        return "none, because the samples are scattered"
    return ", ".join(f"{f:.6g}" for f in sites.nyquist) + f" {unit} (points / (2 extent))"


def vertices(plan: MeshPlan) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of a mesh, (n, 3), and the cells as indices of corners, (c, k).

    The corners of a cell are in VTK's order. Curved edges become straight.
    """
    match plan:
        case BoxPlan():
            points, cells = _box(plan)
            if plan.simplices:
                division = np.array(BOX_CELLS[plan.dimension].box_division)
                cells = cells[:, division].reshape(-1, plan.dimension + 1)
        case LayeredPlan():
            points, cells = nodes_and_cells(plan, vtk_nodes(CELL_TYPES[plan.cell_type], 1))
        case FilePlan():
            corners = np.argsort(basix_from_vtk(CELL_TYPES[plan.cell_type], 1))
            points, cells = merge_nodes(plan.points[plan.cells[:, corners]])
        case _:
            raise TypeError(f"no corners of a {type(plan).__name__}")
    embedded = np.zeros((len(points), 3))
    embedded[:, : plan.dimension] = points
    return embedded, cells


def _box(plan: BoxPlan) -> tuple[np.ndarray, np.ndarray]:
    points = np.stack([axis.ravel() for axis in np.meshgrid(*plan.lines, indexing="ij")], axis=-1)
    counts = [np.arange(n) for n in plan.cells]
    first = np.stack([axis.ravel() for axis in np.meshgrid(*counts, indexing="ij")], axis=-1)
    corners = first[:, None, :] + vtk_nodes(BOX_CELLS[plan.dimension], 1).astype(int)
    return points, np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), tuple(n + 1 for n in plan.cells))
