"""The mesh that follows from a tolerance."""

import numpy as np
import pytest
from mpi4py import MPI

from freqbias.errors import InputError
from freqbias.meshes import BoxPlan, LayeredPlan, build, describe, plan_mesh, tail_radius, vertices
from freqbias.meshes.cell_size import nodes_per_reach
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Annulus,
    Ball,
    Gaussian,
    Laplace,
    Mesh,
    Mixture,
    Network,
    Pde,
    Problem,
    Samples,
    StudentT,
    Table,
    Uniform,
    waves,
)


def problem_of(density, shape=(64,), extent=(1.0,), end=100.0, sigma_a=1.0):
    samples = waves(Grid(shape, extent), [[1.0] * len(shape)])
    return Problem(density, samples, Network(width=2, sigma_a=sigma_a), np.array([0.0, end]))


def test_a_compact_support_is_met_exactly():
    assert plan_mesh(problem_of(Uniform(7.3))).half_width == (7.3,)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
def test_the_gaussian_tail_is_cut_where_it_no_longer_matters(tolerance):
    problem = problem_of(Gaussian(4.0), extent=(0.9,))
    (radius,) = plan_mesh(problem, Pde(tolerance=tolerance)).half_width
    reach = problem.grid.reach[0]
    weight = 100.0 / 0.9 * (1 + (2 * np.pi * reach) ** 2)
    beyond = weight * problem.density.density(np.array([[radius]]))[0]
    assert beyond == pytest.approx(0.25 * tolerance)
    assert 3.5 < radius / 4.0 < 6


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("density", [Gaussian(4.0), Laplace(3.0), StudentT(2.0, 1.0)])
def test_the_tail_is_cut_where_the_densest_samples_no_longer_see_it(density, dimension):
    """Half of them lie within 1e-3 of each other; waves as long as the box see nothing of that."""
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.uniform(-1, 1, (500, dimension)), rng.uniform(0, 1e-3, (500, dimension))])
    samples = Samples(Scattered(points), rng.normal(size=(1, 1000)))
    problem = Problem(density, samples, Network(width=2, sigma_a=1.0), np.array([0.0, 100.0]))
    radius = tail_radius(problem, 1e-3)
    beyond = density.density(np.eye(1, dimension) * radius)[0] * (1 + (2 * np.pi * problem.reach) ** 2)
    matters = 100.0 * beyond * problem.sites.peak_density(radius) / (0.25 * 1e-3)
    assert 0.5 < matters < 1.1


def test_folded_laws_end_where_samples_apart_no_longer_see_them():
    """Three samples, far from each other: what they see of themselves the folded laws have exactly, at any width."""
    sites = Scattered(np.array([[-0.5], [0.1], [0.5]]))
    network = Network(width=2, sigma_a=1.0, depth=3, activation="relu")
    problem = Problem(Gaussian(4.0), Samples(sites, np.ones((1, 3))), network, np.array([0.0, 10.0]))
    assert tail_radius(problem, 1e-3) == pytest.approx(problem.laws.tail_radius(0.25 * 1e-3 / 10, 0.5), rel=1e-12)


def test_laws_that_fall_slowly_do_not_make_a_mesh_without_end():
    rng = np.random.default_rng(3)
    samples = Samples(Scattered(rng.uniform(-1, 1, (500, 2))), rng.normal(size=(1, 500)))
    network = Network(width=2, sigma_a=1.0, depth=3, activation="relu")
    problem = Problem(Gaussian(4.0), samples, network, np.array([0.0, 100.0]))
    plan = plan_mesh(problem)
    assert plan.half_width[0] < 0.2 * tail_radius(problem, 1e-3)
    assert 0.9e6 < plan.dofs < 1.1e6
    assert plan_mesh(problem, mesh=Mesh(half_width=2 * plan.half_width[0])).dofs > 3.6e6


