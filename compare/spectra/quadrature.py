"""Integrals over the frequency mesh, rebuilt from what a spectrum file holds: its nodes, cells, cell type and degree.

    integral over mesh and box of g(f_h) dxi = sum over cells and points of weight g(sum_k basis_k f_k),

basis the Lagrange basis with Gauss-Lobatto points. The geometry is isoparametric, x = sum_k phi_k X_k with the cell's
own nodes X_k: curved cells count as they are.

A box low_i <= xi_i <= high_i cuts a cell whose edges are parallel to the axes (every interval, the cells of box meshes)
exactly: the quadrature is that of the part inside. A slanted or curved cell is cut at the points of a quadrature of
degree `CUT_DEGREE`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import basix
import numpy as np

CUT_DEGREE = {1: 30, 2: 30, 3: 14}  # by dimension; in three, a cell then has 512 points

Box = tuple[np.ndarray, np.ndarray]


class Block(NamedTuple):
    """Cells of one table: cells (c,), their numbers; basis (Q, k) at the points; weights (c, Q)."""

    cells: np.ndarray
    basis: np.ndarray
    weights: np.ndarray


def lagrange_element(cell_type: str, degree: int) -> basix.finite_element.FiniteElement:
    """The Lagrange element whose nodes a spectrum's cells list; `points` (k, d): these nodes in the reference cell."""
    variant = basix.LagrangeVariant.gll_warped
    return basix.create_element(basix.ElementFamily.P, basix.CellType[cell_type], degree, variant)


class Quadrature:
    """Points and weights in a part of a mesh.

    frequency: the nodes (n, d) [cycles/length]; cells: (c, k), as in `problem.Spectrum`. boxes: parts of frequency
    space, each (low (d,), high (d,)), that do not overlap; None for all of it. crossed: given the nodes (c, k, d) of
    cells, which of them a jump of the integrand crosses, (c,) bool: they get as many points as cells cut by a box.
    extra: what is integrated exactly on straight cells are polynomials of degree 2 degree + extra.
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
        """Where those of (part of) its cells are, (c, Q, d) [cycles/length]."""
        return np.asarray(block.basis @ self.nodes[self.cells[block.cells[part]]])

    def _aligned(self) -> np.ndarray:
        """Which cells are boxes parallel to the axes, their nodes where an affine map puts them; (c,) bool."""
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
        """Cells parallel to the axes: quadrature of the part inside the box, cells with the same part together."""
        if not len(cells):
            return
        points, weights = _quadrature(self.element, degree)
        nodes = self.nodes[self.cells[cells]]
        low, high = nodes.min(axis=1), nodes.max(axis=1)
        start, end = (np.clip((bound - low) / (high - low), 0, 1) for bound in box)
        volume = np.prod(high - low, axis=1)
        # An axis of the mesh may be another one of the reference cell, and run backwards in it.
        edges = np.stack([nodes[:, 2**axis] - nodes[:, 0] for axis in range(low.shape[1])], axis=1)
        along = np.abs(edges).argmax(axis=2)
        backwards = np.take_along_axis(edges, along[:, :, None], axis=2)[:, :, 0] < 0
        start, end = np.take_along_axis(start, along, axis=1), np.take_along_axis(end, along, axis=1)
        start, end = np.where(backwards, 1 - end, start), np.where(backwards, 1 - start, end)
        parts, which = np.unique(np.round(np.stack([start, end], axis=1), 12), axis=0, return_inverse=True)
        for number, (first, last) in enumerate(parts):
            share = np.prod(last - first)
            if share > 0:
                here = np.flatnonzero(which.reshape(-1) == number)
                basis = _tabulate(self.element, first + (last - first) * points)[0]
                yield Block(cells[here], basis, np.outer(volume[here] * share, weights))

    def _slanted(self, cells: np.ndarray, box: Box, degree: int) -> Iterator[Block]:
        """Any other cells: quadrature on the isoparametric cell, points outside the box left out."""
        low, high = box
        nodes = self.nodes[self.cells[cells]]
        whole = ((nodes >= low) & (nodes <= high)).all(axis=(1, 2))
        finest = max(degree, CUT_DEGREE[self.nodes.shape[1]])
        for chosen, its_degree in ((whole, degree), (~whole, finest)):
            if chosen.any():
                points, weights = _quadrature(self.element, its_degree)
                basis, *slopes = _tabulate(self.element, points)
                jacobian = np.stack([slope @ nodes[chosen] for slope in slopes], axis=-1)
                places = basis @ nodes[chosen]
                inside = ((places >= low) & (places <= high)).all(axis=2)
                yield Block(cells[chosen], basis, weights * np.abs(np.linalg.det(jacobian)) * inside)


def _quadrature(element: basix.finite_element.FiniteElement, degree: int) -> tuple[np.ndarray, np.ndarray]:
    points, weights = basix.make_quadrature(element.cell_type, degree)
    return np.asarray(points), np.asarray(weights)


def _tabulate(element: basix.finite_element.FiniteElement, points: np.ndarray) -> np.ndarray:
    """The basis and its derivatives along each reference axis, (1 + d, Q, k)."""
    return np.asarray(element.tabulate(1, points))[..., 0]
