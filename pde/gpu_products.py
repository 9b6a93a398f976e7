"""Products with the matrix A_h of the data operator on a GPU, with CuPy: the formulas of `freqbias.pde.cell_products`.

In the code, xp is the module of the arrays: CuPy, or NumPy in tests. Vectors have real and imaginary parts along an
axis of their own, because the tables are real.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from typing import Any, Protocol

import numpy as np

from freqbias.pde.cell_products import Cells, lagrange_basis, point_slopes


class OnCells(Protocol):
    """A matrix sum_c A_c, with one matrix for each cell."""

    def apply(self, v: Any) -> Any:
        """Return A_c v for values at the cells' nodes, (c, n, 2) -> (c, n, 2)."""


class Gathered:
    """The product with sum_c P_c^T A_c P_c, where P_c selects the nodes of cell c.

    dofs: the numbers of the cells' nodes, (c, n). size: the number of nodes.
    """

    def __init__(self, matrices: OnCells, dofs: np.ndarray, size: int, xp: Any) -> None:
        self._matrices, self._size, self._xp = matrices, size, xp
        self._dofs = xp.asarray(dofs)

    def apply(self, v: Any) -> Any:
        """(size,) complex -> (size,) complex. Sums on a GPU may differ in the last bit from call to call."""
        total = self._xp.zeros((self._size, 2))
        if self._dofs.size:  # a rank may have no cells
            self._xp.add.at(total, self._dofs, self._matrices.apply(v.view(float).reshape(-1, 2)[self._dofs]))
        return total.view(complex)[:, 0]


class FactorisedCells:
    """A_h by sum factorisation, for the degree p and the nodes in lexicographic order.

    With the values at the quadrature points and the factors of `Cells.terms`,  A_c v = Phi^T sum D_k^T f_kl D_l Phi v.
    """

    def __init__(self, cells: Cells, degree: int, xp: Any) -> None:
        self._xp, self._axes, points = xp, range(2, 2 + cells.dimension), (len(cells.t),) * cells.dimension
        self._nodes = (degree + 1,) * cells.dimension
        self._basis, self._slopes = xp.asarray(lagrange_basis(degree, cells.t)), xp.asarray(point_slopes(cells.t))
        self._terms = []
        for factor, derivatives in cells.terms(mass=0.0, stiffness=1.0):
            on_cells = factor.swapaxes(1, 2).reshape(-1, factor.shape[1])[: cells.count]
            self._terms.append((xp.asarray(on_cells.reshape(-1, 1, *points)), derivatives))

    def apply(self, v: Any) -> Any:
        values = self._xp.moveaxis(v, 2, 1).reshape(len(v), 2, *self._nodes)
        for axis in self._axes:
            values = self._along(self._basis, values, axis)
        total = self._xp.zeros_like(values)
        for factor, derivatives in self._terms:
            if derivatives is None:
                total += factor * values
            else:
                k, l = derivatives  # noqa: E741  # the names of the formula
                total += self._along(self._slopes.T, factor * self._along(self._slopes, values, 2 + l), 2 + k)
        for axis in self._axes:
            total = self._along(self._basis.T, total, axis)
        return self._xp.moveaxis(total.reshape(len(v), 2, -1), 1, 2)

    def _along(self, table: Any, values: Any, axis: int) -> Any:
        """Return sum_i table_qi values_..i.. along an axis."""
        return self._xp.moveaxis(self._xp.tensordot(values, table, axes=(axis, 1)), -1, axis)


class DenseCells:
    """A dense matrix for each cell, (c, n, n)."""

    def __init__(self, matrices: np.ndarray, xp: Any) -> None:
        self._matrices = xp.asarray(matrices)

    def apply(self, v: Any) -> Any:
        return self._matrices @ v