@pytest.mark.parametrize("operator, order", [("data", 8), ("local", 7)])
def test_finer_for_smaller_tolerances_and_on_with_the_order_beyond_the_table(operator, order):
    nodes = [nodes_per_reach(Pde(operator=operator, tolerance=10.0**-k)) for k in range(2, 9)]
    assert (np.diff(nodes) > 0).all()
    assert nodes[6] / nodes[3] == pytest.approx(1000 ** (1 / order))


def test_data_that_reach_farther_need_smaller_cells_along_that_axis():
    problem = problem_of(Gaussian(2.0), shape=(40, 40), extent=(1.0, 2.0))
    size = plan_mesh(problem).size
    assert size[0] / size[1] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("density", [Gaussian(30.0), Uniform(40.0)])
def test_beyond_nyquist_the_laws_fold_onto_its_box(density):
    plan = plan_mesh(problem_of(density))
    assert plan.folded
    assert plan.half_width == (32.0,)


def test_a_ball_is_followed_by_layers_up_to_nyquist_and_folds_beyond():
    inside = plan_mesh(problem_of(Ball(5.0), shape=(32, 32), extent=(1.0, 1.0)))
    assert isinstance(inside, LayeredPlan)
    assert [radius for radius, _ in inside.layers] == [5.0]
    assert plan_mesh(problem_of(Ball(17.0), shape=(32, 32), extent=(1.0, 1.0))).folded
    assert isinstance(plan_mesh(problem_of(Ball(5.0))), BoxPlan)


def test_an_edge_inside_the_box_lies_on_a_mesh_line():
    plan = plan_mesh(problem_of(Uniform(5.0)), Pde(), Mesh(half_width=9.0))
    assert isinstance(plan, BoxPlan)
    (lines,) = plan.lines
    assert {-9.0, -5.0, 0.0, 5.0, 9.0} <= set(lines)
    np.testing.assert_array_equal(lines, -lines[::-1])


def test_a_density_that_is_zero_at_the_origin_only_leaves_no_hole():
    values = np.ones((9, 9))
    values[4, 4] = 0.0
    density = Mixture((1.0, 1.0), (Annulus(3.0, 5.0), Table(values, (4.0, 4.0))))
    plan = plan_mesh(problem_of(density, shape=(32, 32), extent=(1.0, 1.0)), Pde(), Mesh(half_width=6.0))
    assert isinstance(plan, LayeredPlan)
    assert not plan.hollow
    ring = plan_mesh(problem_of(Annulus(3.0, 5.0), shape=(32, 32), extent=(1.0, 1.0)))
    assert isinstance(ring, LayeredPlan)
    assert ring.hollow
    assert ring.box is None


def test_the_data_operator_sees_as_far_as_it_is_told_beyond_the_support():
    problem = problem_of(Ball(5.0), shape=(32, 32), extent=(1.0, 1.0))
    assert plan_mesh(problem, Pde(), Mesh(half_width=9.0)).half_width == (9.0, 9.0)
    assert plan_mesh(problem, Pde(operator="local"), Mesh(half_width=9.0)).half_width == (5.0, 5.0)


@pytest.mark.parametrize(
    "density, shape, half_width, left_out, support",
    [
        (Annulus(3.0, 5.0), (64,), 2.0, "100", "5"),
        (Gaussian(4.0), (64,), 2.2 * 4.0, "2.8", "10.3"),
        (Gaussian(4.0), (32, 32), 2.5 * 4.0, "2.5", "11.2"),
        (Uniform(6.0), (16, 16, 16), 0.99 * 6.0, "3", "6"),
    ],
)
@pytest.mark.parametrize("operator", ["data", "local"])
def test_a_half_width_that_leaves_out_what_is_drawn_is_refused(density, shape, half_width, left_out, support, operator):
    """2 (1 - Phi(2.2)) = 2.78 %, 1 - (2 Phi(2.5) - 1)^2 = 2.47 %, 1 - 0.99^3 = 2.97 %; a larger one is not."""
    problem, settings = problem_of(density, shape, (1.0,) * len(shape)), Pde(operator=operator)
    said = rf"half_width = {half_width:g}: it leaves out {left_out} % of .* about \|xi_i\| <= {support}"
    with pytest.raises(InputError, match=said) as refused:
        plan_mesh(problem, settings, Mesh(half_width=half_width))
    enough = float(str(refused.value).rpartition(" ")[2])
    plan_mesh(problem, settings, Mesh(half_width=enough))


