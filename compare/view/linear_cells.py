"""Divide the mesh of a view into linear cells that are small enough to show the polynomials of the elements.

ParaView and VTK draw linear cells fast, but draw cells of high order slowly or with straight edges. In addition, they
leave out a whole cell if one node has no value, and the learning rate kappa has no value at some nodes.
"""

from dataclasses import replace
from itertools import product

import basix
import numpy as np
import pyvista

from freqbias.compare.spectra import lagrange_element
from freqbias.compare.view.record import LAWS, View, with_rates
from freqbias.meshes import CELL_TYPES, merge_nodes

SUBDIVISIONS = {
    1: 4,
    2: 2,
    3: 1,
}  # parts of an edge / degree, by dimension; with 2 in 3-D, files would be 8 times larger


class LinearCells:
    """The elements of a view, each divided evenly into linear cells for drawing.

    frequency: the distinct corners of the linear cells, (m, d) [cycles/length], in the order of `merge_nodes`.
    cells: for each linear cell, the indices of its corners among these points, (cells, corners).
    vtk_type: VTK's number of the type of these cells.
    """

    def __init__(self, view: View) -> None:
        element = lagrange_element(view.cell_type, view.degree)
        parts = SUBDIVISIONS[view.dimension] * view.degree
        lattice = np.asarray(basix.create_lattice(element.cell_type, parts, basix.LatticeType.equispaced, True))
        self._basis = np.asarray(element.tabulate(0, lattice))[0, :, :, 0]
        self._nodes, self.vtk_type = view.cells, CELL_TYPES[view.cell_type].vtk
        self.frequency, points = merge_nodes(self._basis @ view.frequency[view.cells])
        self._first = np.empty(len(self.frequency), dtype=np.int64)
        self._first[points.ravel()] = np.arange(points.size)
        linear = lattice_cells(view.cell_type, lattice)
        self.cells = points[:, linear].reshape(-1, linear.shape[1])

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        """Evaluate the elements at the lattice points. values at the nodes, (..., n) -> (..., m)."""
        on_lattice = values[..., self._nodes] @ self._basis.T
        return np.asarray(on_lattice.reshape(*values.shape[:-1], -1)[..., self._first])

    def grid(self) -> pyvista.UnstructuredGrid:
        """Return the linear cells as a VTK grid without fields."""
        points = np.pad(self.frequency, ((0, 0), (0, 3 - self.frequency.shape[1])))
        sized_cells = np.column_stack([np.full(len(self.cells), self.cells.shape[1]), self.cells])
        return pyvista.UnstructuredGrid(sized_cells.ravel(), np.full(len(self.cells), self.vtk_type), points)


def lattice_cells(cell_type: str, lattice: np.ndarray) -> np.ndarray:
    """Return the linear cells between the lattice points (k, d) of the reference cell, as indices (cells, corners)."""
    from scipy.spatial import Delaunay  # slow to import

    d = lattice.shape[1]
    if CELL_TYPES[cell_type].is_box:
        parts = round(len(lattice) ** (1 / d)) - 1
        ordered = np.lexsort(np.round(lattice, 9).T[::-1]).reshape((parts + 1,) * d)
        firsts = np.array(list(product(range(parts), repeat=d)))
        corners = firsts[:, None] + np.array(CELL_TYPES[cell_type].corners)
        return np.asarray(ordered[tuple(np.moveaxis(corners, -1, 0))])
    simplices = Delaunay(lattice).simplices
    edges = lattice[simplices[:, 1:]] - lattice[simplices[:, :1]]
    return np.asarray(simplices[np.abs(np.linalg.det(edges)) > 1e-9])


def law_fields(view: View, cells: LinearCells) -> dict[str, np.ndarray]:
    """Return the fields `view.static` at the lattice points, (m,) each. Learning rates are computed from v there."""
    laws = {name: cells.evaluate(view.static[name]) for name in LAWS}
    if len(view.time) < 2:
        return laws
    ends = {name: cells.evaluate(v[[0, -1]]) for name, v in view.spectra.items()}
    refined = replace(view, time=view.time[[0, -1]], frequency=cells.frequency, spectra=ends, static=laws)
    return dict(with_rates(refined).static)
