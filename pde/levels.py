"""The levels of multigrid that have the cells of the mesh, which are quadrilaterals or hexahedra of any shape.

Each level has half the degree of the next finer one. `box_levels` has levels with larger cells too.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Sequence

import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from freqbias.pde import forms
from freqbias.pde.cell_products import CellInterpolation, CellProducts, Cells, lexicographic


class CellLevel:
    """A level on this rank's cells, whose nodes are distributed. All methods are collective.

    degrees: those of the elements along the axes of the cells, (d,). dofs: the numbers of the cells' nodes, (c, n), in
    lexicographic order. The numbers of the nodes that this rank owns come first, then those of the ghosts. owned: the
    number of nodes that this rank owns. ghosts: PETSc's global numbers of the ghosts.
    """

    def __init__(
        self, cells: Cells, degrees: Sequence[int], dofs: np.ndarray, owned: int, ghosts: np.ndarray, comm: MPI.Comm
    ) -> None:
        self.products, self.owned, self.comm = CellProducts(cells, degrees, dofs), owned, comm
        self._local_right, self._local_result = np.zeros((2, owned + len(ghosts)))
        self._right, self._result = (
            PETSc.Vec().createGhostWithArray(ghosts.astype(PETSc.IntType), values, size=(owned, None), comm=comm)
            for values in (self._local_right, self._local_result)
        )

    @classmethod
    def of(cls, space: fem.FunctionSpace, cells: Cells) -> "CellLevel":
        """Return the level of a space of Lagrange elements."""
        index_map, order = space.dofmap.index_map, lexicographic(space, cells.axes)
        degrees, dofs = [space.element.basix_element.degree] * cells.dimension, space.dofmap.list[: cells.count]
        return cls(cells, degrees, dofs[:, order], index_map.size_local, index_map.ghosts, space.mesh.comm)

    def with_ghosts(self, v: np.ndarray) -> np.ndarray:
        """Return v (n_local,) followed by the values of the ghosts. The result is valid until the next call."""
        if self.comm.size == 1:
            return np.ascontiguousarray(v)
        self._local_right[: self.owned] = v
        self._right.ghostUpdate(PETSc.InsertMode.INSERT, PETSc.ScatterMode.FORWARD)
        return self._local_right

    def without_ghosts(self, v: np.ndarray) -> np.ndarray:
        """Return v (n_local,) followed by zeros. The result is valid until the next call."""
        self._local_right[: self.owned], self._local_right[self.owned :] = v, 0.0
        return self._local_right

    def zeros(self) -> np.ndarray:
        """Return zeros for owned nodes and ghosts, for `summed`."""
        self._local_result[:] = 0.0
        return self._local_result

    def summed(self) -> np.ndarray:
        """Add what was written for ghosts, and return the values, (n_local,), which are valid until the next call."""
        self._result.ghostUpdate(PETSc.InsertMode.ADD, PETSc.ScatterMode.REVERSE)
        return self._local_result[: self.owned]

    def multiply(self, v: np.ndarray, *, mass: float, stiffness: float) -> np.ndarray:
        """Return (mass M + stiffness A_h) v, (n_local,), which is valid until the next call."""
        self.products.add(self.with_ghosts(v), self.zeros(), mass=mass, stiffness=stiffness)
        return self.summed()

    def matrix(self, *, mass: float, stiffness: float) -> PETSc.Mat:
        """Return mass M + stiffness A_h as a matrix that is not assembled."""
        return _python_matrix(self, self, _Operator(self, mass, stiffness))

    def assembled(self, *, mass: float, stiffness: float) -> PETSc.Mat:
        """Return the assembled matrix mass M + stiffness A_h."""
        sizes, numbers, dofs = self._right.getSizes(), self._right.getLGMap(), self.products.dofs
        matrix = PETSc.Mat().createAIJ((sizes, sizes), comm=self.comm)
        matrix.setLGMap(numbers, numbers)
        rows, columns = np.broadcast_arrays(dofs[:, :, None], dofs[:, None, :])
        matrix.setPreallocationCOOLocal(rows.ravel(), columns.ravel())
        matrix.setValuesCOO(self.products.matrices(mass=mass, stiffness=stiffness).ravel())
        return matrix

    def interpolation_to(self, fine: "CellLevel") -> PETSc.Mat:
        """Return P, from this level to a finer one, as a matrix that is not assembled."""
        return _python_matrix(fine, self, _Interpolation(self, fine))

    def destroy(self) -> None:
        """Free PETSc's objects, which Python's garbage collector cannot do."""
        for vector in (self._right, self._result):
            vector.destroy()


def degree_levels(space: fem.FunctionSpace, cells: Cells) -> list[CellLevel]:
    """Return the levels, from that of `space` to that of degree 1. Collective."""
    degree, levels = space.element.basix_element.degree, [CellLevel.of(space, cells)]
    while degree > 1:
        degree //= 2
        levels.append(CellLevel.of(forms.lagrange(space.mesh, degree), cells))
    return levels


def _python_matrix(rows: CellLevel, columns: CellLevel, methods: object) -> PETSc.Mat:
    """Return a matrix whose methods PETSc calls in Python."""
    matrix = PETSc.Mat().createPython(((rows.owned, None), (columns.owned, None)), methods, rows.comm)
    matrix.setUp()
    return matrix


class _Operator:
    """mass M + stiffness A_h on a level."""

    def __init__(self, level: CellLevel, mass: float, stiffness: float) -> None:
        self._level, self._factors = level, {"mass": mass, "stiffness": stiffness}

    def mult(self, _: PETSc.Mat, right: PETSc.Vec, result: PETSc.Vec) -> None:
        result.array[:] = self._level.multiply(right.array_r, **self._factors)

    def getDiagonal(self, _: PETSc.Mat, diagonal: PETSc.Vec) -> None:  # noqa: N802  # PETSc's name
        self._level.products.add_diagonal(self._level.zeros(), **self._factors)
        diagonal.array[:] = self._level.summed()


class _Interpolation:
    """P between two levels: at each fine node, the mean of what this rank's cells give, which are equal."""

    def __init__(self, coarse: CellLevel, fine: CellLevel) -> None:
        self._coarse, self._fine = coarse, fine
        self._on_cells = CellInterpolation(coarse.products, fine.products)
        counts = np.bincount(fine.products.dofs.ravel(), minlength=fine.owned)[: fine.owned]
        assert counts.all(), "each node that a rank owns belongs to a cell that it owns"
        self._shares = 1 / counts

    def mult(self, _: PETSc.Mat, right: PETSc.Vec, result: PETSc.Vec) -> None:
        sums = self._fine.zeros()
        self._on_cells.add(self._coarse.with_ghosts(right.array_r), sums)
        result.array[:] = sums[: self._fine.owned] * self._shares

    def multTranspose(self, _: PETSc.Mat, right: PETSc.Vec, result: PETSc.Vec) -> None:  # noqa: N802  # PETSc's name
        on_fine = self._fine.without_ghosts(right.array_r * self._shares)
        self._on_cells.add(on_fine, self._coarse.zeros(), transposed=True)
        result.array[:] = self._coarse.summed()
