"""The mesh that follows from a tolerance."""

import numpy as np
import pytest
from mpi4py import MPI

from freqbias.errors import InputError
from freqbias.meshes import BoxPlan, LayeredPlan, build, describe, plan_mesh, tail_half_width, vertices
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


def test_compact_support():
    assert plan_mesh(problem_of(Uniform(7.3))).half_width == (7.3,)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
def test_tail_of_a_gaussian(tolerance):
    problem = problem_of(Gaussian(4.0), extent=(0.9,))
    (radius,) = plan_mesh(problem, Pde(tolerance=tolerance)).half_width
    reach = problem.grid.reach[0]
    weight = 100.0 / 0.9 * (1 + (2 * np.pi * reach) ** 2)
    beyond = weight * problem.density.density(np.array([[radius]]))[0]
    assert beyond == pytest.approx(0.25 * tolerance)
    assert 3.5 < radius / 4.0 < 6


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("density", [Gaussian(4.0), Laplace(3.0), StudentT(2.0, 1.0)])
def test_half_width_of_dense_samples(density, dimension):
    """Half of the samples lie within 1e-3 of each other, which only short waves resolve."""
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.uniform(-1, 1, (500, dimension)), rng.uniform(0, 1e-3, (500, dimension))])
    samples = Samples(Scattered(points), rng.normal(size=(1, 1000)))
    problem = Problem(density, samples, Network(width=2, sigma_a=1.0), np.array([0.0, 100.0]))
    radius = tail_half_width(problem, 1e-3)
    beyond = density.density(np.eye(1, dimension) * radius)[0] * (1 + (2 * np.pi * problem.reach) ** 2)
    matters = 100.0 * beyond * problem.sites.peak_density(radius) / (0.25 * 1e-3)
    assert 0.5 < matters < 1.1


def test_half_width_of_folded_laws():
    """Three samples far apart. Folded laws are exact from a sample to itself, at any half-width."""
    sites = Scattered(np.array([[-0.5], [0.1], [0.5]]))
    network = Network(width=2, sigma_a=1.0, depth=3, activation="relu")
    problem = Problem(Gaussian(4.0), Samples(sites, np.ones((1, 3))), network, np.array([0.0, 10.0]))
    assert tail_half_width(problem, 1e-3) == pytest.approx(problem.laws.tail_radius(0.25 * 1e-3 / 10, 0.5), rel=1e-12)


def test_node_limit_for_slow_tails():
    rng = np.random.default_rng(3)
    samples = Samples(Scattered(rng.uniform(-1, 1, (500, 2))), rng.normal(size=(1, 500)))
    network = Network(width=2, sigma_a=1.0, depth=3, activation="relu")
    problem = Problem(Gaussian(4.0), samples, network, np.array([0.0, 100.0]))
    plan = plan_mesh(problem)
    assert plan.half_width[0] < 0.2 * tail_half_width(problem, 1e-3)
    assert 0.9e6 < plan.dofs < 1.1e6
    assert plan_mesh(problem, mesh=Mesh(half_width=2 * plan.half_width[0])).dofs > 3.6e6


@pytest.mark.parametrize("operator, order", [("data", 8), ("local", 7)])
def test_nodes_per_reach_by_tolerance(operator, order):
    nodes = [nodes_per_reach(Pde(operator=operator, tolerance=10.0**-k)) for k in range(2, 9)]
    assert (np.diff(nodes) > 0).all()
    assert nodes[6] / nodes[3] == pytest.approx(1000 ** (1 / order))


def test_cell_size_by_axis():
    problem = problem_of(Gaussian(2.0), shape=(40, 40), extent=(1.0, 2.0))
    size = plan_mesh(problem).size
    assert size[0] / size[1] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("density", [Gaussian(30.0), Uniform(40.0)])
def test_folding_beyond_nyquist(density):
    plan = plan_mesh(problem_of(density))
    assert plan.folded
    assert plan.half_width == (32.0,)


def test_layers_for_a_ball():
    inside = plan_mesh(problem_of(Ball(5.0), shape=(32, 32), extent=(1.0, 1.0)))
    assert isinstance(inside, LayeredPlan)
    assert [radius for radius, _ in inside.layers] == [5.0]
    assert plan_mesh(problem_of(Ball(17.0), shape=(32, 32), extent=(1.0, 1.0))).folded
    assert isinstance(plan_mesh(problem_of(Ball(5.0))), BoxPlan)


def test_edge_on_a_mesh_line():
    plan = plan_mesh(problem_of(Uniform(5.0)), Pde(), Mesh(half_width=9.0))
    assert isinstance(plan, BoxPlan)
    (lines,) = plan.lines
    assert {-9.0, -5.0, 0.0, 5.0, 9.0} <= set(lines)
    np.testing.assert_array_equal(lines, -lines[::-1])


