"""The assembled matrices M and B of a mesh of any cells."""

from mpi4py import MPI  # noqa: F401  # isort: skip

import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from freqbias.meshes import MeshPlan
from freqbias.pde.forms import LawFunction, mass_integral, operator_integral
from freqbias.pde.linear_algebra import Matrix, ShiftedSolver


class AssembledOperator:
    """M and B = scale A_h on a space of Lagrange elements. All methods are collective.

    weight: M is the matrix of integral weight v w dxi; by default the weight is 1. The weight and the laws, damping and
    diffusion, are evaluated at the points of a quadrature of the given degree.
    """

    def __init__(
        self,
        space: fem.FunctionSpace,
        plan: MeshPlan,
        laws: tuple[LawFunction, LawFunction],
        degree: int,
        scale: float,
        weight: LawFunction | None = None,
    ) -> None:
        self._plan = plan
        self._mass = Matrix(mass_integral(space, 2 * plan.degree if plan.affine and weight is None else degree, weight))
        self._stiffness = Matrix(operator_integral(space, *laws, degree), scale=scale, like=self._mass)

    def apply(self, v: np.ndarray) -> np.ndarray:
        """Return B v, (n_local,)."""
        return self._stiffness.multiply(v)

    def mass(self, v: np.ndarray) -> np.ndarray:
        """Return M v, (n_local,)."""
        return self._mass.multiply(v)

    def solver(self, shift: float, *, rtol: float) -> ShiftedSolver:
        """Return the map b -> (M + shift B)^-1 b."""
        matrix = self._mass.petsc.copy()
        matrix.axpy(shift, self._stiffness.petsc, structure=PETSc.Mat.Structure.SAME)
        return ShiftedSolver([matrix], [], plan=self._plan, rtol=rtol)

    def destroy(self) -> None:
        """Free PETSc's objects, which Python's garbage collector cannot do."""
        for owned in (self._mass, self._stiffness):
            owned.destroy()
