"""The order of the nodes of a cell: VTK's, which meshio keeps, against Basix's."""

import basix
import numpy as np

SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
CUBE = [(*corner, z) for z in (0, 1) for corner in SQUARE]
CORNERS = {
    "interval": [(0,), (1,)],
    "triangle": [(0, 0), (1, 0), (0, 1)],
    "quadrilateral": SQUARE,
    "tetrahedron": [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)],
    "hexahedron": CUBE,
}
AROUND = [(0, 1), (1, 2), (2, 3), (3, 0)]
EDGES = {
    "interval": [(0, 1)],
    "triangle": [(0, 1), (1, 2), (2, 0)],
    "quadrilateral": AROUND,
    "tetrahedron": [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)],
    "hexahedron": [*AROUND, *((a + 4, b + 4) for a, b in AROUND), *((a, a + 4) for a in range(4))],
}
MIDDLES = {  # of faces and cell, for order 2
    "quadrilateral": [(0.5, 0.5)],
    "hexahedron": [
        (0, 0.5, 0.5),
        (1, 0.5, 0.5),
        (0.5, 0, 0.5),
        (0.5, 1, 0.5),
        (0.5, 0.5, 0),
        (0.5, 0.5, 1),
        (0.5,) * 3,
    ],
}


def vtk_nodes(cell_type: str, order: int) -> np.ndarray:
    """The nodes (k, d) of the reference cell in VTK's order; order 1 or 2."""
    corners = np.array(CORNERS[cell_type], dtype=float)
    if order == 1:
        return corners
    middles = [corners[list(edge)].mean(axis=0) for edge in EDGES[cell_type]]
    inner = np.array(MIDDLES.get(cell_type, []), dtype=float).reshape(-1, corners.shape[1])
    return np.concatenate([corners, np.array(middles), inner])


def from_vtk(cell_type: str, order: int) -> np.ndarray:
    """cells[:, from_vtk(...)] has Basix's order where cells (c, k) has VTK's."""
    kind, variant = basix.CellType[cell_type], basix.LagrangeVariant.equispaced
    ours = np.asarray(basix.create_element(basix.ElementFamily.P, kind, order, variant).points)
    return np.linalg.norm(ours[:, None] - vtk_nodes(cell_type, order), axis=-1).argmin(axis=1)
