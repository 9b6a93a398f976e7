"""Integrals over the frequency mesh, which is rebuilt from the nodes, cells, cell type and degree in a spectrum file:

    integral over mesh and box of g(f_h) dxi = sum over cells and points of weight g(sum_k basis_k f_k)

basis is the Lagrange basis with Gauss-Lobatto points. The geometry is isoparametric: a point of a cell is
xi = sum_k basis_k X_k, where X_k are the nodes of the cell. So the quadrature respects the shape of curved cells.

A box low_i <= xi_i <= high_i may cut cells. In a cell with edges parallel to the axes, the quadrature covers exactly
the part inside the box. Every interval and every cell of a box mesh has edges parallel to the axes. In all other cells
that the box cuts, the points of a quadrature of degree `CUT_DEGREE` are used, without the points outside the box.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import basix
import numpy as np

CUT_DEGREE = {1: 30, 2: 30, 3: 14}  # by dimension; a hexahedron then has 512 points

Box = tuple[np.ndarray, np.ndarray]


class Block(NamedTuple):
    """Cells that use the same quadrature points of the reference cell.

    cells (c,): the indices of the cells. basis (Q, k): the basis at the points. weights (c, Q).
    """

    cells: np.ndarray
    basis: np.ndarray
    weights: np.ndarray


def lagrange_element(cell_type: str, degree: int) -> basix.finite_element.FiniteElement:
    """Return the Lagrange element of a mesh. `points` (k, d) of the element are the nodes of the reference cell."""
    variant = basix.LagrangeVariant.gll_warped
    return basix.create_element(basix.ElementFamily.P, basix.CellType[cell_type], degree, variant)


class Quadrature:
    """Quadrature points and weights on a mesh, or on the part of a mesh inside boxes.

    frequency: the nodes (n, d) [cycles/length]. cells (c, k), cell_type, degree: see `problem.Spectrum`.
    boxes: boxes (low (d,), high (d,)) that do not overlap; None for the whole mesh.
    extra: on straight cells, the rule is exact for polynomials up to the degree `2 * degree + extra`.
    crossed: a function. It takes the nodes of c cells, (c, k, d), and returns True for each cell in which the integrand
    jumps, (c,) bool. The rule in these cells has as many points as in a cell that a box cuts.
    """

    def __init__(
        self,
        frequency: np.ndarray,
        cells: np.ndarray,
        cell_type: str,
        degree: int,
        *,
        boxes: Sequence[Box] | None = None,
        extra: int = 0,
        crossed: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.element = lagrange_element(cell_type, degree)
        self.nodes, self.cells = frequency, cells
        dimension = frequency.shape[1]
        everywhere = (np.full(dimension, -np.inf), np.full(dimension, np.inf))
        aligned = self._aligned()
        crossing = np.zeros(len(cells), dtype=bool) if crossed is None else crossed(frequency[cells])
        self.blocks = [
            block
            for box in boxes or [everywhere]
            for chosen, finest in ((~crossing, 0), (crossing, CUT_DEGREE[dimension]))
            for block in (
                *self._straight(np.flatnonzero(aligned & chosen), box, max(2 * degree + extra, finest)),
                *self._slanted(np.flatnonzero(~aligned & chosen), box, max(2 * degree + 4 + extra, finest)),
            )
        ]

    def points(self, block: Block, part: slice = slice(None)) -> np.ndarray:
        """Return the quadrature points of a block, or of a part of its cells, (c, Q, d) [cycles/length]."""
        return np.asarray(block.basis @ self.nodes[self.cells[block.cells[part]]])

    def _aligned(self) -> np.ndarray:
        """Return which cells are affine images of the reference cell with edges parallel to the axes, (c,) bool."""
        reference = np.asarray(self.element.points)
        dimension = reference.shape[1]
        if len(basix.topology(self.element.cell_type)[0]) != 2**dimension:
            return np.zeros(len(self.cells), dtype=bool)
        nodes = self.nodes[self.cells]
        low, edges = nodes[:, 0], np.stack([nodes[:, 2**axis] - nodes[:, 0] for axis in range(dimension)], axis=1)
        size = np.abs(edges).max(axis=(1, 2))
        affine = np.abs(low[:, None] + reference @ edges - nodes).max(axis=(1, 2)) <= 1e-9 * size
        parallel = np.sum(np.abs(edges) > 1e-9 * size[:, None, None], axis=(1, 2)) == dimension
        return affine & parallel

    def _straight(self, cells: np.ndarray, box: Box, degree: int) -> Iterator[Block]:
        """Yield blocks of cells parallel to the axes. In a block, the same part of each cell is inside the box."""
        if not len(cells):
            return
        points, weights = _quadrature(self.element, degree)
        nodes = self.nodes[self.cells[cells]]
        low, high = nodes.min(axis=1), nodes.max(axis=1)
        start, end = (np.clip((bound - low) / (high - low), 0, 1) for bound in box)
        volume = np.prod(high - low, axis=1)
        # The axes of the reference cell may have another order or direction than the axes of the mesh.
        edges = np.stack([nodes[:, 2**axis] - nodes[:, 0] for axis in range(low.shape[1])], axis=1)
        along = np.abs(edges).argmax(axis=2)
        backwards = np.take_along_axis(edges, along[:, :, None], axis=2)[:, :, 0] < 0
        start, end = np.take_along_axis(start, along, axis=1), np.take_along_axis(end, along, axis=1)
        start, end = np.where(backwards, 1 - end, start), np.where(backwards, 1 - start, end)
        parts, which = np.unique(np.round(np.stack([start, end], axis=1), 12), axis=0, return_inverse=True)
        for number, (first, last) in enumerate(parts):
            fraction = np.prod(last - first)
            if fraction > 0:
                chosen = np.flatnonzero(which.reshape(-1) == number)
                basis = _tabulate(self.element, first + (last - first) * points)[0]
                yield Block(cells[chosen], basis, np.outer(volume[chosen] * fraction, weights))

    def _slanted(self, cells: np.ndarray, box: Box, degree: int) -> Iterator[Block]:
        """Yield blocks of all other cells, with the isoparametric map. Points outside the box have weight 0."""
        low, high = box
        nodes = self.nodes[self.cells[cells]]
        whole = ((nodes >= low) & (nodes <= high)).all(axis=(1, 2))
        finest = max(degree, CUT_DEGREE[self.nodes.shape[1]])
        for chosen, quadrature_degree in ((whole, degree), (~whole, finest)):
            if chosen.any():
                points, weights = _quadrature(self.element, quadrature_degree)
                basis, *derivatives = _tabulate(self.element, points)
                jacobian = np.stack([derivative @ nodes[chosen] for derivative in derivatives], axis=-1)
                xi = basis @ nodes[chosen]
                inside = ((xi >= low) & (xi <= high)).all(axis=2)
                yield Block(cells[chosen], basis, weights * np.abs(np.linalg.det(jacobian)) * inside)


def _quadrature(element: basix.finite_element.FiniteElement, degree: int) -> tuple[np.ndarray, np.ndarray]:
    points, weights = basix.make_quadrature(element.cell_type, degree)
    return np.asarray(points), np.asarray(weights)


def _tabulate(element: basix.finite_element.FiniteElement, points: np.ndarray) -> np.ndarray:
    """Return the basis and the derivatives of the basis along each axis of the reference cell, (1 + d, Q, k)."""
    return np.asarray(element.tabulate(1, points))[..., 0]
