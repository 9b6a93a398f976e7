"""PETSc's matrices and solvers on the arrays of local degrees of freedom.

Vectors are made once for each matrix: under MPI, PETSc keeps those that Python drops until a collective clean-up.
"""

from collections.abc import Callable

import h5py  # noqa: F401  # isort: skip
# Before dolfinx.fem.petsc: where numba is installed, that lends PETSc's HDF5 to whatever is loaded later, and h5py,
# which has another one, then fails with "Not a datatype".

import numpy as np
from dolfinx import fem
from dolfinx.fem.petsc import assemble_matrix, create_matrix
from petsc4py import PETSc

from freqbias.errors import ComputationError
from freqbias.pde.memory import DIRECT
from freqbias.pde.petsc_options import PREFIX


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
LEAST_RTOL = 1e-13  # what conjugate gradients can reach
MOST_ITERATIONS = 1000


class ShiftedSolver:
    """b -> (M + shift B)^-1 b on a mesh of this dimension: by one sparse Cholesky factorisation (MUMPS), or, for more
    dofs than `DIRECT`, by conjugate gradients to `rtol` in the energy norm with algebraic multigrid (GAMG).

    The ordering of MUMPS: on meshes of one or two dimensions nested dissection takes 3 times as long as the
    factorisation itself and saves nothing (measured); in three dimensions it saves a third.

    PETSc's options with the prefix pde_ take precedence (-pde_ksp_type, -pde_pc_type, ...). Raises ComputationError,
    with PETSc's reason, where the factorisation or a solve fails. Collective throughout.
    """

    def __init__(self, mass: Matrix, shift: float, stiffness: Matrix, *, dimension: int, rtol: float) -> None:
        self._matrix = mass.petsc.copy()
        self._matrix.axpy(shift, stiffness.petsc, structure=PETSc.Mat.Structure.SAME)
        self._matrix.setOption(PETSc.Mat.Option.SPD, True)
        self._right, self._solution = self._matrix.createVecs()
        self._solver = PETSc.KSP().create(self._matrix.getComm())
        self._solver.setOptionsPrefix(PREFIX)
        self._solver.setOperators(self._matrix)
        preconditioner = self._solver.getPC()
        if self._matrix.getSize()[0] <= DIRECT[dimension]:
            self._solver.setType(PETSc.KSP.Type.PREONLY)
            preconditioner.setType(PETSc.PC.Type.CHOLESKY)
            preconditioner.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        else:
            self._solver.setType(PETSc.KSP.Type.CG)
            self._solver.setNormType(PETSc.KSP.NormType.NATURAL)
            self._solver.setTolerances(rtol=max(rtol, LEAST_RTOL), max_it=MOST_ITERATIONS)
            preconditioner.setType(PETSc.PC.Type.GAMG)
        self._trying("take the options for", self._solver.setFromOptions)
        if preconditioner.getType() == PETSc.PC.Type.CHOLESKY:
            self._trying("prepare", preconditioner.setFactorSetUpSolverType)
            if preconditioner.getFactorSolverType() == PETSc.Mat.SolverType.MUMPS:
                ordering = FILL_ORDERING if dimension < 3 else BEST_ORDERING
                preconditioner.getFactorMatrix().setMumpsIcntl(7, ordering)
        self._trying("prepare", self._solver.setUp)

    def __call__(self, b: np.ndarray) -> np.ndarray:
        self._right.array[:] = b
        self._trying("solve with", self._solver.solve, self._right, self._solution)
        reason = self._solver.getConvergedReason()
        if reason < 0:
            raise self._failure("solve with", reason_name(PETSc.KSP.ConvergedReason, reason))
        return self._solution.array.copy()

    def destroy(self) -> None:
        """Give the factor's memory back at once; Python alone would not, under MPI."""
        for held in (self._solver, self._matrix, self._right, self._solution):
            held.destroy()

    def _trying(self, what: str, work: Callable[..., object], *arguments: object) -> None:
        try:
            work(*arguments)
        except PETSc.Error as failure:
            raise self._failure(what, reason_of(failure)) from failure

    def _failure(self, what: str, reason: str) -> ComputationError:
        kind, size = f"{self._solver.getType()} + {self._solver.getPC().getType()}", self._matrix.getSize()[0]
        return ComputationError(
            f"PETSc ({kind}) could not {what} M + shift B with {size} dofs: {reason}; use a coarser mesh, more memory, "
            f"or other PETSc options"
        )


def reason_name(reasons: type, code: int) -> str:
    """PETSc's own name of a reason for stopping, such as DIVERGED_MAX_IT."""
    names = {value: name for name, value in vars(reasons).items() if name.startswith("DIVERGED")}
    return names.get(code, str(code))


def reason_of(failure: PETSc.Error) -> str:
    """The last line of PETSc's message, which holds the cause."""
    return str(failure).strip().splitlines()[-1].removeprefix("[0] ")
