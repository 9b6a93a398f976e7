"""The table of cell types against the libraries whose names and numbers it holds."""

import basix
import meshio
import numpy as np
import pytest
import pyvista

from freqbias.meshes.cell_types import BOX_CELLS, CELL_TYPES, SIMPLEX_CELLS
from freqbias.meshes.node_order import basix_from_vtk, equispaced_element, vtk_nodes

VTK = {"interval": "CURVE", "triangle": "TRIANGLE", "quadrilateral": "QUADRILATERAL"}
VTK |= {"tetrahedron": "TETRAHEDRON", "hexahedron": "HEXAHEDRON"}
each_cell = pytest.mark.parametrize("cell", CELL_TYPES.values(), ids=CELL_TYPES)


@each_cell
def test_vtk_numbers(cell):
    short = {"CURVE": "LINE", "QUADRILATERAL": "QUAD", "TETRAHEDRON": "TETRA"}.get(VTK[cell.name], VTK[cell.name])
    assert cell.vtk == pyvista.CellType[short]
    assert cell.vtk_lagrange == pyvista.CellType[f"LAGRANGE_{VTK[cell.name]}"]


@each_cell
@pytest.mark.parametrize("order", [1, 2])
def test_node_order(cell, order):
    """The table's nodes are those of Basix's element, in another order; meshio counts as many."""
    element = equispaced_element(cell, order)
    np.testing.assert_allclose(vtk_nodes(cell, order)[basix_from_vtk(cell, order)], element.points, atol=1e-15)
    assert len(element.points) == cell.nodes(order) == meshio._mesh.num_nodes_per_cell[cell.meshio[order - 1]]


@each_cell
def test_edges(cell):
    edges = basix.topology(basix.CellType[cell.name])[1]
    order = basix_from_vtk(cell, 1)
    assert {frozenset(order[list(edge)]) for edge in edges} == {frozenset(edge) for edge in cell.edges}


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_box_division(dimension):
    """The simplices have positive volumes, which add up to 1."""
    corners = np.array(BOX_CELLS[dimension].corners, dtype=float)
    simplices = corners[np.array(BOX_CELLS[dimension].box_division)]
    assert simplices.shape[1] == len(SIMPLEX_CELLS[dimension].corners)
    volumes = np.linalg.det(simplices[:, 1:] - simplices[:, :1]) / [1, 1, 2, 6][dimension]
    assert (volumes > 0).all()
    assert volumes.sum() == pytest.approx(1)
