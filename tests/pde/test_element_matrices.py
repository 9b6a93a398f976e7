"""Products cell by cell against the assembled matrix of the same form."""

from mpi4py import MPI  # isort: skip
import numpy as np
import pytest
from dolfinx import fem

from freqbias.meshes import BoxPlan, LayeredPlan, build
from freqbias.pde import forms
from freqbias.pde.box_cells import BoxCells
from freqbias.pde.cell_products import CellProducts, lexicographic
from freqbias.pde.curved_cells import CurvedCells
from freqbias.pde.element_matrices import ElementMatrices, cell_matrices, cell_nodes

CELLS = [((8,), 6), ((4, 6), 1), ((4, 2), 4), ((2, 4, 2), 3), ((2, 2), 11)]


def laws(half_width):
    return (lambda xi: 1 + xi[:, 0] ** 2), (lambda xi: np.exp(xi[:, -1] / half_width))


def uneven(cells: tuple[int, ...], degree: int) -> BoxPlan:
    """The cells have different sides, along an axis and between the axes."""
    ends = (1.0, 2.0, 0.5)[: len(cells)]
    return BoxPlan(tuple(((0.3 * end, n // 2), (end, 1)) for end, n in zip(ends, cells, strict=True)), degree)


def complex_values(count):
    return np.random.default_rng(0).normal(size=(count, 2)).view(complex)[:, 0]


@pytest.mark.parametrize("cells, degree", CELLS)
def test_products_of_the_assembled_matrix(cells, degree):
    space = forms.lagrange(build(uneven(cells, degree), MPI.COMM_SELF), degree)
    form = forms.operator_integral(space, *laws(1.0), 2 * degree + 2).form()
    nodes, indices = cell_nodes(space)
    assert (nodes == space.tabulate_dof_coordinates()[:, : len(cells)]).all()
    v = complex_values(len(nodes))
    expected = fem.assemble_matrix(form).to_scipy() @ v
    found = ElementMatrices(indices, cell_matrices(space, form)).apply(v)
    assert np.linalg.norm(found - expected) < 1e-13 * np.linalg.norm(expected)


def assert_products(space, products, nodes, degree):
    """The factorised sums have the points and weights of DOLFINx's quadrature, so they agree to rounding."""
    matrix = fem.assemble_matrix(forms.operator_integral(space, *laws(1.0), degree).form()).to_scipy()
    mass = fem.assemble_matrix(forms.mass_integral(space, degree).form()).to_scipy()
    v = complex_values(len(nodes))
    np.testing.assert_allclose(products.apply(v), matrix @ v, rtol=0, atol=1e-12 * np.abs(matrix @ v).max())

    whole, found, diagonal = 0.3 * mass + 0.7 * matrix, np.ones(len(nodes)), np.ones(len(nodes))
    products.add(v.real.copy(), found, mass=0.3, stiffness=0.7)
    np.testing.assert_allclose(found, 1 + whole @ v.real, rtol=0, atol=1e-12 * np.abs(found).max())
    products.add_diagonal(diagonal, mass=0.3, stiffness=0.7)
    np.testing.assert_allclose(diagonal, 1 + whole.diagonal(), rtol=1e-12)

    matrices = products.matrices(mass=0.3, stiffness=0.7)
    on_cells = np.einsum("cij,cj->ci", matrices, v.real[products.dofs])
    sums = np.bincount(products.dofs.ravel(), on_cells.ravel(), len(nodes))
    np.testing.assert_allclose(sums, whole @ v.real, rtol=0, atol=1e-12 * np.abs(sums).max())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("more", [1, 4])
@pytest.mark.parametrize("cells, degree", CELLS)
def test_boxes(cells, degree, more, half, monkeypatch):
    monkeypatch.setattr("freqbias.pde.cell_products.BLOCK", 1)
    space = forms.lagrange(build(uneven(cells, degree), MPI.COMM_SELF, half=half), degree)
    nodes, indices = cell_nodes(space)
    boxes = BoxCells(space, *laws(1.0), 2 * degree + more)
    products = CellProducts(boxes, [degree] * len(cells), indices[:, lexicographic(space, boxes.axes)])
    assert_products(space, products, nodes, 2 * degree + more)


CURVED = [LayeredPlan(2, ((1.0, 2), (2.0, 1)), 4, 3), LayeredPlan(3, ((1.0, 1),), 2, 2, box=((2.0, 2.0, 3.0), 1))]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("plan", CURVED, ids=["disc", "ball in a box"])
def test_curved_cells(plan, half, monkeypatch):
    monkeypatch.setattr("freqbias.pde.cell_products.BLOCK", 1)
    space = forms.lagrange(build(plan, MPI.COMM_SELF, half=half), plan.degree)
    nodes, indices = cell_nodes(space)
    cells = CurvedCells(space, *laws(1.0), 2 * plan.degree + 4)
    products = CellProducts(cells, [plan.degree] * plan.axes, indices[:, lexicographic(space, cells.axes)])
    assert_products(space, products, nodes, 2 * plan.degree + 4)
