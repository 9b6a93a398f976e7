"""PETSc matrices and solvers that act on NumPy arrays of local dofs.

Vectors are made once for each matrix: under MPI, PETSc keeps dropped vectors until a collective clean-up.
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
from freqbias.pde.petsc_options import DIRECT_SOLVER_DOFS, PREFIX


class Matrix:
    """scale times the distributed matrix of a bilinear form. Collective throughout.

    like: a matrix on the same space, whose sparsity pattern is reused.
    """

    def __init__(self, form: fem.Form, *, scale: float = 1.0, like: "Matrix | None" = None) -> None:
        self.petsc: PETSc.Mat = create_matrix(form) if like is None else like.petsc.duplicate()
        assemble_matrix(self.petsc, form)  # type: ignore[arg-type]  # dispatched on the first argument
        self.petsc.assemble()
        self.petsc.scale(scale)
        self._right, self._result = self.petsc.createVecs()

    def multiply(self, local: np.ndarray) -> np.ndarray:
        """Local rows of the product: (n_local,) -> (n_local,)."""
        self._right.array[:] = local
        self.petsc.mult(self._right, self._result)
        return self._result.array.copy()

    def destroy(self) -> None:
        for owned in (self.petsc, self._right, self._result):
            owned.destroy()


FILL_ORDERING = 2  # MUMPS, ICNTL 7: approximate minimum fill
AUTOMATIC_ORDERING = 7  # MUMPS chooses nested dissection
MIN_RTOL = 1e-13  # the smallest that conjugate gradients can reach
MAX_ITERATIONS = 1000


class ShiftedSolver:
    """b -> (M + shift B)^-1 b on a mesh of this dimension. Collective throughout.

    Up to DIRECT_SOLVER_DOFS dofs by one sparse Cholesky factorisation (MUMPS); beyond by conjugate gradients to `rtol`
    in the energy norm, with algebraic multigrid (GAMG). On meshes of one or two dimensions nested dissection takes 3
    times as long as the factorisation itself and saves nothing (measured); in three dimensions it saves a third.

    PETSc's options with the prefix pde_ take precedence (-pde_ksp_type, -pde_pc_type, ...). Raises ComputationError
    with PETSc's reason if the factorisation or a solve fails.
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
        if self._matrix.getSize()[0] <= DIRECT_SOLVER_DOFS[dimension]:
            self._solver.setType(PETSc.KSP.Type.PREONLY)
            preconditioner.setType(PETSc.PC.Type.CHOLESKY)
            preconditioner.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        else:
            self._solver.setType(PETSc.KSP.Type.CG)
            self._solver.setNormType(PETSc.KSP.NormType.NATURAL)
            self._solver.setTolerances(rtol=max(rtol, MIN_RTOL), max_it=MAX_ITERATIONS)
            preconditioner.setType(PETSc.PC.Type.GAMG)
        self._run("set the options for", self._solver.setFromOptions)
        if preconditioner.getType() == PETSc.PC.Type.CHOLESKY:
            self._run("prepare", preconditioner.setFactorSetUpSolverType)
            if preconditioner.getFactorSolverType() == PETSc.Mat.SolverType.MUMPS:
                ordering = FILL_ORDERING if dimension < 3 else AUTOMATIC_ORDERING
                preconditioner.getFactorMatrix().setMumpsIcntl(7, ordering)
        self._run("prepare", self._solver.setUp)

    def __call__(self, b: np.ndarray) -> np.ndarray:
        self._right.array[:] = b
        self._run("solve with", self._solver.solve, self._right, self._solution)
        reason = self._solver.getConvergedReason()
        if reason < 0:
            raise self._failure("solve with", reason_name(PETSc.KSP.ConvergedReason, reason))
        return self._solution.array.copy()

    def destroy(self) -> None:
        """Free the memory of the factor. Python's garbage collector cannot, because this is collective."""
        for owned in (self._solver, self._matrix, self._right, self._solution):
            owned.destroy()

    def _run(self, action: str, call: Callable[..., object], *arguments: object) -> None:
        try:
            call(*arguments)
        except PETSc.Error as failure:
            raise self._failure(action, petsc_message(failure)) from failure

    def _failure(self, action: str, reason: str) -> ComputationError:
        kind, size = f"{self._solver.getType()} + {self._solver.getPC().getType()}", self._matrix.getSize()[0]
        return ComputationError(
            f"PETSc ({kind}) could not {action} M + shift B with {size} dofs: {reason}; use a coarser mesh, "
            "more memory, or other PETSc options"
        )


def reason_name(reasons: type, code: int) -> str:
    """PETSc's name of a reason for divergence, such as DIVERGED_MAX_IT."""
    names = {value: name for name, value in vars(reasons).items() if name.startswith("DIVERGED")}
    return names.get(code, str(code))


def petsc_message(failure: PETSc.Error) -> str:
    """The last line of PETSc's error message, which holds the cause."""
    return str(failure).strip().splitlines()[-1].removeprefix("[0] ")
