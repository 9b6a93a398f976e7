"""Geometric multigrid on boxes: exact interpolation, and iterations that depend on nothing."""

from mpi4py import MPI  # isort: skip
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from petsc4py import PETSc

from freqbias.errors import ComputationError
from freqbias.meshes import BoxPlan, LayeredPlan, build
from freqbias.numerics import Grid
from freqbias.pde import LocalOperator, forms, matrix_free_operator, petsc_options
from freqbias.pde.assembled_operator import AssembledOperator
from freqbias.pde.axes import cell_degrees
from freqbias.pde.box_cells import BoxCells
from freqbias.pde.box_levels import box_levels
from freqbias.pde.curved_cells import CurvedCells
from freqbias.pde.matrix_free_operator import MatrixFreeOperator
from freqbias.problem import Annulus, Ball, Gaussian, Network, Problem, Uniform, waves

MOST_ITERATIONS = 12
EVEN = {1: ((9.0, 40),), 2: ((9.0, 16),), 3: ((9.0, 4),)}
# An axis with odd numbers of cells between two edges of a law, and cells of different sides.
GRADED = ((3.0, 7), (9.0, 5))
PLANS = {
    "interval": BoxPlan((EVEN[1],), 3),
    "square": BoxPlan((((9.0, 10),),) * 2, 2),
    "edges": BoxPlan((GRADED, GRADED), 2),
    "flat cells": BoxPlan((((9.0, 24),), ((9.0, 3),)), 2),
    "cube": BoxPlan((EVEN[3],) * 3, 2),
    "unequal sides": BoxPlan((((9.0, 3),), ((9.0, 15),)), 4),
    "degree 1": BoxPlan((EVEN[2],) * 2, 1),
    "degree 5": BoxPlan((((9.0, 6),), ((3.0, 2), (9.0, 4))), 5),
}
LAYERS = {
    "disc": LayeredPlan(2, ((6.0, 4),), 6, 4),
    "annulus": LayeredPlan(2, ((3.0, 0), (8.0, 4)), 8, 4, hollow=True),
    "disc in a box": LayeredPlan(2, ((6.0, 4),), 6, 3, box=((9.0, 9.0), 2)),
    "ball": LayeredPlan(3, ((6.0, 2),), 2, 2),
}


def dense(matrix):
    """The entries of a matrix, which need not be assembled."""
    found = columns(matrix.mult, matrix.createVecRight(), matrix.createVecLeft())
    if matrix.getSize()[0] != matrix.getSize()[1]:
        rows = columns(matrix.multTranspose, matrix.createVecLeft(), matrix.createVecRight()).T
        np.testing.assert_allclose(rows, found, rtol=0, atol=1e-14)
    return found


def columns(multiply, right, result):
    found = []
    for k in range(right.getSize()):
        right.set(0.0)
        right.setValue(k, 1.0)
        right.assemble()
        multiply(right, result)
        found.append(result.array.copy())
    return np.stack(found, axis=1)


def interpolations(space, plan):
    """From the coarsest level to the finest."""
    cells = BoxCells(space, *[lambda xi: xi[:, 0]] * 2, 2 * plan.degree + 1)
    return box_levels(space, plan, cells)[1][::-1]


