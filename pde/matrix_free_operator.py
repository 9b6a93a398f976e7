"""The matrices M and B for solves by multigrid, of which only coarse levels are assembled.

The levels that have the cells of the mesh compute products from the laws at the quadrature points of these cells, so
their matrices are the Galerkin products P^T A P of the finest one. The last of these levels is assembled from the
matrices of the cells. There, every axis that multigrid coarsened has degree 1. Below it, on boxes, the products P^T A P
are computed.
"""

from mpi4py import MPI  # isort: skip
from functools import partial

import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from freqbias.meshes import BoxPlan, MeshPlan
from freqbias.pde.assembled_operator import AssembledOperator
from freqbias.pde.box_cells import BoxCells
from freqbias.pde.box_levels import box_levels
from freqbias.pde.cell_products import CellProducts, Cells
from freqbias.pde.curved_cells import CurvedCells
from freqbias.pde.forms import LawFunction
from freqbias.pde.levels import Nodes, degree_levels
from freqbias.pde.linear_algebra import ShiftedSolver

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
            levels = box_levels(space, plan, cells)
        else:
            self._cells = CurvedCells(space, *laws, degree)
            levels = degree_levels(space, self._cells)
        self._interpolations = [level.interpolation for level in levels if level.interpolation is not None]
        self._products = [
            _LevelProducts(self._cells, level.nodes, self._comm) for level in levels if level.nodes is not None
        ]

    def apply(self, v: np.ndarray) -> np.ndarray:
        """Return B v, (n_local,)."""
        return self._products[0].multiply(v, mass=0.0, stiffness=self._scale).copy()

    def mass(self, v: np.ndarray) -> np.ndarray:
        """Return M v, (n_local,)."""
        return self._products[0].multiply(v, mass=1.0, stiffness=0.0).copy()

    def solver(self, shift: float, *, rtol: float) -> ShiftedSolver:
        """Return the map b -> (M + shift B)^-1 b, by multigrid unless the cells do not resolve the laws."""
        *matrix_free, assembled = self._products
        factors = {"mass": 1.0, "stiffness": shift * self._scale}
        contrast = self._cells.contrast(degree=self._plan.degree, **factors)
        if self._comm.allreduce(contrast, MPI.MAX) > MAX_CONTRAST:
            return self._solver_of_assembled(shift, rtol)
        matrices = [products.shell(**factors) for products in matrix_free] + [assembled.assemble(**factors)]
        for interpolation in self._interpolations[len(matrices) - 1 :]:
            matrices.append(matrices[-1].ptap(interpolation))
        return ShiftedSolver(matrices, self._interpolations, plan=self._plan, rtol=rtol)

    def _solver_of_assembled(self, shift: float, rtol: float) -> ShiftedSolver:
        assembled = self._assembled()
        solver = assembled.solver(shift, rtol=rtol)
        assembled.destroy()
        return solver

    def destroy(self) -> None:
        """Free PETSc's objects, which Python's garbage collector cannot do."""
        for interpolation in self._interpolations:
            interpolation.destroy()
        for products in self._products:
            products.destroy()


class _LevelProducts:
    """The products with M and A_h on a level, whose nodes are distributed. All methods are collective."""

    def __init__(self, cells: Cells, nodes: Nodes, comm: MPI.Comm) -> None:
        self._on_cells = CellProducts(cells, nodes.degrees, nodes.dofs)
        ghosts, size = nodes.ghosts.astype(PETSc.IntType), (nodes.owned, None)
        self._right, self._result = (PETSc.Vec().createGhost(ghosts, size=size, comm=comm) for _ in range(2))

    def multiply(self, v: np.ndarray, *, mass: float, stiffness: float) -> np.ndarray:
        """Return (mass M + stiffness A_h) v, (n_local,) -> (n_local,). The result is valid until the next call."""
        if self._right.getComm().size == 1:  # without ghosts
            self._result.array[:] = 0.0
            self._on_cells.add(np.ascontiguousarray(v), self._result.array, mass=mass, stiffness=stiffness)
            return self._result.array
        self._right.array[:] = v
        self._right.ghostUpdate(PETSc.InsertMode.INSERT, PETSc.ScatterMode.FORWARD)
        with self._right.localForm() as right, self._result.localForm() as result:
            result.array[:] = 0.0
            self._on_cells.add(right.array_r, result.array, mass=mass, stiffness=stiffness)
        return self._sum_ghosts()

    def diagonal(self, *, mass: float, stiffness: float) -> np.ndarray:
        """Return the diagonal of mass M + stiffness A_h, (n_local,). The result is valid until the next call."""
        with self._result.localForm() as result:
            result.array[:] = 0.0
            self._on_cells.add_diagonal(result.array, mass=mass, stiffness=stiffness)
        return self._sum_ghosts()

    def _sum_ghosts(self) -> np.ndarray:
        self._result.ghostUpdate(PETSc.InsertMode.ADD, PETSc.ScatterMode.REVERSE)
        return self._result.array

    def shell(self, *, mass: float, stiffness: float) -> PETSc.Mat:
        """Return mass M + stiffness A_h as a matrix that is not assembled."""
        sizes = self._right.getSizes()
        matrix = PETSc.Mat().createPython((sizes, sizes), _Shell(self, mass, stiffness), self._right.getComm())
        matrix.setUp()
        return matrix

    def assemble(self, *, mass: float, stiffness: float) -> PETSc.Mat:
        """Return the assembled matrix mass M + stiffness A_h."""
        sizes, numbers, dofs = self._right.getSizes(), self._right.getLGMap(), self._on_cells.dofs
        matrix = PETSc.Mat().createAIJ((sizes, sizes), comm=self._right.getComm())
        matrix.setLGMap(numbers, numbers)
        rows, columns = np.broadcast_arrays(dofs[:, :, None], dofs[:, None, :])
        matrix.setPreallocationCOOLocal(rows.ravel(), columns.ravel())
        matrix.setValuesCOO(self._on_cells.matrices(mass=mass, stiffness=stiffness).ravel())
        return matrix

    def destroy(self) -> None:
        for vector in (self._right, self._result):
            vector.destroy()


class _Shell:
    """The methods that PETSc calls of a matrix that is not assembled."""

    def __init__(self, products: _LevelProducts, mass: float, stiffness: float) -> None:
        self._products, self._factors = products, {"mass": mass, "stiffness": stiffness}

    def mult(self, _: PETSc.Mat, right: PETSc.Vec, result: PETSc.Vec) -> None:
        result.array[:] = self._products.multiply(right.array_r, **self._factors)

    def getDiagonal(self, _: PETSc.Mat, diagonal: PETSc.Vec) -> None:  # noqa: N802  # PETSc's name
        diagonal.array[:] = self._products.diagonal(**self._factors)
