"""The matrices M and B for solves by multigrid, of which only coarse levels are assembled.

The levels that have the cells of the mesh compute products from the laws at the quadrature points of these cells, so
their matrices are the Galerkin products P^T A P of the finest one. The last of these levels is assembled from the
matrices of the cells. There, every axis that multigrid coarsened has degree 1. Below it, on boxes, the products P^T A P
are computed.
"""

from mpi4py import MPI  # isort: skip
from functools import partial
from itertools import pairwise

import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from freqbias.meshes import BoxPlan, MeshPlan
from freqbias.pde.assembled_operator import AssembledOperator
from freqbias.pde.box_cells import BoxCells
from freqbias.pde.box_levels import box_levels
from freqbias.pde.cell_products import Cells
from freqbias.pde.curved_cells import CurvedCells
from freqbias.pde.forms import LawFunction
from freqbias.pde.levels import degree_levels
from freqbias.pde.linear_algebra import ShiftedSolver
from freqbias.pde.memory import check_assembled
from freqbias.runtime import on_root

# The contrast of a cell above which multigrid is not used. The iterations to 1e-10 grow like its square root: at most
# 12 for the meshes that freqbias plans, with contrasts up to 65, and 30 for a contrast of 1000.
MAX_CONTRAST = 500.0


class MatrixFreeOperator:
    """M and B = scale A_h on a space of Lagrange elements on intervals, quadrilaterals or hexahedra.

    All methods are collective. The laws, damping and diffusion, are evaluated at the points of a Gauss quadrature of
    the given degree.
    """

    def __init__(
        self, space: fem.FunctionSpace, plan: MeshPlan, laws: tuple[LawFunction, LawFunction], degree: int, scale: float
    ) -> None:
        self._plan, self._scale, self._comm = plan, scale, space.mesh.comm
        self._assembled = partial(AssembledOperator, space, plan, laws, degree, scale)
        if isinstance(plan, BoxPlan):
            self._cells: Cells = (cells := BoxCells(space, *laws, degree))
            self._levels, self._interpolations = box_levels(space, plan, cells)
        else:
            self._cells = CurvedCells(space, *laws, degree)
            self._levels = degree_levels(space, self._cells)
            self._interpolations = [coarse.interpolation_to(fine) for fine, coarse in pairwise(self._levels)]

    def apply(self, v: np.ndarray) -> np.ndarray:
        """Return B v, (n_local,)."""
        return self._levels[0].multiply(v, mass=0.0, stiffness=self._scale).copy()

    def mass(self, v: np.ndarray) -> np.ndarray:
        """Return M v, (n_local,)."""
        return self._levels[0].multiply(v, mass=1.0, stiffness=0.0).copy()

    def solver(self, shift: float, *, rtol: float) -> ShiftedSolver:
        """Return the map b -> (M + shift B)^-1 b, by multigrid unless the cells do not resolve the laws."""
        *matrix_free, last = self._levels
        factors = {"mass": 1.0, "stiffness": shift * self._scale}
        contrast = self._cells.contrast(degree=self._plan.degree, **factors)
        if self._comm.allreduce(contrast, MPI.MAX) > MAX_CONTRAST:
            on_root(check_assembled, self._plan, comm=self._comm)
            return self._solver_of_assembled(shift, rtol)
        matrices = [level.matrix(**factors) for level in matrix_free] + [last.assembled(**factors)]
        for interpolation in self._interpolations[len(matrices) - 1 :]:
            matrices.append(_galerkin(matrices[-1], interpolation))
        return ShiftedSolver(matrices, self._interpolations, plan=self._plan, rtol=rtol)

    def _solver_of_assembled(self, shift: float, rtol: float) -> ShiftedSolver:
        assembled = self._assembled()
        solver = assembled.solver(shift, rtol=rtol)
        assembled.destroy()
        return solver

    def destroy(self) -> None:
        """Free PETSc's objects, which Python's garbage collector cannot do."""
        for owned in (*self._interpolations, *self._levels):
            owned.destroy()


def _galerkin(matrix: PETSc.Mat, interpolation: PETSc.Mat) -> PETSc.Mat:
    """Return P^T A P. The sums of PETSc's MatPtAP have another order in every run on three ranks or more."""
    transposed, product = interpolation.transpose(PETSc.Mat()), matrix.matMult(interpolation)
    result = transposed.matMult(product)
    for intermediate in (transposed, product):
        intermediate.destroy()
    return result
