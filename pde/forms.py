"""The weak form of A v = damping v - div(diffusion grad v) with natural boundary conditions, on Lagrange elements.

    a(v, w) = integral damping v w + diffusion grad v . grad w dxi,        m(v, w) = integral v w dxi

A is real, symmetric, and positive semidefinite for laws that are not negative.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
import platform
from collections.abc import Callable
from pathlib import Path

import basix.ufl
import dolfinx
import numpy as np
import ufl
from dolfinx import fem

from freqbias.meshes import MeshPlan
from freqbias.problem import Problem, fold

Value = Callable[[np.ndarray], np.ndarray]  # (n, d) -> (n,)


def _compiler_flags() -> list[str]:
    """Sums may be reordered, so that the kernels use vector instructions: assembly is 4 times faster for it."""
    flags = ["-O3", "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"]
    cpu = Path("/proc/cpuinfo")
    if platform.machine() == "x86_64" and cpu.is_file() and " avx2 " in cpu.read_text(encoding="utf-8"):
        flags.append("-march=x86-64-v3")  # and not native: the compiled forms may lie in a home shared by many machines
    return flags


JIT = {"cffi_extra_compile_args": _compiler_flags()}


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


def laws_on(problem: Problem, plan: MeshPlan) -> tuple[Value, Value]:
    """Damping and diffusion as functions of xi: the laws themselves, or folded onto the box of the mesh."""
    laws = problem.laws
    if plan.folded:
        damping, diffusion = (fold(law, problem.sites, plan.half_width) for law in (laws.damping, laws.diffusion))
        return damping, diffusion
    return laws.damping.value, laws.diffusion.value


def quadrature_degree(problem: Problem, plan: MeshPlan) -> int:
    """2p for laws that are constant on straight cells, else 2p + 4, and 2p + 6 for folded ones, which vary as the waves
    of the widest differences do: measured, more changes nothing."""
    laws = problem.laws
    if plan.folded:
        return 2 * plan.degree + 6
    constant = plan.affine and laws.damping.constant and laws.diffusion.constant
    return 2 * plan.degree + (0 if constant else 4)


def operator_form(space: fem.FunctionSpace, damping: Value, diffusion: Value, degree: int) -> fem.Form:
    """a(v, w), the laws taken at the quadrature points of this degree."""
    v, w = ufl.TrialFunction(space), ufl.TestFunction(space)
    dx = ufl.Measure("dx", domain=space.mesh, metadata={"quadrature_degree": degree})
    d, s = (_at_quadrature(space.mesh, law, degree) for law in (damping, diffusion))
    return fem.form((d * v * w + s * ufl.inner(ufl.grad(v), ufl.grad(w))) * dx, jit_options=JIT)


def mass_form(space: fem.FunctionSpace, degree: int) -> fem.Form:
    """m(v, w), by a quadrature of this degree."""
    v, w = ufl.TrialFunction(space), ufl.TestFunction(space)
    return fem.form(v * w * ufl.dx(metadata={"quadrature_degree": degree}), jit_options=JIT)


def _at_quadrature(mesh: dolfinx.mesh.Mesh, law: Value, degree: int) -> fem.Function:
    element = basix.ufl.quadrature_element(mesh.basix_cell(), degree=degree, dtype=mesh.geometry.x.dtype)
    values = fem.Function(fem.functionspace(mesh, element))
    values.interpolate(lambda x: law(x[: mesh.geometry.dim].T))
    return values
