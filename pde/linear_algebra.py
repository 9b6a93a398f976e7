"""PETSc's matrices and solvers on the arrays of local degrees of freedom.

Vectors are made once for each matrix: under MPI, PETSc keeps those that Python drops until a collective clean-up.
"""

from collections.abc import Callable

import numpy as np
from dolfinx import fem
from dolfinx.fem.petsc import assemble_matrix, create_matrix
from petsc4py import PETSc

from problem import ComputationError


class Matrix:
    """scale times the matrix of a bilinear form, distributed; like: one on the same space, whose pattern it takes.
    Collective throughout."""

    def __init__(self, form: fem.Form, *, scale: float = 1.0, like: "Matrix | None" = None) -> None:
        self.petsc: PETSc.Mat = create_matrix(form) if like is None else like.petsc.duplicate()
        assemble_matrix(self.petsc, form)  # type: ignore[arg-type]  # dispatched on the first argument
        self.petsc.assemble()
        self.petsc.scale(scale)
        self._right, self._result = self.petsc.createVecs()

    def times(self, local: np.ndarray) -> np.ndarray:
        """The local rows of the product, (n_local,) -> (n_local,)."""
        self._right.array[:] = local
        self.petsc.mult(self._right, self._result)
        return self._result.array.copy()

    def destroy(self) -> None:
        for held in (self.petsc, self._right, self._result):
            held.destroy()


FILL_ORDERING = 2  # of MUMPS (ICNTL 7): approximate minimum fill
BEST_ORDERING = 7  # the automatic choice, which takes nested dissection


class Cholesky:
    """b -> (M + shift B)^-1 b by one sparse Cholesky factorisation (MUMPS).

    planar: meshes of one or two dimensions, where nested dissection takes 3 times as long as the factorisation itself
    and saves nothing (measured); in three dimensions it saves a third.

    Raises ComputationError, with PETSc's reason, where the factorisation or a solve fails. Collective throughout.
    """

    def __init__(self, mass: Matrix, shift: float, stiffness: Matrix, *, planar: bool) -> None:
        self._matrix = mass.petsc.copy()
        self._matrix.axpy(shift, stiffness.petsc, structure=PETSc.Mat.Structure.SAME)
        self._matrix.setOption(PETSc.Mat.Option.SPD, True)
        self._right, self._solution = self._matrix.createVecs()
        self._solver = PETSc.KSP().create(self._matrix.getComm())
        self._solver.setOperators(self._matrix)
        self._solver.setType(PETSc.KSP.Type.PREONLY)
        preconditioner = self._solver.getPC()
        preconditioner.setType(PETSc.PC.Type.CHOLESKY)
        preconditioner.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        preconditioner.setFactorSetUpSolverType()
        preconditioner.getFactorMatrix().setMumpsIcntl(7, FILL_ORDERING if planar else BEST_ORDERING)
        self._solver.setErrorIfNotConverged(True)
        self._trying("factor", self._solver.setUp)

    def __call__(self, b: np.ndarray) -> np.ndarray:
        self._right.array[:] = b
        self._trying("solve", self._solver.solve, self._right, self._solution)
        return self._solution.array.copy()

    def destroy(self) -> None:
        """Give the factor's memory back at once; Python alone would not, under MPI."""
        for held in (self._solver, self._matrix, self._right, self._solution):
            held.destroy()

    def _trying(self, what: str, work: Callable[..., object], *arguments: object) -> None:
        try:
            work(*arguments)
        except PETSc.Error as failure:
            size = self._matrix.getSize()[0]
            raise ComputationError(
                f"MUMPS could not {what} M + shift B with {size} dofs: {failure}; use a coarser mesh or more memory"
            ) from failure
