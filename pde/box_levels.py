"""The levels of multigrid on box meshes, with larger cells as well as lower degrees. See `axes` for their choice.

A box mesh is the product of its axes, and so are its Lagrange nodes. Below the levels that have the cells of the mesh,
the matrix P of the interpolation is the product of those of the axes. Each rank owns the coarse nodes that belong to
fine nodes of its own.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from freqbias.meshes import BoxPlan
from freqbias.pde.axes import Axis, levels_of, nearest
from freqbias.pde.box_cells import BoxCells
from freqbias.pde.cell_products import lagrange_basis, lagrange_nodes
from freqbias.pde.levels import CellLevel


@dataclass(frozen=True)
class AxisInterpolation:
    """The interpolation along one axis, n fine and m coarse nodes.

    columns, weights: of each fine node, (n, k): its coarse nodes and their shares, 0 where there are fewer than k.
    partner: a fine node for each coarse one, all different, (m,).
    """

    columns: np.ndarray
    weights: np.ndarray
    partner: np.ndarray

    @classmethod
    def between(cls, coarse: Axis, fine: Axis) -> "AxisInterpolation":
        if coarse is fine:
            every = np.arange(fine.count)
            return cls(every[:, None], np.ones((len(every), 1)), every)
        x = _coordinates(fine)
        cell = np.clip(np.searchsorted(coarse.lines, x, side="right") - 1, 0, coarse.cells - 1)
        share = (x - coarse.lines[cell]) / np.diff(coarse.lines)[cell]
        weights = lagrange_basis(coarse.degree, share)
        weights[np.abs(weights) < 1e-14] = 0.0
        columns = cell[:, None] * coarse.degree + np.arange(coarse.degree + 1)
        if coarse.degree == fine.degree:
            partner = np.searchsorted(fine.lines, coarse.lines)
        else:
            within = np.arange(coarse.degree) * fine.degree // coarse.degree
            partner = np.append((np.arange(coarse.cells)[:, None] * fine.degree + within).ravel(), len(x) - 1)
        return cls(columns, weights, partner)


@dataclass(frozen=True)
class _Lattice:
    """The nodes of a level as points of a lattice.

    points: the nodes of this rank, by their numbers along the axes, (n_local, d). numbering: from the nodes of the
    whole box, in lexicographic order, to PETSc's global numbers, or None on the finest level.
    """

    axes: list[Axis]
    points: np.ndarray
    numbering: PETSc.AO | None = None

    def below(self, axes: list[Axis], steps: Sequence[AxisInterpolation], comm: MPI.Comm) -> "_Lattice":
        """Return the level with these axes. Collective."""
        coarse_of = [np.full(len(step.weights), -1) for step in steps]  # the coarse node of each partner
        for numbers, step in zip(coarse_of, steps, strict=True):
            numbers[step.partner] = np.arange(len(step.partner))
        own = np.stack([numbers[self.points[:, i]] for i, numbers in enumerate(coarse_of)], axis=1)
        own = own[(own >= 0).all(axis=1)]
        return _Lattice(axes, own, PETSc.AO().createMemoryScalable(_flat(own, axes), comm=comm))

    def on_cells(self, cells: BoxCells, comm: MPI.Comm) -> CellLevel:
        """Return the level with the cells of the mesh. Collective."""
        assert self.numbering is not None
        middles, degrees = cells.corner + cells.sides / 2, [axis.degree for axis in self.axes]
        at = [np.searchsorted(axis.lines, x) - 1 for axis, x in zip(self.axes, middles.T, strict=True)]
        within = np.indices([degree + 1 for degree in degrees]).reshape(cells.dimension, -1).T
        flat = _flat(np.stack(at, axis=1)[:, None] * degrees + within, self.axes)
        owned = len(self.points)
        first = sum(comm.allgather(owned)[: comm.rank])  # PETSc's global number of the first node
        local = self.numbering.app2petsc(flat.ravel()).reshape(flat.shape) - first
        elsewhere = (local < 0) | (local >= owned)
        ghosts, index = np.unique(local[elsewhere] + first, return_inverse=True)
        local[elsewhere] = owned + index
        return CellLevel(cells, degrees, local, owned, ghosts, comm)

    def destroy(self) -> None:
        if self.numbering is not None:
            self.numbering.destroy()


def box_levels(space: fem.FunctionSpace, plan: BoxPlan, cells: BoxCells) -> tuple[list[CellLevel], list[PETSc.Mat]]:
    """Return the levels that have the cells of the mesh, and P to each of them and to each level below. Collective.

    Both are in the order from the finest to the coarsest level. P is that from the next coarser level.
    """
    comm, (axes, *coarser) = space.mesh.comm, levels_of(plan)
    x = space.tabulate_dof_coordinates()[: space.dofmap.index_map.size_local]
    points = np.stack([nearest(_coordinates(axis), x[:, i]) for i, axis in enumerate(axes)], axis=1)
    lattice, levels, interpolations = _Lattice(axes, points), [CellLevel.of(space, cells)], []
    for coarse in coarser:
        steps = [AxisInterpolation.between(*pair) for pair in zip(coarse, lattice.axes, strict=True)]
        below = lattice.below(coarse, steps, comm)
        if all(a.lines is b.lines for a, b in zip(coarse, axes, strict=True)):
            levels.append(below.on_cells(cells, comm))
            interpolations.append(levels[-1].interpolation_to(levels[-2]))
        else:
            interpolations.append(_interpolation(lattice, below, steps, comm))
        lattice.destroy()
        lattice = below
    lattice.destroy()
    return levels, interpolations


def _interpolation(fine: _Lattice, coarse: _Lattice, steps: Sequence[AxisInterpolation], comm: MPI.Comm) -> PETSc.Mat:
    """Return P as an assembled matrix."""
    points, shape = fine.points, [axis.count for axis in coarse.axes]
    columns, weights = np.zeros((len(points), 1), dtype=PETSc.IntType), np.ones((len(points), 1))
    for i, step in enumerate(steps):
        width = columns.shape[1] * step.columns.shape[1]
        columns = (columns[:, :, None] * shape[i] + step.columns[points[:, i], None, :]).reshape(len(points), width)
        weights = (weights[:, :, None] * step.weights[points[:, i], None, :]).reshape(len(points), width)
    present = weights != 0
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(PETSc.IntType)
    assert coarse.numbering is not None
    numbers = coarse.numbering.app2petsc(columns[present].astype(PETSc.IntType))
    sizes = (len(points), None), (len(coarse.points), None)
    return PETSc.Mat().createAIJ(sizes, csr=(starts, numbers, weights[present]), comm=comm)


def _flat(points: np.ndarray, axes: Sequence[Axis]) -> np.ndarray:
    """Return the numbers of nodes in lexicographic order, (..., d) -> (...)."""
    flat = np.zeros(points.shape[:-1], dtype=np.int64)
    for i, axis in enumerate(axes):
        flat = flat * axis.count + points[..., i]
    return flat.astype(PETSc.IntType)


def _coordinates(axis: Axis) -> np.ndarray:
    """Return the coordinates of the nodes of an axis, (n,)."""
    cells = axis.lines[:-1, None] + np.diff(axis.lines)[:, None] * lagrange_nodes(axis.degree)[:-1]
    return np.append(cells.ravel(), axis.lines[-1])
