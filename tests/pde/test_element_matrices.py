"""Element matrices against the assembled matrix of the same form."""

from mpi4py import MPI  # isort: skip
import numpy as np
import pytest
from dolfinx import fem

from freqbias.meshes import BoxPlan, build
from freqbias.pde import forms
from freqbias.pde.element_matrices import ElementMatrices


@pytest.mark.parametrize("cells, degree", [((8,), 6), ((4, 6), 1), ((4, 2), 4), ((2, 4, 2), 3)])
def test_products_of_the_assembled_matrix(cells, degree):
    space = forms.lagrange(build(BoxPlan.uniform((1.0, 2.0, 0.5)[: len(cells)], cells, degree), MPI.COMM_SELF), degree)
    damping, diffusion = (lambda xi: 1 + xi[:, 0] ** 2), (lambda xi: np.exp(xi[:, -1]))
    form = forms.operator_integral(space, damping, diffusion, 2 * degree + 2).form()
    elements, rng = ElementMatrices(space, form), np.random.default_rng(0)
    assert (elements.nodes == space.tabulate_dof_coordinates()[:, : len(cells)]).all()
    v = rng.normal(size=len(elements.nodes)) + 1j * rng.normal(size=len(elements.nodes))
    expected = fem.assemble_matrix(form).to_scipy() @ v
    assert np.linalg.norm(elements.apply(v) - expected) < 1e-13 * np.linalg.norm(expected)
