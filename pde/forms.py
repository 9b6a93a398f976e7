"""The weak form of the operator A.

Strong form, with natural boundary conditions:

    A v = damping v - div(diffusion grad v)

Weak form, on continuous Lagrange elements:

    a(v, w) = integral damping v w + diffusion grad v . grad w dxi,        m(v, w) = integral v w dxi

damping(xi) and diffusion(xi) are the laws of the network. A is real and symmetric. If the laws are not negative, A is
positive semidefinite.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable
from dataclasses import dataclass

import basix.ufl
import dolfinx
import numpy as np
import ufl
from dolfinx import fem

from freqbias.meshes import MeshPlan
from freqbias.pde.form_compiler import JIT_OPTIONS
from freqbias.problem import Problem, fold

WORK_PER_PART = 1.4e9  # entries of the cells' matrices times quadrature points; 7e-10 s each, measured on one core

LAGRANGE_VARIANT = basix.LagrangeVariant.gll_warped  # Gauss-Lobatto nodes

LawFunction = Callable[[np.ndarray], np.ndarray]  # xi (n, d) [cycles/length] -> values (n,)


@dataclass(frozen=True)
class Integral:
    """integral integrand dxi, with a quadrature of the given degree."""

    space: fem.FunctionSpace
    integrand: ufl.core.expr.Expr
    degree: int

    def form(self, cells: np.ndarray | None = None) -> fem.Form:
        """Return the compiled form, an integral over these cells of this rank, by default over all cells."""
        where = {} if cells is None else {"subdomain_id": 1, "subdomain_data": [(1, cells)]}
        dxi = ufl.Measure("dx", domain=self.space.mesh, metadata={"quadrature_degree": self.degree}, **where)
        return fem.form(self.integrand * dxi, jit_options=JIT_OPTIONS)

    def parts(self) -> tuple[fem.Form, list[fem.Form]]:
        """Return the form on all cells, and on parts of the cells that take about a second to assemble. Collective.

        Python runs between the parts, so that the program obeys signals. The cells keep their order, so on one rank the
        sum of the parts has the same bits as the whole. All ranks have the same number of parts, because assembly is
        collective.
        """
        topology = self.space.mesh.topology
        cells = np.arange(topology.index_map(topology.dim).size_local, dtype=np.int32)
        work = len(cells) * self.space.dofmap.list.shape[1] ** 2 * (self.degree / 2 + 1) ** topology.dim
        count = self.space.mesh.comm.allreduce(round(work / WORK_PER_PART), MPI.MAX)
        if count <= 1:
            whole = self.form()
            return whole, [whole]
        return self.form(cells), [self.form(part) for part in np.array_split(cells, count)]


def operator_integral(space: fem.FunctionSpace, damping: LawFunction, diffusion: LawFunction, degree: int) -> Integral:
    """Return a(v, w). The laws are evaluated at the points of a quadrature of the given degree."""
    v, w = ufl.TrialFunction(space), ufl.TestFunction(space)
    damping_q, diffusion_q = (at_quadrature_points(space.mesh, law, degree) for law in (damping, diffusion))
    return Integral(space, damping_q * v * w + diffusion_q * ufl.inner(ufl.grad(v), ufl.grad(w)), degree)


def mass_integral(space: fem.FunctionSpace, degree: int, weight: LawFunction | None = None) -> Integral:
    """Return m(v, w), or integral weight v w dxi, with a quadrature of the given degree."""
    product = ufl.TrialFunction(space) * ufl.TestFunction(space)
    factor = 1.0 if weight is None else at_quadrature_points(space.mesh, weight, degree)
    return Integral(space, product if weight is None else factor * product, degree)


def lagrange(mesh: dolfinx.mesh.Mesh, degree: int) -> fem.FunctionSpace:
    """Return the space V_h of continuous Lagrange elements with Gauss-Lobatto nodes."""
    dtype = mesh.geometry.x.dtype
    element = basix.ufl.element("Lagrange", mesh.basix_cell(), degree, lagrange_variant=LAGRANGE_VARIANT, dtype=dtype)
    return fem.functionspace(mesh, element)


def laws_on(problem: Problem, plan: MeshPlan) -> tuple[LawFunction, LawFunction]:
    """Return damping and diffusion as functions of xi. If plan.folded, both are folded onto the box of the mesh."""
    laws = problem.laws
    if plan.folded:
        damping, diffusion = (fold(law, problem.span, plan.half_width) for law in (laws.damping, laws.diffusion))
        return damping, diffusion
    return laws.damping.value, laws.diffusion.value


def at_quadrature_points(mesh: dolfinx.mesh.Mesh, law: LawFunction, degree: int) -> fem.Function:
    """Return a function that has the values of the law at the points of a quadrature of the given degree."""
    element = basix.ufl.quadrature_element(mesh.basix_cell(), degree=degree, dtype=mesh.geometry.x.dtype)
    values = fem.Function(fem.functionspace(mesh, element))
    values.interpolate(lambda x: law(x[: mesh.geometry.dim].T))
    return values