@pytest.mark.parametrize("name", [*PLANS, *LAYERS])
def test_coarse_matrices_are_galerkin_products(name):
    """So are those of coarse levels on the cells of the mesh, which are not computed from finer ones."""
    plan = (PLANS | LAYERS)[name]
    space = forms.lagrange(build(plan, MPI.COMM_SELF), plan.degree)
    laws = (lambda xi: 1 + xi[:, 0] ** 2), (lambda xi: np.exp(xi[:, -1] / 9))
    operator = MatrixFreeOperator(space, plan, laws, 2 * plan.degree + 1, 0.5)
    solver = operator.solver(3.0, rtol=1e-8)
    matrices, (*finer, last) = solver._matrices, operator._interpolations[::-1]
    assert len(matrices) == len(finer) + 2
    assembled = AssembledOperator(space, plan, laws, 2 * plan.degree + 1, 0.5).solver(3.0, rtol=1e-8)._matrices[0]
    expected = dense(assembled)
    for matrix, interpolation in zip(matrices, [None, last, *reversed(finer)], strict=True):
        if interpolation is not None:
            coarse = dense(interpolation)
            expected = coarse.T @ expected @ coarse
        np.testing.assert_allclose(dense(matrix), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
        diagonal = matrix.getDiagonal().array
        np.testing.assert_allclose(diagonal, expected.diagonal(), rtol=1e-11)


@pytest.mark.parametrize("cells, degree, last", [((4, 4, 40), 6, 3), ((5, 20), 4, 1), ((4, 80), 6, 6)])
def test_degrees_before_lines(cells, degree, last):
    """Matrices are assembled for the last level with the cells of the mesh, so its degrees should be small."""
    plan = BoxPlan(tuple(((9.0, count),) for count in cells), degree)
    assert max(cell_degrees(plan)[-1]) == last


@pytest.mark.parametrize("name", PLANS)
def test_interpolation_is_exact_for_linear_functions(name):
    """Each space contains the coarser ones, and all contain the functions that are linear along each axis."""
    plan = PLANS[name]
    space = forms.lagrange(build(plan, MPI.COMM_SELF), plan.degree)
    matrices, x = interpolations(space, plan), space.tabulate_dof_coordinates()[:, : plan.dimension]
    functions, whole = np.stack([*x.T, np.prod(x, axis=1)], axis=1), np.eye(len(x))
    for matrix in reversed(matrices):
        whole = whole @ dense(matrix)
        np.testing.assert_allclose(whole.sum(axis=1), 1.0, rtol=1e-12)
        q = np.linalg.qr(whole)[0]
        np.testing.assert_allclose(q @ (q.T @ functions), functions, rtol=0, atol=1e-10 * np.abs(x).max())
    sizes = [matrix.getSize() for matrix in matrices]
    assert sizes[-1][0] == plan.dofs and sizes[0][1] <= 200
    assert all(fine[1] == coarse[0] for coarse, fine in pairwise(sizes))


@pytest.mark.parametrize("degree", [4, 5, 8])
def test_interpolation_is_exact_for_half_the_degree(degree):
    plan = BoxPlan.uniform((9.0, 9.0), (6, 6), degree)
    space = forms.lagrange(build(plan, MPI.COMM_SELF), degree)
    matrix, (x, y, _) = dense(interpolations(space, plan)[-1]), space.tabulate_dof_coordinates().T
    power = degree // 2
    functions = np.stack([x**power, x**power * y**power, np.abs(x) ** power], axis=1)  # a mesh line is at 0
    found = matrix @ np.linalg.lstsq(matrix, functions, rcond=None)[0]
    np.testing.assert_allclose(found, functions, rtol=0, atol=1e-10 * np.abs(functions).max())


def operator_of(plan, density, *, points=24):
    dimension = plan.dimension
    samples = waves(Grid((points,) * dimension, (1.0,) * dimension), [[2.0] * dimension], window=0.15)
    problem = Problem(density, samples, Network(width=2, sigma_a=1.0), np.array([0.0, 100.0]))
    return LocalOperator(problem, plan, MPI.COMM_SELF, -samples.values, accuracy=1e-8)


@pytest.fixture
def no_factorisation(monkeypatch):
    monkeypatch.setattr(petsc_options, "MULTIGRID_DOFS", {1: 0, 2: 0, 3: 0})


def iterations(operator, shift):
    """Solve for random values to 1e-10, check the residual, and count."""
    solver = operator.solver(shift)
    solver._rtol = 1e-10
    assert solver._solver.getPC().getType() == PETSc.PC.Type.MG
    right = np.random.default_rng(0).normal(size=operator.start.shape[1])
    found = solver(right)
    residual = operator.mass(found) + shift * operator.apply(found) - right
    assert np.linalg.norm(residual) < 1e-7 * np.linalg.norm(right)
    return solver._solver.getIterationNumber()


@pytest.mark.parametrize("shift", [1e-2, 1.0, 1e2, 1e5])
@pytest.mark.parametrize("name", ["square", "edges", "flat cells", "cube", "unequal sides", "degree 1", "degree 5"])
def test_iterations_do_not_grow_with_the_shift(name, shift, no_factorisation):
    density = Uniform(3.0) if name == "edges" else Gaussian(2.0)
    assert iterations(operator_of(PLANS[name], density), shift) <= MOST_ITERATIONS


@pytest.mark.parametrize("shift", [1.0, 1e2, 1e4])
@pytest.mark.parametrize("name", LAYERS)
def test_iterations_on_curved_cells(name, shift, no_factorisation):
    assert (
        iterations(operator_of(LAYERS[name], Annulus(3.0, 8.0) if name == "annulus" else Ball(6.0)), shift)
        <= MOST_ITERATIONS
    )


@pytest.mark.parametrize("degree", [1, 3, 6, 8])
def test_iterations_do_not_grow_with_the_degree(degree, no_factorisation):
    plan = BoxPlan.uniform((10.0, 10.0), (16, 16), degree)  # 5 sigma, where the law has fallen to 4e-6
    assert iterations(operator_of(plan, Gaussian(2.0)), 300.0) <= MOST_ITERATIONS


def test_iterations_do_not_grow_with_the_mesh(no_factorisation):
    counts = [
        iterations(operator_of(BoxPlan.uniform((10.0, 10.0), (n, n), 2), Gaussian(2.0)), 300.0) for n in (10, 40, 160)
    ]
    assert max(counts) <= min(counts) + 2 and max(counts) <= MOST_ITERATIONS


UNRESOLVED = {
    "narrow": (BoxPlan.uniform((9.0, 9.0), (16, 16), 6), Gaussian(0.2)),
    "edge": (BoxPlan.uniform((9.0, 9.0), (16, 16), 6), Uniform(3.1)),
    "curved": (LayeredPlan(2, ((9.0, 4),), 6, 4), Gaussian(0.5)),
}


@pytest.mark.parametrize("name", UNRESOLVED)
def test_laws_that_the_cells_do_not_resolve_are_factorised(name, no_factorisation):
    """Multigrid would need hundreds of iterations, or would not converge."""
    operator = operator_of(*UNRESOLVED[name])
    solver = operator.solver(1e4)
    assert solver._solver.getPC().getType() == PETSc.PC.Type.CHOLESKY
    found = solver(right := operator.mass(operator.start[0]))
    np.testing.assert_allclose(
        operator.mass(found) + 1e4 * operator.apply(found), right, atol=1e-8 * np.abs(right).max()
    )


@pytest.mark.parametrize("make", [BoxCells, CurvedCells])
@pytest.mark.parametrize("constant", [0.0, 2.0])
def test_contrast(make, constant):
    """With 2 x 2 cells of sides 3 and 1, the numbers at the points of a cell are known."""
    plan = BoxPlan.uniform((3.0, 1.0), (2, 2), 2)
    space = forms.lagrange(build(plan, MPI.COMM_SELF), 2)
    laws = (lambda xi: np.full(len(xi), 5.0)), (lambda xi: constant + xi[:, 0] ** 2)
    found = make(space, *laws, 5).contrast(mass=0.5, stiffness=0.1, degree=2)
    t = 3 * (0.5 + 0.5 * np.array([-1, 1]) * np.sqrt(0.6))  # the first and the last of three Gauss points
    least, largest = 0.5 + 0.1 * (5.0 + (constant + t**2) * 16 * (1 / 9 + 1))
    assert found == pytest.approx(largest / least)


def test_solvers_above_and_below_the_largest_contrast(monkeypatch, no_factorisation):
    contrast = operator_of(PLANS["square"], Gaussian(2.0))._matrices._cells.contrast(mass=1.0, stiffness=10.0, degree=2)
    for factor, kind in ((1.01, PETSc.PC.Type.MG), (0.99, PETSc.PC.Type.CHOLESKY)):
        monkeypatch.setattr(matrix_free_operator, "MAX_CONTRAST", factor * contrast)
        assert operator_of(PLANS["square"], Gaussian(2.0)).solver(10.0)._solver.getPC().getType() == kind


def test_little_memory_for_assembled_matrices(monkeypatch, no_factorisation):
    monkeypatch.setattr("freqbias.pde.memory.available_memory", lambda: 1e6)
    with pytest.raises(ComputationError, match=r"M \+ shift B must be assembled, .*use a smaller \[mesh\] size"):
        operator_of(*UNRESOLVED["narrow"]).solver(1e4)


def test_graded_meshes_are_factorised(no_factorisation):
    """Cells that are flat beside others that are not would need hundreds of iterations."""
    plan = BoxPlan((((0.1, 4), (9.0, 14)),) * 2, 2)
    assert plan.grading == pytest.approx(8.9 / 14 / (0.1 / 4))
    assert not petsc_options.uses_geometric_multigrid(plan)
    assert petsc_options.uses_geometric_multigrid(replace(plan, segments=(((1.0, 4), (9.0, 14)),) * 2))


def test_layers_of_very_unequal_cells_are_factorised():
    even, uneven = (LayeredPlan(2, ((first, 10), (9.0, 10)), 40, 6) for first in (4.5, 0.5))
    assert (even.grading, uneven.grading) == (1.0, 17.0)
    chosen = petsc_options.uses_geometric_multigrid
    assert chosen(even) and not chosen(uneven)
