"""The L2 norm of the frequency mesh, rebuilt from what a spectrum file holds: its nodes, cells, cell type and degree.

    ||f||^2 = integral over mesh and box of |f_h|^2 dxi,    f_h = sum_i f_i phi_i,

phi_i the Lagrange basis with Gauss-Lobatto points: f^H M f with the mass matrix M of the part of the mesh inside the
box. The geometry is isoparametric, x = sum_k phi_k X_k with the cell's own nodes X_k: curved cells count as they are.

The box |xi_i| <= limit_i cuts a cell whose edges are parallel to the axes (every interval, the cells of box meshes)
exactly: the quadrature is that of the part inside. A slanted or curved cell is cut at the points of a quadrature of
degree `CUT_DEGREE`.
"""

from collections.abc import Iterator

import basix
import numpy as np

CUT_DEGREE = 30
_ENTRIES = 2**22  # complex numbers held at once while a norm is computed: 64 MiB


def lagrange_element(cell_type: str, degree: int) -> basix.finite_element.FiniteElement:
    """The Lagrange element whose nodes a spectrum's cells list; `points` (k, d): these nodes in the reference cell."""
    variant = basix.LagrangeVariant.gll_warped
    return basix.create_element(basix.ElementFamily.P, basix.CellType[cell_type], degree, variant)


class MassNorm:
    """||f|| for f on the nodes of a mesh, within |xi_i| <= limit_i.

    frequency: the nodes (n, d) [cycles/length]; cells: (c, k), as in `problem.Spectrum`; limit: (d,) [cycles/length],
    None for no cut.
    """

    def __init__(
        self, frequency: np.ndarray, cells: np.ndarray, cell_type: str, degree: int, *, limit: np.ndarray | None = None
    ) -> None:
        self._element = lagrange_element(cell_type, degree)
        self._cells = cells
        self._nodes = frequency
        bounds = np.full(frequency.shape[1], np.inf) if limit is None else np.asarray(limit, dtype=float)
        aligned = self._aligned()
        # cells (c,), basis (Q, k), weights (c, Q): the norm squared is the sum of weights |sum_k basis f_k|^2
        self._blocks = [
            *self._straight(np.flatnonzero(aligned), bounds),
            *self._slanted(np.flatnonzero(~aligned), bounds),
        ]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """||f|| for real or complex values (..., n) on the nodes; shape (...)."""
        rows = values.reshape(-1, values.shape[-1])
        squares = np.zeros(len(rows))
        for cells, basis, weights in self._blocks:
            chunk = max(1, _ENTRIES // basis.size)
            for first in range(0, len(cells), chunk):
                part = slice(first, first + chunk)
                nodes = self._cells[cells[part]]
                for i, row in enumerate(rows):
                    squares[i] += np.sum(weights[part] * np.abs(row[nodes] @ basis.T) ** 2)
        return np.sqrt(squares).reshape(values.shape[:-1])

    def _aligned(self) -> np.ndarray:
        """Which cells are boxes parallel to the axes, their nodes where an affine map puts them; (c,) bool."""
        reference = np.asarray(self._element.points)
        dimension = reference.shape[1]
        if len(basix.topology(self._element.cell_type)[0]) != 2**dimension:
            return np.zeros(len(self._cells), dtype=bool)
        nodes = self._nodes[self._cells]
        low, edges = nodes[:, 0], np.stack([nodes[:, 2**axis] - nodes[:, 0] for axis in range(dimension)], axis=1)
        size = np.abs(edges).max(axis=(1, 2))
        affine = np.abs(low[:, None] + reference @ edges - nodes).max(axis=(1, 2)) <= 1e-9 * size
        parallel = np.sum(np.abs(edges) > 1e-9 * size[:, None, None], axis=(1, 2)) == dimension
        return affine & parallel

    def _straight(self, cells: np.ndarray, bounds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Cells parallel to the axes: quadrature of the part inside the box, cells with the same part together."""
        if not len(cells):
            return
        points, weights = _quadrature(self._element, 2 * self._element.degree)
        nodes = self._nodes[self._cells[cells]]
        low, high = nodes.min(axis=1), nodes.max(axis=1)
        start, end = np.clip((-bounds - low) / (high - low), 0, 1), np.clip((bounds - low) / (high - low), 0, 1)
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
                yield (
                    cells[here],
                    _tabulate(self._element, first + (last - first) * points)[0],
                    np.outer(volume[here] * share, weights),
                )

    def _slanted(self, cells: np.ndarray, bounds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Any other cells: quadrature on the isoparametric cell, points outside the box left out."""
        reach = np.abs(self._nodes[self._cells[cells]])
        whole = (reach <= bounds).all(axis=(1, 2))
        for chosen, degree in ((cells[whole], 2 * self._element.degree + 4), (cells[~whole], CUT_DEGREE)):
            if len(chosen):
                points, weights = _quadrature(self._element, degree)
                basis, *slopes = _tabulate(self._element, points)
                nodes = self._nodes[self._cells[chosen]]
                jacobian = np.stack([slope @ nodes for slope in slopes], axis=-1)
                inside = (np.abs(basis @ nodes) <= bounds).all(axis=2)
                yield chosen, basis, weights * np.abs(np.linalg.det(jacobian)) * inside


def _quadrature(element: basix.finite_element.FiniteElement, degree: int) -> tuple[np.ndarray, np.ndarray]:
    points, weights = basix.make_quadrature(element.cell_type, degree)
    return np.asarray(points), np.asarray(weights)


def _tabulate(element: basix.finite_element.FiniteElement, points: np.ndarray) -> np.ndarray:
    """The basis and its derivatives along each reference axis, (1 + d, Q, k)."""
    return np.asarray(element.tabulate(1, points))[..., 0]
