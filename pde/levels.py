"""The levels of multigrid, for meshes of quadrilaterals and hexahedra of any shape.

Each level has half the degree of the next finer one on the same cells. `box_levels` has levels with larger cells too.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from freqbias.pde import forms
from freqbias.pde.cell_products import Cells, lexicographic


@dataclass(frozen=True)
class Nodes:
    """The nodes of this rank's cells on a level.

    degrees: those of the elements along the axes of the cells, (d,). dofs: the numbers of the cells' nodes, (c, n), in
    lexicographic order. The numbers of the nodes that this rank owns come first, then those of the ghosts. owned: the
    number of nodes that this rank owns. ghosts: PETSc's global numbers of the ghosts.
    """

    degrees: Sequence[int]
    dofs: np.ndarray
    owned: int
    ghosts: np.ndarray


@dataclass(frozen=True)
class Level:
    """A level of multigrid.

    interpolation: the matrix P from this level to the next finer one, or None on the finest level. nodes: None if the
    cells of this level are not those of the mesh.
    """

    interpolation: PETSc.Mat | None
    nodes: Nodes | None


def nodes_of(space: fem.FunctionSpace, cells: Cells) -> Nodes:
    """Return the nodes of a space of Lagrange elements on the cells."""
    dofs, order = space.dofmap, lexicographic(space, cells.axes)
    degrees = [space.element.basix_element.degree] * cells.dimension
    owned = dofs.index_map.size_local
    return Nodes(degrees, dofs.list[: cells.count][:, order], owned, dofs.index_map.ghosts)


def degree_levels(space: fem.FunctionSpace, cells: Cells) -> list[Level]:
    """Return the levels, from that of `space` to that of degree 1. Collective."""
    fine, found = space, [Level(None, nodes_of(space, cells))]
    while (degree := fine.element.basix_element.degree) > 1:
        coarse = forms.lagrange(space.mesh, degree // 2)
        found.append(Level(_interpolation(coarse, fine, cells.axes), nodes_of(coarse, cells)))
        fine = coarse
    return found


def _interpolation(coarse: fem.FunctionSpace, fine: fem.FunctionSpace, axes: Sequence[int]) -> PETSc.Mat:
    """Return P. A row has the values of the coarse basis functions of one cell at a fine node of this cell."""
    fine_dofs, coarse_dofs = (
        space.dofmap.list[:, lexicographic(space, axes)] for space in (fine, coarse)
    )  # of all cells, also those of other ranks beside the cells of this rank
    nodes = np.asarray(fine.element.interpolation_points)[lexicographic(fine, axes)]
    element = coarse.element.basix_element
    values = np.asarray(element.tabulate(0, nodes))[0, :, lexicographic(coarse, axes), 0].T
    values[np.abs(values) < 1e-14] = 0.0

    owned = [space.dofmap.index_map.size_local for space in (fine, coarse)]
    dofs, first = np.unique(fine_dofs, return_index=True)
    cell, node = np.divmod(first[dofs < owned[0]], fine_dofs.shape[1])
    present = values[node] != 0
    columns = coarse_dofs[cell][present]
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(PETSc.IntType)
    numbers = coarse.dofmap.index_map.local_to_global(columns.astype(np.int32)).astype(PETSc.IntType)
    sizes = (owned[0], None), (owned[1], None)
    return PETSc.Mat().createAIJ(sizes, csr=(starts, numbers, values[node][present]), comm=fine.mesh.comm)
