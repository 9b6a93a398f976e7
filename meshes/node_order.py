"""The order of the nodes in a cell: VTK's order, which meshio also uses, and Basix's order."""

import basix
import numpy as np

from freqbias.meshes.cell_types import CellType


def vtk_nodes(cell: CellType, order: int) -> np.ndarray:
    """Return the nodes of the reference cell in VTK's order, (k, d).

    The corners come first. For order 2, the midpoints of edges, faces and the cell follow.
    """
    corners = np.array(cell.corners, dtype=float)
    if order == 1:
        return corners
    edge_midpoints = np.array([corners[list(edge)].mean(axis=0) for edge in cell.edges])
    inner = np.array(cell.midpoints, dtype=float).reshape(-1, cell.dimension)
    return np.concatenate([corners, edge_midpoints, inner])


def basix_from_vtk(cell: CellType, order: int) -> np.ndarray:
    """Return the permutation, (k,), for which cells[:, permutation] is in Basix's order if cells is in VTK's order.

    cells: the nodes of the cells, (c, k).
    """
    nodes = np.asarray(equispaced_element(cell, order).points)
    return np.linalg.norm(nodes[:, None] - vtk_nodes(cell, order), axis=-1).argmin(axis=1)


def equispaced_element(cell: CellType, order: int) -> basix.finite_element.FiniteElement:
    """Return Basix's Lagrange element with equispaced nodes. The element describes the geometry of a cell."""
    variant = basix.LagrangeVariant.equispaced
    return basix.create_element(basix.ElementFamily.P, basix.CellType[cell.name], order, variant)