def test_hollow_only_if_the_middle_is_empty():
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


def test_half_width_beyond_the_support():
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
def test_half_width_too_small(density, shape, half_width, left_out, support, operator):
    """2 (1 - Phi(2.2)) = 2.78 %, 1 - (2 Phi(2.5) - 1)^2 = 2.47 %, 1 - 0.99^3 = 2.97 %. The advised one is accepted."""
    problem, settings = problem_of(density, shape, (1.0,) * len(shape)), Pde(operator=operator)
    message = rf"half_width = {half_width:g}: the mesh leaves out {left_out} % of .* about \|xi_i\| <= {support}"
    with pytest.raises(InputError, match=message) as refused:
        plan_mesh(problem, settings, Mesh(half_width=half_width))
    enough = float(str(refused.value).rpartition(" ")[2])
    plan_mesh(problem, settings, Mesh(half_width=enough))


def test_local_mesh_covers_only_the_support():
    plan = plan_mesh(problem_of(Uniform(5.0)), Pde(operator="local"), Mesh(half_width=9.0))
    assert plan.half_width == (5.0,)


def test_given_mesh_size():
    plan = plan_mesh(problem_of(Gaussian(2.0)), Pde(degree=3), Mesh(half_width=12.0, size=0.5))
    assert plan.half_width == (12.0,)
    assert plan.cells == (48,)


@pytest.mark.parametrize("shape", [(16,), (16, 12), (8, 8, 8)])
@pytest.mark.parametrize("half", [False, True])
def test_mesh_matches_the_plan(shape, half):
    problem = problem_of(Gaussian(0.8), shape=shape, extent=(1.0, 0.7, 0.5)[: len(shape)])
    plan = plan_mesh(problem, Pde(degree=2, tolerance=0.1))
    mesh = build(plan, MPI.COMM_SELF, half=half)
    points = mesh.geometry.x[:, : len(shape)]
    upper = np.array(plan.half_width)
    np.testing.assert_allclose(points.max(axis=0), upper)
    np.testing.assert_allclose(points.min(axis=0), [0.0 if half else -upper[0], *-upper[1:]], atol=1e-12)
    assert mesh.topology.index_map(mesh.topology.dim).size_global == np.prod(plan.cells) // (2 if half else 1)


@pytest.mark.parametrize("shape", [(16,), (16, 12), (8, 8, 8)])
def test_vertices_fill_the_box(shape):
    problem = problem_of(Gaussian(0.8), shape=shape, extent=(1.0, 0.7, 0.5)[: len(shape)])
    plan = plan_mesh(problem, Pde(degree=2, tolerance=0.1))
    points, cells = vertices(plan)
    assert len(cells) == np.prod(plan.cells)
    corners = points[cells]
    first = np.stack([corners[:, i] - corners[:, 0] for i in (1, 3, 4)[: len(shape)]], axis=1)[:, :, : len(shape)]
    assert np.linalg.det(first).sum() == pytest.approx(np.prod(2 * np.array(plan.half_width)))
    assert (np.linalg.det(first) > 0).all()


def test_dofs_and_nonzeros_of_the_matrix():
    from dolfinx import fem

    from freqbias.pde import forms

    problem = problem_of(Gaussian(0.8), shape=(16, 12), extent=(1.0, 0.7))
    plan = plan_mesh(problem, Pde(degree=4, tolerance=0.1))
    space = forms.lagrange(build(plan, MPI.COMM_SELF), plan.degree)
    matrix = fem.assemble_matrix(forms.mass_integral(space, 8).form())
    assert len(matrix.indptr) - 1 == plan.dofs
    assert len(matrix.indices) == plan.nonzeros
    assert f"{plan.dofs:,}" in describe(problem, plan)


@pytest.mark.parametrize("shape", [(16,), (16, 12), (8, 8, 8)])
def test_simplices_fill_the_box(shape):
    problem = problem_of(Gaussian(0.8), shape=shape, extent=(1.0, 0.7, 0.5)[: len(shape)])
    plan = plan_mesh(problem, Pde(operator="local", degree=2, tolerance=0.1), Mesh(adaptive=True))
    points, cells = vertices(plan)
    mesh = build(plan, MPI.COMM_SELF)
    assert len(cells) == plan.cell_count == mesh.topology.index_map(mesh.topology.dim).size_global
    edges = (points[cells[:, 1:]] - points[cells[:, :1]])[:, :, : len(shape)]
    volume = np.prod(2 * np.array(plan.half_width))
    assert np.linalg.det(edges).sum() == pytest.approx(volume * [1, 1, 2, 6][len(shape)])
    assert (np.linalg.det(edges) > 0).all()
