"""The mesh of a view cut into linear cells between neighbouring nodes, with the same values at the nodes.

Programs draw these at once and as they are; cells of high order they draw straight or slowly, and leave out where one
node has no value (kappa)."""

from itertools import product

import numpy as np
import pyvista
from scipy.spatial import Delaunay

from compare.quadrature import lagrange_element
from compare.view import View

CORNERS = {  # of a linear cell in VTK's order
    "interval": [(0,), (1,)],
    "quadrilateral": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "hexahedron": [(*corner, level) for level in (0, 1) for corner in ((0, 0), (1, 0), (1, 1), (0, 1))],
}
VTK_LINEAR = {
    "interval": pyvista.CellType.LINE,
    "triangle": pyvista.CellType.TRIANGLE,
    "quadrilateral": pyvista.CellType.QUAD,
    "tetrahedron": pyvista.CellType.TETRA,
    "hexahedron": pyvista.CellType.HEXAHEDRON,
}


def linear_grid(view: View) -> pyvista.UnstructuredGrid:
    """The nodes of the mesh, and linear cells between them."""
    inside = pieces(view.cell_type, view.degree)
    cells = view.cells[:, inside].reshape(-1, inside.shape[1])
    points = np.zeros((len(view.frequency), 3))
    points[:, : view.dimension] = view.frequency
    listed = np.column_stack([np.full(len(cells), cells.shape[1]), cells])
    return pyvista.UnstructuredGrid(listed.ravel(), np.full(len(cells), VTK_LINEAR[view.cell_type]), points)


def pieces(cell_type: str, degree: int) -> np.ndarray:
    """The linear cells (m, corners) between the nodes of the Lagrange element, by its numbers of the nodes."""
    nodes = np.asarray(lagrange_element(cell_type, degree).points)
    if cell_type in CORNERS:
        lattice = np.lexsort(np.round(nodes, 9).T[::-1]).reshape((degree + 1,) * nodes.shape[1])
        firsts = np.array(list(product(range(degree), repeat=nodes.shape[1])))
        corners = firsts[:, None] + np.array(CORNERS[cell_type])
        return np.asarray(lattice[tuple(np.moveaxis(corners, -1, 0))])
    simplices = Delaunay(nodes).simplices
    edges = nodes[simplices[:, 1:]] - nodes[simplices[:, :1]]
    return np.asarray(simplices[np.abs(np.linalg.det(edges)) > 1e-9])
