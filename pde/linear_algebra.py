"""PETSc matrices and solvers that act on NumPy arrays of local dofs.

The vectors for products and solves are created once for each matrix. Under MPI, PETSc would keep discarded vectors in
memory until a collective clean-up.
"""

import ctypes
import gc
from collections.abc import Callable, Sequence
from typing import Any

import h5py  # noqa: F401  # isort: skip
# h5py must be imported before dolfinx.fem.petsc. If numba is installed, dolfinx.fem.petsc makes PETSc's HDF5 library
# visible to all libraries that are loaded later. h5py needs another HDF5 library and then fails with "Not a datatype".

import numpy as np
from dolfinx.fem.petsc import assemble_matrix, create_matrix
from petsc4py import PETSc

from freqbias.errors import ComputationError
from freqbias.meshes import MeshPlan
from freqbias.pde.forms import Integral
from freqbias.pde.petsc_options import PREFIX, default_options, uses_factorisation


class Matrix:
    """The distributed matrix of a bilinear form, multiplied by `scale`. All methods are collective.

    like: a matrix on the same space. The new matrix has the same sparsity pattern.
    """

    def __init__(self, integral: Integral, *, scale: float = 1.0, like: "Matrix | None" = None) -> None:
        form, parts = integral.parts()
        self.petsc: PETSc.Mat = create_matrix(form) if like is None else like.petsc.duplicate()
        for part in parts:
            assemble_matrix(self.petsc, part)  # type: ignore[arg-type]  # dispatched on the first argument
        self.petsc.assemble()
        self.petsc.scale(scale)
        self._right, self._result = self.petsc.createVecs()

    def multiply(self, local: np.ndarray) -> np.ndarray:
        """Return this rank's rows of the product, (n_local,) -> (n_local,)."""
        self._right.array[:] = local
        self.petsc.mult(self._right, self._result)
        return self._result.array.copy()

    def destroy(self) -> None:
        for owned in (self.petsc, self._right, self._result):
            owned.destroy()


_library = ctypes.CDLL(PETSc.__file__)  # ctypes releases Python's global lock during a call

# Values of MUMPS's option ICNTL 7, the ordering of the rows.
FILL_ORDERING = 2  # approximate minimum fill
AUTOMATIC_ORDERING = 7  # an automatic choice, here always nested dissection
MIN_RTOL = 1e-13  # the smallest rtol that conjugate gradients can reach
MAX_RTOL = 1e-2  # the largest one, so that a solve is never a single V-cycle
MAX_ITERATIONS = 1000


# The degree of the Chebyshev polynomial of a smoother, and the lower end of the interval on which it is small, as a
# fraction of the largest eigenvalue. Measured in benchmarks/README.md.
SMOOTHING_OF_RECTANGLES = (2, 0.2)
SMOOTHING = (3, 0.1)
SMALL = 1000  # dofs; smaller coarsest levels are solved by PETSc's default, a factorisation on each rank


def multigrid_options(plan: MeshPlan, coarsest: int) -> dict[str, str | int]:
    """Return PETSc's options for geometric multigrid. coarsest: the number of dofs of the coarsest level."""
    degree, lowest = SMOOTHING_OF_RECTANGLES if plan.affine and plan.dimension == 2 else SMOOTHING
    smoother: dict[str, str | int] = {"ksp_type": "chebyshev", "ksp_max_it": degree, "pc_type": "jacobi"}
    smoother["ksp_chebyshev_esteig"] = f"0,{lowest},0,1.1"
    options = {f"{PREFIX}mg_levels_{name}": value for name, value in smoother.items()}
    if coarsest > SMALL:
        direct = uses_factorisation(coarsest, dimension=plan.dimension, degree=1)
        options[f"{PREFIX}mg_coarse_pc_type"] = "cholesky" if direct else "gamg"
        if direct:
            options[f"{PREFIX}mg_coarse_pc_factor_mat_solver_type"] = "mumps"
            options[f"{PREFIX}mg_coarse_mat_mumps_icntl_7"] = (
                FILL_ORDERING if plan.dimension < 3 else AUTOMATIC_ORDERING
            )
    return options


