"""Layered meshes: balls, shells, and balls in a box."""

from mpi4py import MPI  # isort: skip
from math import pi

import basix
import numpy as np
import pytest
import ufl
from dolfinx import fem

from freqbias.meshes import LayeredPlan, build, merge_nodes, vertices
from freqbias.pde import forms

BALL2 = LayeredPlan(2, ((1.5, 2),), 4, 6)
SHELL2 = LayeredPlan(2, ((0.5, 0), (1.5, 2)), 4, 6, hollow=True)
BOXED2 = LayeredPlan(2, ((0.5, 1), (1.5, 2)), 4, 6, box=((3.0, 2.0), 2))
SHELL1 = LayeredPlan(1, ((0.5, 0), (1.5, 3)), 2, 4, hollow=True)
BALL3 = LayeredPlan(3, ((1.5, 1),), 2, 6)
SHELL3 = LayeredPlan(3, ((0.5, 0), (1.5, 1)), 2, 6, hollow=True)
BOXED3 = LayeredPlan(3, ((1.5, 1),), 2, 6, box=((2.0, 2.0, 3.0), 1))
VOLUMES = [
    (BALL2, pi * 1.5**2),
    (SHELL2, pi * (1.5**2 - 0.5**2)),
    (BOXED2, 24.0),
    (SHELL1, 2.0),
    (BALL3, 4 / 3 * pi * 1.5**3),
    (SHELL3, 4 / 3 * pi * (1.5**3 - 0.5**3)),
    (BOXED3, 96.0),
]


def integral(mesh, integrand=1.0):
    form = integrand * ufl.dx(domain=mesh, metadata={"quadrature_degree": 20})
    return fem.assemble_scalar(fem.form(form))


@pytest.mark.parametrize("plan, volume", VOLUMES, ids=str)
def test_volume_half_and_counts(plan, volume):
    whole, half = build(plan, MPI.COMM_SELF), build(plan, MPI.COMM_SELF, half=True)
    assert integral(whole) == pytest.approx(volume, rel=1e-4)
    assert integral(half) == pytest.approx(integral(whole) / 2, rel=1e-12)
    assert half.geometry.x[:, 0].min() > -1e-12
    assert whole.topology.index_map(whole.topology.dim).size_global == plan.cell_count
    space = forms.lagrange(whole, plan.degree)
    assert space.dofmap.index_map.size_global == plan.dofs
    points, cells = vertices(plan)
    assert len(cells) == plan.cell_count
    np.testing.assert_allclose(np.abs(points[:, : plan.dimension]).max(axis=0), plan.half_width)


@pytest.mark.parametrize("degree", [2, 4])
def test_order_of_the_curved_edge(degree):
    """The area of a disc of curved cells of degree p converges with order 2p (Gauss-Lobatto nodes on the edge)."""
    errors = []
    for refined in (1, 2):
        mesh = build(LayeredPlan(2, ((1.0, refined),), 2 * refined, degree), MPI.COMM_SELF)
        errors.append(abs(integral(mesh) - pi))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * degree, abs=0.2)


def test_positive_jacobians():
    for plan, _ in VOLUMES:
        mesh = build(plan, MPI.COMM_SELF)
        points, _weights = basix.make_quadrature(basix.CellType[plan.cell_type], 12)
        determinant = fem.Expression(ufl.JacobianDeterminant(mesh), np.asarray(points))
        values = determinant.eval(mesh, np.arange(plan.cell_count))
        assert (values > 0).all()


def test_only_rounding_is_merged():
    """Nodes that differ by rounding become one node. A layer of a millionth of the radius keeps its nodes."""
    points, cells = merge_nodes(np.array([[0.0, 1.0], [1.0 + 1e-14, 1.0 + 1e-6]])[..., None])
    assert len(points) == 3
    np.testing.assert_array_equal(cells, [[0, 1], [1, 2]])


def test_rounding_in_one_coordinate_does_not_separate_equal_nodes():
    """Sorting by xi_1, then xi_2, puts (1, 0), (1, 1), (1 + 1e-16, 0) in this order if rounding counts."""
    one = np.nextafter(1.0, 2.0)
    points, cells = merge_nodes(np.array([[[1.0, 0.0], [1.0, 1.0]], [[one, 0.0], [one, 1.0]]]))
    assert len(points) == 2
    np.testing.assert_array_equal(cells[0], cells[1])
