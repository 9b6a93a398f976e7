"""Element matrices against the assembled matrix of the same form."""

from mpi4py import MPI  # isort: skip
import numpy as np
import pytest
from dolfinx import fem

from freqbias.meshes import BoxPlan, build
from freqbias.pde import forms
from freqbias.pde.box_matrices import box_matrices
from freqbias.pde.element_matrices import ElementMatrices, cell_matrices

CELLS = [((8,), 6), ((4, 6), 1), ((4, 2), 4), ((2, 4, 2), 3)]


def laws(half_width):
    return (lambda xi: 1 + xi[:, 0] ** 2), (lambda xi: np.exp(xi[:, -1] / half_width))


def uneven(cells: tuple[int, ...], degree: int) -> BoxPlan:
    """The cells have different sides, along an axis and between the axes."""
    ends = (1.0, 2.0, 0.5)[: len(cells)]
    return BoxPlan(tuple(((0.3 * end, n // 2), (end, 1)) for end, n in zip(ends, cells, strict=True)), degree)


@pytest.mark.parametrize("cells, degree", CELLS)
def test_products_of_the_assembled_matrix(cells, degree):
    space = forms.lagrange(build(uneven(cells, degree), MPI.COMM_SELF), degree)
    form = forms.operator_integral(space, *laws(1.0), 2 * degree + 2).form()
    elements, rng = ElementMatrices(space, cell_matrices(space, form)), np.random.default_rng(0)
    assert (elements.nodes == space.tabulate_dof_coordinates()[:, : len(cells)]).all()
    v = rng.normal(size=len(elements.nodes)) + 1j * rng.normal(size=len(elements.nodes))
    expected = fem.assemble_matrix(form).to_scipy() @ v
    assert np.linalg.norm(elements.apply(v) - expected) < 1e-13 * np.linalg.norm(expected)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("cells, degree", CELLS)
def test_sum_factorisation(cells, degree, half, monkeypatch):
    """The factorised sums have the points and weights of DOLFINx's quadrature, so they agree to rounding."""
    monkeypatch.setattr("freqbias.pde.box_matrices.BLOCK_ENTRIES", 5000)
    space = forms.lagrange(build(uneven(cells, degree), MPI.COMM_SELF, half=half), degree)
    expected = cell_matrices(space, forms.operator_integral(space, *laws(1.0), 2 * degree + 2).form())
    found = box_matrices(space, *laws(1.0), 2 * degree + 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