class ShiftedSolver:
    """The map b -> A^-1 b for A = M + shift B on the mesh of a plan. All methods are collective.

    Where `uses_factorisation` says so, the solver is one sparse Cholesky factorisation (MUMPS). On larger meshes it is
    conjugate gradients, to the tolerance `rtol` in the energy norm, preconditioned by a V-cycle of multigrid: geometric
    if there are coarser levels, with Chebyshev polynomials in the Jacobi-preconditioned matrix as smoothers, and
    algebraic (GAMG) otherwise. MUMPS uses nested dissection in three dimensions only, where it saves a third of the
    time. In measurements in one and two dimensions, nested dissection took 3 times as long as the factorisation itself
    and saved nothing.

    PETSc's options with the prefix pde_ take precedence (-pde_ksp_type, -pde_pc_type, ...). Raises ComputationError
    with PETSc's reason if the factorisation or a solve fails.
    """

    def __init__(
        self, matrices: Sequence[PETSc.Mat], interpolations: Sequence[PETSc.Mat], *, plan: MeshPlan, rtol: float
    ) -> None:
        """matrices: A on each level, from the finest to the coarsest; `destroy` frees them. interpolations: from each
        level but the finest to the next finer one.
        """
        self._matrices = matrices
        matrix = matrices[0]
        for each in matrices:
            each.setOption(PETSc.Mat.Option.SPD, True)
        self._right, self._solution = matrix.createVecs()
        self._solver = PETSc.KSP().create(matrix.getComm())
        self._solver.setOptionsPrefix(PREFIX)
        self._solver.setOperators(matrix)
        preconditioner = self._solver.getPC()
        if interpolations or not uses_factorisation(matrix.getSize()[0], dimension=plan.dimension, degree=plan.degree):
            self._solver.setType(PETSc.KSP.Type.CG)
            self._solver.setNormType(PETSc.KSP.NormType.NATURAL)
            self._solver.setTolerances(max_it=MAX_ITERATIONS)
            preconditioner.setType(PETSc.PC.Type.MG if interpolations else PETSc.PC.Type.GAMG)
            if interpolations:
                self._set_levels(preconditioner, interpolations)
        else:
            self._solver.setType(PETSc.KSP.Type.PREONLY)
            preconditioner.setType(PETSc.PC.Type.CHOLESKY)
            preconditioner.setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        self._rtol = None if PETSc.Options().hasName(f"{PREFIX}ksp_rtol") else rtol
        self._run("set the options for", self._solver.setFromOptions)
        if preconditioner.getType() == PETSc.PC.Type.CHOLESKY:
            self._run("prepare", preconditioner.setFactorSetUpSolverType)
            if preconditioner.getFactorSolverType() == PETSc.Mat.SolverType.MUMPS:
                ordering = FILL_ORDERING if plan.dimension < 3 else AUTOMATIC_ORDERING
                preconditioner.getFactorMatrix().setMumpsIcntl(7, ordering)
        geometric = interpolations and preconditioner.getType() == PETSc.PC.Type.MG
        options = multigrid_options(plan, matrices[-1].getSize()[0]) if geometric else {}
        with default_options(options):
            self._run("prepare", _call, _library.KSPSetUp, self._solver)

    def _set_levels(self, preconditioner: PETSc.PC, interpolations: Sequence[PETSc.Mat]) -> None:
        preconditioner.setMGLevels(len(self._matrices))
        finest = len(interpolations)
        for step, matrix in enumerate(self._matrices):
            preconditioner.getMGSmoother(finest - step).setOperators(matrix)
        for step, interpolation in enumerate(interpolations):
            preconditioner.setMGInterpolation(finest - step, interpolation)

    def __call__(self, b: np.ndarray, looseness: float = 1.0) -> np.ndarray:
        """Return A^-1 b. looseness: a factor of `rtol`, unless PETSc's options give another tolerance."""
        if self._rtol is not None:
            self._solver.setTolerances(rtol=min(max(self._rtol * looseness, MIN_RTOL), max(self._rtol, MAX_RTOL)))
        self._right.array[:] = b
        self._run("solve with", _call, _library.KSPSolve, self._solver, self._right, self._solution)
        reason = self._solver.getConvergedReason()
        if reason < 0:
            raise self._failure("solve with", reason_name(PETSc.KSP.ConvergedReason, reason))
        return self._solution.array.copy()

    def destroy(self) -> None:
        """Free PETSc's objects. Collective, so Python's garbage collector cannot do it."""
        for owned in (self._solver, self._right, self._solution, *self._matrices):
            owned.destroy()

    def _run(self, action: str, call: Callable[..., object], *arguments: object) -> None:
        try:
            call(*arguments)
        except _PetscError as failure:
            raise self._failure(action, str(failure)) from failure
        except PETSc.Error as failure:
            raise self._failure(action, petsc_message(failure)) from failure

    def _failure(self, action: str, reason: str) -> ComputationError:
        kind, size = f"{self._solver.getType()} + {self._solver.getPC().getType()}", self._matrices[0].getSize()[0]
        return ComputationError(
            f"PETSc ({kind}) could not {action} M + shift B with {size} dofs: {reason}; use a coarser mesh, "
            "more memory, or other PETSc options"
        )


class _PetscError(RuntimeError):
    """An error code of PETSc, in PETSc's words."""


def _call(function: Any, *objects: PETSc.Object) -> None:
    """Call a function of PETSc that may take minutes. Raises _PetscError.

    petsc4py would keep Python's global lock. Without this lock, the thread that obeys SIGTERM can run
    (`freqbias.runtime.watch_signals`). Garbage collection is paused, because PETSc is not thread-safe.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        code = function(*(ctypes.c_void_p(each.handle) for each in objects))
    except SystemError as failure:  # a product in Python raised an exception
        raise failure.__cause__ or failure from None
    finally:
        if collecting:
            gc.enable()
    if code:
        general, specific = ctypes.c_char_p(), ctypes.c_char_p()
        _library.PetscErrorMessage(code, ctypes.byref(general), ctypes.byref(specific))
        texts = [text.decode() for text in (general.value, specific.value) if text]
        raise _PetscError(": ".join(texts) or f"error code {code}")


def reason_name(reasons: type, code: int) -> str:
    """Return PETSc's name of a reason for divergence, for example DIVERGED_MAX_IT."""
    names = {value: name for name, value in vars(reasons).items() if name.startswith("DIVERGED")}
    return names.get(code, str(code))


def petsc_message(failure: PETSc.Error) -> str:
    """Return the last line of PETSc's error message. This line names the cause."""
    return str(failure).strip().splitlines()[-1].removeprefix("[0] ")