def test_the_local_operator_meshes_the_support_alone():
    plan = plan_mesh(problem_of(Uniform(5.0)), Pde(operator="local"), Mesh(half_width=9.0))
    assert plan.half_width == (5.0,)


def test_the_users_own_mesh_takes_precedence():
    plan = plan_mesh(problem_of(Gaussian(2.0)), Pde(degree=3), Mesh(half_width=12.0, size=0.5))
    assert plan.half_width == (12.0,)
    assert plan.cells == (48,)


@pytest.mark.parametrize("shape", [(16,), (16, 12), (8, 8, 8)])
@pytest.mark.parametrize("half", [False, True])
def test_the_mesh_is_what_was_planned(shape, half):
    problem = problem_of(Gaussian(0.8), shape=shape, extent=(1.0, 0.7, 0.5)[: len(shape)])
    plan = plan_mesh(problem, Pde(degree=2, tolerance=0.1))
    mesh = build(plan, MPI.COMM_SELF, half=half)
    points = mesh.geometry.x[:, : len(shape)]
    upper = np.array(plan.half_width)
    np.testing.assert_allclose(points.max(axis=0), upper)
    np.testing.assert_allclose(points.min(axis=0), [0.0 if half else -upper[0], *-upper[1:]], atol=1e-12)
    assert mesh.topology.index_map(mesh.topology.dim).size_global == np.prod(plan.cells) // (2 if half else 1)


@pytest.mark.parametrize("shape", [(16,), (16, 12), (8, 8, 8)])
def test_vertices_span_cells_of_positive_volume_that_fill_the_box(shape):
    problem = problem_of(Gaussian(0.8), shape=shape, extent=(1.0, 0.7, 0.5)[: len(shape)])
    plan = plan_mesh(problem, Pde(degree=2, tolerance=0.1))
    points, cells = vertices(plan)
    assert len(cells) == np.prod(plan.cells)
    corners = points[cells]
    first = np.stack([corners[:, i] - corners[:, 0] for i in (1, 3, 4)[: len(shape)]], axis=1)[:, :, : len(shape)]
    assert np.linalg.det(first).sum() == pytest.approx(np.prod(2 * np.array(plan.half_width)))
    assert (np.linalg.det(first) > 0).all()


def test_dofs_and_nonzeros_are_those_of_the_assembled_matrix():
    from dolfinx import fem

    from freqbias.pde import forms

    problem = problem_of(Gaussian(0.8), shape=(16, 12), extent=(1.0, 0.7))
    plan = plan_mesh(problem, Pde(degree=4, tolerance=0.1))
    space = forms.lagrange(build(plan, MPI.COMM_SELF), plan.degree)
    matrix = fem.assemble_matrix(forms.mass_form(space, 8))
    assert len(matrix.indptr) - 1 == plan.dofs
    assert len(matrix.indices) == plan.nonzeros
    assert f"{plan.dofs:,}" in describe(problem, plan)


@pytest.mark.parametrize("shape", [(16,), (16, 12), (8, 8, 8)])
def test_simplices_fill_the_box_too(shape):
    problem = problem_of(Gaussian(0.8), shape=shape, extent=(1.0, 0.7, 0.5)[: len(shape)])
    plan = plan_mesh(problem, Pde(operator="local", degree=2, tolerance=0.1), Mesh(adaptive=True))
    points, cells = vertices(plan)
    mesh = build(plan, MPI.COMM_SELF)
    assert len(cells) == plan.cell_count == mesh.topology.index_map(mesh.topology.dim).size_global
    edges = (points[cells[:, 1:]] - points[cells[:, :1]])[:, :, : len(shape)]
    volume = np.prod(2 * np.array(plan.half_width))
    assert np.linalg.det(edges).sum() == pytest.approx(volume * [1, 1, 2, 6][len(shape)])
    assert (np.linalg.det(edges) > 0).all()
