"""The equation on meshes other than boxes: curved layers, and triangles and tetrahedra from a user's file."""

import meshio
import numpy as np
import pytest

from freqbias import pde
from freqbias.errors import InputError
from freqbias.meshes import LayeredPlan
from freqbias.numerics import Grid
from freqbias.pde import Solver
from freqbias.problem import Annulus, Ball, Gaussian, Mesh, Mixture, Network, Pde, Problem, Samples, Uniform
from tests import oracle

TIMES = np.array([0.0, 10.0, 100.0])


def problem_of(density, shape, *, window=None):
    rng, grid = np.random.default_rng(5), Grid(shape, (1.0,) * len(shape))
    values = rng.normal(size=(1, grid.size))
    if window is not None:
        values *= np.exp(-np.sum(grid.positions() ** 2, axis=1) / (2 * window**2))
    return Problem(density, Samples(grid, values), Network(width=2, sigma_a=0.8), TIMES)


def simplices(folder, half_width, cells, dimension):
    """A file with a box of triangles or tetrahedra, which are neither symmetric nor ordered."""
    axis = half_width * np.linspace(-1, 1, cells + 1)
    points = np.stack([a.ravel() for a in np.meshgrid(*[axis] * dimension, indexing="ij")], axis=-1)
    from scipy.spatial import Delaunay

    moved = points + 0.2 * (axis[1] - axis[0]) * np.random.default_rng(2).uniform(-1, 1, points.shape) * (
        np.abs(points) < 0.999 * half_width
    )
    mesh = Delaunay(moved)
    edges = mesh.points[mesh.simplices[:, 1:]] - mesh.points[mesh.simplices[:, :1]]
    volume = np.linalg.det(edges)
    kept = np.abs(volume) > 1e-6 * np.abs(volume).max()
    mirrored = mesh.simplices[:, [1, 0, *range(2, dimension + 1)]]
    turned = np.where((volume < 0)[:, None], mirrored, mesh.simplices)[kept]
    path = folder / f"box{dimension}.vtu"
    kind = {2: "triangle", 3: "tetra"}[dimension]
    meshio.Mesh(np.pad(mesh.points, ((0, 0), (0, 3 - dimension))), {kind: turned}).write(path)
    return Mesh(path=str(path))


def error(problem, kernel, states):
    """max_t |u - u_exact| / |u(0)| of states u (T, C, N), against the exact NTK."""
    positions = oracle.grid(problem.grid.shape, problem.grid.extent)
    matrix = oracle.dense_kernel(positions, kernel, problem.network.sigma_a)
    exact = oracle.flow(matrix, -problem.samples.values, problem.times)
    return np.linalg.norm(states - exact, axis=(1, 2)).max() / np.linalg.norm(exact[0])


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("radius", [3.0, 6.5])
def test_the_data_operator_on_a_disc(tolerance, radius):
    problem = problem_of(Ball(radius), (14, 15))
    solver = Solver(problem, Pde(tolerance=tolerance))
    assert not solver.plan.folded
    states = np.array([snapshot.state for snapshot in solver.trajectory()])
    assert error(problem, oracle.disc(radius), states) <= tolerance


RINGED = {
    "annulus": (Annulus(3.0, 6.0), lambda z: (36 * oracle.disc(6.0)(z) - 9 * oracle.disc(3.0)(z)) / 27),
    "ball in a box": (
        Mixture((1.0, 1.0), (Uniform(6.0), Ball(3.0))),
        lambda z: (oracle.uniform(6.0)(z) + oracle.disc(3.0)(z)) / 2,
    ),
    "ball in a Gaussian": (
        Mixture((1.0, 1.0), (Gaussian(1.2), Ball(3.0))),
        lambda z: (oracle.gaussian(1.2)(z) + oracle.disc(3.0)(z)) / 2,
    ),
}


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4])
@pytest.mark.parametrize("density, kernel", RINGED.values(), ids=RINGED)
def test_the_data_operator_on_layers(tolerance, density, kernel):
    problem = problem_of(density, (14, 14))
    solver = Solver(problem, Pde(tolerance=tolerance))
    assert isinstance(solver.plan, LayeredPlan)
    states = np.array([snapshot.state for snapshot in solver.trajectory()])
    assert error(problem, kernel, states) <= tolerance


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4])
@pytest.mark.parametrize("radius, half", [(5.0, 4.5), (5.0, 2.3)])
def test_edges_on_spheres_and_planes(tolerance, radius, half):
    """In one case the corners of the box lie outside the ball, in the other inside."""
    problem = problem_of(Mixture((1.0, 1.0), (Ball(radius), Uniform(half))), (14, 14))
    solver = Solver(problem, Pde(tolerance=tolerance))
    assert solver.plan.folded
    states = np.array([snapshot.state for snapshot in solver.trajectory()])
    assert error(problem, lambda z: (oracle.disc(radius)(z) + oracle.uniform(half)(z)) / 2, states) <= tolerance
    with pytest.raises(InputError, match="on spheres and on planes"):
        Solver(problem, Pde(operator="local"))


@pytest.mark.parametrize("shape, half_width, cells", [((12, 13), 9.0, 24), ((6, 7, 6), 3.0, 9)])
def test_the_data_operator_on_simplices(tmp_path, shape, half_width, cells):
    problem = problem_of(Gaussian(half_width / 4.5), shape)
    solver = Solver(problem, Pde(degree=4), simplices(tmp_path, half_width, cells, len(shape)))
    states = np.array([snapshot.state for snapshot in solver.trajectory()])
    assert error(problem, oracle.gaussian(half_width / 4.5), states) <= 1e-3


def test_local_operator_on_triangles(tmp_path):
    """Re v and Im v evolve separately on triangles; on the box their Hartley transform does."""
    problem = problem_of(Gaussian(2.0), (40, 40), window=0.08)
    box = Solver(problem, Pde(operator="local", tolerance=1e-4))
    triangles = Solver(problem, Pde(operator="local", tolerance=1e-4, degree=6), simplices(tmp_path, 9.0, 14, 2))
    losses, errors = [], []
    for solver in (box, triangles):
        *_, last = solver.trajectory()
        losses.append(last.loss)
        spectrum = solver.spectrum(list(solver.trajectory()))
        assert np.isfinite(spectrum.error).all()
        errors.append(solver.operator.errors(last.state))
        assert solver.operator.nodes.frequency.shape == spectrum.frequency.shape
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert np.linalg.norm(errors[1] - errors[0]) < 3e-4 * np.linalg.norm(problem.samples.values)


def test_conjugate_spectrum_on_triangles(tmp_path):
    problem = problem_of(Gaussian(2.0), (16, 16), window=0.1)
    spectrum = pde.solve(problem, Pde(operator="local", degree=2), mesh=simplices(tmp_path, 7.9, 8, 2))
    corners = np.abs(np.abs(spectrum.frequency) - 7.9).max(axis=1) < 1e-9
    assert corners.sum() == 4
    v = spectrum.error[0, 0, corners]
    np.testing.assert_allclose(v, v[::-1].conj(), atol=1e-6 * np.abs(spectrum.error).max())
