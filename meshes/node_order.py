"""The order of the nodes in a cell: VTK's, which meshio keeps, and Basix's."""

import basix
import numpy as np

from freqbias.meshes.cell_types import CellType


def vtk_nodes(cell: CellType, order: int) -> np.ndarray:
    """Nodes (k, d) of the reference cell in VTK's order: corners, then for order 2 edge, face and cell midpoints."""
    corners = np.array(cell.corners, dtype=float)
    if order == 1:
        return corners
    edge_midpoints = np.array([corners[list(edge)].mean(axis=0) for edge in cell.edges])
    inner = np.array(cell.midpoints, dtype=float).reshape(-1, cell.dimension)
    return np.concatenate([corners, edge_midpoints, inner])


def basix_from_vtk(cell: CellType, order: int) -> np.ndarray:
    """Permutation (k,): where cells (c, k) has VTK's order, cells[:, permutation] has Basix's."""
    nodes = np.asarray(equispaced_element(cell, order).points)
    return np.linalg.norm(nodes[:, None] - vtk_nodes(cell, order), axis=-1).argmin(axis=1)


def equispaced_element(cell: CellType, order: int) -> basix.finite_element.FiniteElement:
    """Basix's Lagrange element with equispaced nodes, which describes the geometry of a cell."""
    variant = basix.LagrangeVariant.equispaced
    return basix.create_element(basix.ElementFamily.P, basix.CellType[cell.name], order, variant)
