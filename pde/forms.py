"""The weak form of A v = damping v - div(diffusion grad v) with natural boundary conditions, on Lagrange elements.

    a(v, w) = integral damping v w + diffusion grad v . grad w dxi,        m(v, w) = integral v w dxi

A is real, symmetric, and positive semidefinite for laws that are not negative.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Callable
from math import ceil, pi

import basix.ufl
import dolfinx
import numpy as np
import ufl
from dolfinx import fem

from meshes import Plan
from numerics import fold
from problem import Gaussian, Problem

Value = Callable[[np.ndarray], np.ndarray]  # (n, d) -> (n,)


def lagrange(mesh: dolfinx.mesh.Mesh, degree: int) -> fem.FunctionSpace:
    """V_h: continuous Lagrange elements on Gauss-Lobatto points."""
    element = basix.ufl.element(
        "Lagrange",
        mesh.basix_cell(),
        degree,
        lagrange_variant=basix.LagrangeVariant.gll_warped,
        dtype=mesh.geometry.x.dtype,
    )
    return fem.functionspace(mesh, element)


def laws_on(problem: Problem, plan: Plan) -> tuple[Value, Value]:
    """Damping and diffusion as functions of xi: the laws themselves, or folded onto the Nyquist box."""
    laws = problem.laws
    if plan.folded:
        return fold(laws.damping, problem.grid), fold(laws.diffusion, problem.grid)
    return laws.damping.value, laws.diffusion.value


def quadrature_degree(problem: Problem, plan: Plan) -> int:
    """2p for constant laws, 2p + 4 for Gaussians; folded laws oscillate up to twice as fast as the data's
    exponentials, and need their phase resolved."""
    if plan.folded:
        phase = max(2 * pi * h * x for h, x in zip(plan.size, problem.grid.reach, strict=True))
        return 4 * ceil((2 * plan.degree + phase + 6) / 4)  # few distinct degrees: each is compiled once
    return 2 * plan.degree + (4 if isinstance(problem.density, Gaussian) else 0)


def operator_form(space: fem.FunctionSpace, damping: Value, diffusion: Value, degree: int) -> fem.Form:
    """a(v, w), the laws taken at the quadrature points of this degree."""
    v, w = ufl.TrialFunction(space), ufl.TestFunction(space)
    dx = ufl.Measure("dx", domain=space.mesh, metadata={"quadrature_degree": degree})
    d, s = (_at_quadrature(space.mesh, law, degree) for law in (damping, diffusion))
    return fem.form((d * v * w + s * ufl.inner(ufl.grad(v), ufl.grad(w))) * dx)


def mass_form(space: fem.FunctionSpace) -> fem.Form:
    """m(v, w), integrated exactly on affine cells."""
    v, w = ufl.TrialFunction(space), ufl.TestFunction(space)
    return fem.form(v * w * ufl.dx(metadata={"quadrature_degree": 2 * space.element.basix_element.degree}))


def _at_quadrature(mesh: dolfinx.mesh.Mesh, law: Value, degree: int) -> fem.Function:
    element = basix.ufl.quadrature_element(mesh.basix_cell(), degree=degree, dtype=mesh.geometry.x.dtype)
    values = fem.Function(fem.functionspace(mesh, element))
    values.interpolate(lambda x: law(x[: mesh.geometry.dim].T))
    return values
