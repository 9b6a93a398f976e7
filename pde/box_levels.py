"""The levels of multigrid on box meshes, with coarser cells as well as lower degrees.

A box mesh is the product of its axes, and so are its Lagrange nodes. Along each axis, a coarser level has half the
degree on the same cells, or, from degree 1 on, every second mesh line. Axes whose nodes are much farther apart than
those of others stay as they are, so that all levels have similar distances along all axes. The ends of the plan's
segments stay mesh lines as long as possible, because the laws may jump there. Cells of very unequal sides that lie
beside other cells need more iterations: 14 to 1e-10 at a ratio of 5.

The matrix P of the interpolation is the product of those of the axes. Each rank owns the coarse nodes that belong to
fine nodes of its own.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import basix
import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from freqbias.meshes import BoxPlan
from freqbias.pde.box_cells import BoxCells
from freqbias.pde.forms import LAGRANGE_VARIANT
from freqbias.pde.levels import Level, Nodes, nodes_of

COARSEST = 100  # nodes; a space of this size needs no coarser one
FEWEST = 2  # cells along an axis
SIMILAR = 1.5  # ratio of the distances of nodes up to which both axes are coarsened


@dataclass(frozen=True)
class Axis:
    """The nodes of one axis: a degree on cells between mesh lines. ends: the lines that coarser axes keep, (k,)."""

    lines: np.ndarray
    degree: int
    ends: np.ndarray

    @property
    def nodes(self) -> np.ndarray:
        """The coordinates of the nodes, (cells * degree + 1,)."""
        inner = _reference_nodes(self.degree)[:-1]
        cells = self.lines[:-1, None] + np.diff(self.lines)[:, None] * inner
        return np.append(cells.ravel(), self.lines[-1])

    @property
    def cells(self) -> int:
        return len(self.lines) - 1

    @property
    def spacing(self) -> float:
        """The mean distance of nodes."""
        return float(np.ptp(self.lines)) / (self.cells * self.degree)

    @property
    def divisible(self) -> bool:
        return self.degree > 1 or self.cells > FEWEST

    def coarser(self) -> "Axis":
        """Half the degree, or every second line between two ends, or every second end if there are no other lines."""
        if self.degree > 1:
            return Axis(self.lines, self.degree // 2, self.ends)
        at = np.searchsorted(self.lines, self.ends)
        kept = np.unique(np.concatenate([[*range(first, last, 2), last] for first, last in pairwise(at)]))
        if len(kept) == len(self.lines):
            kept = np.append(kept[:-1:2], kept[-1])
        lines = self.lines[kept]
        return Axis(lines, self.degree, self.ends[np.isin(self.ends, lines)])


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
            every = np.arange(len(fine.nodes))
            return cls(every[:, None], np.ones((len(every), 1)), every)
        x, reference = fine.nodes, _reference_nodes(coarse.degree)
        cell = np.clip(np.searchsorted(coarse.lines, x, side="right") - 1, 0, coarse.cells - 1)
        share = (x - coarse.lines[cell]) / np.diff(coarse.lines)[cell]
        weights = _lagrange_polynomials(reference, share)
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

    def nodes(self, cells: BoxCells, first: int) -> Nodes:
        """Return the nodes of the cells. first: PETSc's global number of this rank's first node. Collective."""
        assert self.numbering is not None
        middles, degrees = cells.corner + cells.sides / 2, [axis.degree for axis in self.axes]
        at = [np.searchsorted(axis.lines, x) - 1 for axis, x in zip(self.axes, middles.T, strict=True)]
        within = np.indices([degree + 1 for degree in degrees]).reshape(cells.dimension, -1).T
        flat = _flat(np.stack(at, axis=1)[:, None] * degrees + within, [len(axis.nodes) for axis in self.axes])
        local = self.numbering.app2petsc(flat.ravel()).reshape(flat.shape) - first
        elsewhere = (local < 0) | (local >= len(self.points))
        ghosts, index = np.unique(local[elsewhere] + first, return_inverse=True)
        local[elsewhere] = len(self.points) + index
        return Nodes(degrees, local, len(self.points), ghosts)

    def destroy(self) -> None:
        if self.numbering is not None:
            self.numbering.destroy()


def box_levels(space: fem.FunctionSpace, plan: BoxPlan, cells: BoxCells) -> list[Level]:
    """Return the levels, from that of `space` to the coarsest. Collective."""
    axes = _axes(plan)
    x = space.tabulate_dof_coordinates()[: space.dofmap.index_map.size_local]
    lattice = _Lattice(axes, np.stack([_nearest(axis.nodes, x[:, i]) for i, axis in enumerate(axes)], axis=1))
    found = [Level(None, nodes_of(space, cells))]
    while (coarse := _coarser(lattice.axes)) is not None:
        lattice, interpolation = _coarse_lattice(space.mesh.comm, coarse, lattice)
        same_cells = all(a.lines is b.lines for a, b in zip(coarse, axes, strict=True))
        first = interpolation.getOwnershipRangeColumn()[0]
        found.append(Level(interpolation, lattice.nodes(cells, first) if same_cells else None))
        lattice.destroy()
    return found


def _axes(plan: BoxPlan) -> list[Axis]:
    axes = []
    for lines, segments in zip(plan.lines, plan.segments, strict=True):
        ends = np.array([0.0, *(end for end, _ in segments)])
        axes.append(Axis(lines, plan.degree, lines[_nearest(lines, np.concatenate([-ends[:0:-1], ends]))]))
    return axes


def _coarser(axes: Sequence[Axis]) -> list[Axis] | None:
    """Return the axes of the next coarser space, or None if no space is coarser."""
    if np.prod([float(len(axis.nodes)) for axis in axes]) <= COARSEST:
        return None
    least = min(axis.spacing for axis in axes if axis.divisible)
    return [axis.coarser() if axis.divisible and axis.spacing <= SIMILAR * least else axis for axis in axes]


def _coarse_lattice(comm: MPI.Comm, axes: list[Axis], fine: _Lattice) -> tuple[_Lattice, PETSc.Mat]:
    """Return the nodes with these axes below finer ones, and the interpolation to these."""
    points, steps = fine.points, [AxisInterpolation.between(*pair) for pair in zip(axes, fine.axes, strict=True)]
    shape = [len(step.partner) for step in steps]
    coarse_of = [np.full(len(step.weights), -1) for step in steps]  # the coarse node of each partner
    for numbers, step in zip(coarse_of, steps, strict=True):
        numbers[step.partner] = np.arange(len(step.partner))
    own = np.stack([numbers[points[:, i]] for i, numbers in enumerate(coarse_of)], axis=1)
    own = own[(own >= 0).all(axis=1)]
    numbering = PETSc.AO().createMemoryScalable(_flat(own, shape), comm=comm)

    columns, weights = np.zeros((len(points), 1), dtype=np.int64), np.ones((len(points), 1))
    for i, step in enumerate(steps):
        width = columns.shape[1] * step.columns.shape[1]
        columns = (columns[:, :, None] * shape[i] + step.columns[points[:, i], None, :]).reshape(len(points), width)
        weights = (weights[:, :, None] * step.weights[points[:, i], None, :]).reshape(len(points), width)
    present = weights != 0
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(PETSc.IntType)
    numbers = numbering.app2petsc(columns[present].astype(PETSc.IntType))
    sizes = (len(points), None), (len(own), None)
    matrix = PETSc.Mat().createAIJ(sizes, csr=(starts, numbers, weights[present]), comm=comm)
    return _Lattice(axes, own, numbering), matrix


def _flat(points: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return the numbers of nodes in lexicographic order, (..., d) -> (...)."""
    flat = np.zeros(points.shape[:-1], dtype=PETSc.IntType)
    for i, count in enumerate(shape):
        flat = flat * count + points[..., i]
    return flat.astype(PETSc.IntType)


def _nearest(nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the index of the node nearest to each x."""
    middles = (nodes[1:] + nodes[:-1]) / 2
    return np.searchsorted(middles, x)


def _reference_nodes(degree: int) -> np.ndarray:
    """Return the nodes of a Lagrange element on [0, 1] in increasing order."""
    element = basix.create_element(basix.ElementFamily.P, basix.CellType.interval, degree, LAGRANGE_VARIANT)
    return np.sort(np.asarray(element.points)[:, 0])


def _lagrange_polynomials(nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the values of the polynomials that are 1 at one node and 0 at the others, (len(x), len(nodes))."""
    factors = [(x[:, None] - np.delete(nodes, k)) / (node - np.delete(nodes, k)) for k, node in enumerate(nodes)]
    return np.stack([each.prod(axis=1) for each in factors], axis=1)
