"""The mesh of a view cut into linear cells, so small that the elements' own polynomials look as they are.

Programs draw these at once and as they are; cells of high order they draw straight or slowly, and leave out where one
node has no value (kappa)."""

from dataclasses import replace
from itertools import product

import basix
import numpy as np
import pyvista
from scipy.spatial import Delaunay

from freqbias.compare.spectra import lagrange_element
from freqbias.compare.view.record import LAWS, View, with_rates
from freqbias.meshes import CELL_TYPES, merge_nodes

PARTS = {1: 4, 2: 2, 3: 1}  # of an edge, for each degree, by dimension; in three, 2 would make files 8 times larger


class LinearCells:
    """Linear cells between the points of an even lattice in each cell of a view.

    frequency: the points (m, d) [cycles/length], each once, ordered by coordinates; cells: (c', corners) of them.
    """

    def __init__(self, view: View) -> None:
        element = lagrange_element(view.cell_type, view.degree)
        parts = PARTS[view.dimension] * view.degree
        lattice = np.asarray(basix.create_lattice(element.cell_type, parts, basix.LatticeType.equispaced, True))
        self._basis = np.asarray(element.tabulate(0, lattice))[0, :, :, 0]
        self._nodes, self._kind = view.cells, CELL_TYPES[view.cell_type].vtk
        self.frequency, points = merge_nodes(self._basis @ view.frequency[view.cells])
        self._first = np.empty(len(self.frequency), dtype=np.int64)
        self._first[points.ravel()] = np.arange(points.size)
        linear = pieces(view.cell_type, lattice)
        self.cells = points[:, linear].reshape(-1, linear.shape[1])

    def at(self, values: np.ndarray) -> np.ndarray:
        """Values at the nodes, (..., n), as the elements have them at these points, (..., m)."""
        inside = values[..., self._nodes] @ self._basis.T
        return np.asarray(inside.reshape(*values.shape[:-1], -1)[..., self._first])

    def grid(self) -> pyvista.UnstructuredGrid:
        """As VTK sees them."""
        points = np.pad(self.frequency, ((0, 0), (0, 3 - self.frequency.shape[1])))
        listed = np.column_stack([np.full(len(self.cells), self.cells.shape[1]), self.cells])
        return pyvista.UnstructuredGrid(listed.ravel(), np.full(len(self.cells), self._kind), points)


def pieces(cell_type: str, lattice: np.ndarray) -> np.ndarray:
    """The linear cells (c, corners) between the points (k, d) of a lattice in the reference cell, by their numbers."""
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
    """`static` on these cells, (m,) each; the rates are those of v there."""
    laws = {name: cells.at(view.static[name]) for name in LAWS}
    if len(view.time) < 2:
        return laws
    ends = {name: cells.at(v[[0, -1]]) for name, v in view.spectra.items()}
    finer = replace(view, time=view.time[[0, -1]], frequency=cells.frequency, spectra=ends, static=laws)
    return dict(with_rates(finer).static)
