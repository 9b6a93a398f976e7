"""The equation against the exact NTK: at every output time the error over the start is at most the tolerance."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.errors import InputError
from freqbias.numerics import Grid
from freqbias.problem import (
    Annulus,
    Ball,
    Gaussian,
    Laplace,
    Laws,
    Mixture,
    Network,
    Pde,
    Problem,
    Samples,
    ScaledDensity,
    StudentT,
    Table,
    Uniform,
)
from tests import oracle
from tests.pde.against_ntk import exact, problem_of, worst_error

TOLERANCES = [1e-2, 1e-3, 1e-4]


def for_equal_steps(problem, integrator):
    """Without the first output time, which would make equal steps thirty times as many, for `theta.automatic_step`."""
    equal = integrator in {"crank-nicolson", "backward-euler"}
    return replace(problem, times=problem.times[[0, 2, -1]]) if equal else problem


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("window", [0.1, None], ids=["windowed", "to the edge"])
@pytest.mark.parametrize("n", [64, 65])
@pytest.mark.parametrize("extent", [0.4, 2.5])
@pytest.mark.parametrize("law", [Gaussian(4.0), Gaussian(20.0), Uniform(12.0), Uniform(50.0)], ids=str)
def test_data_operator_1d(law, extent, n, window, tolerance):
    density = type(law)(*(value / extent for value in vars(law).values()))
    problem = problem_of(density, (n,), (extent,), [[2 / extent], [7.3 / extent]], window and window * extent, 300.0)
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=tolerance)))
    assert left < 0.3  # something was learned
    assert error <= tolerance


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("window", [0.15, None], ids=["windowed", "to the edge"])
@pytest.mark.parametrize("density", [Gaussian(2.5), Gaussian(10.0), Uniform(5.0), Uniform(13.0), Ball(6.0)], ids=str)
def test_data_operator_2d(density, window, tolerance):
    problem = problem_of(density, (20, 17), (1.0, 0.8), [[2.0, 1.0], [3.3, -5.0]], window, 1500.0)
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=tolerance)))
    assert left < 0.3
    assert error <= tolerance


def bumps(*shape):
    """An even table."""
    values = np.random.default_rng(2).uniform(0.1, 1, size=shape)
    return values + np.flip(values)


LINE = {
    "laplace": Laplace(3.0),
    "cauchy": StudentT(8.0, 1.0),
    "student-t": StudentT(3.0, 3.0),
    "annulus": Annulus(8.0, 16.0),
    "mixture": Mixture((1.0, 3.0), (Gaussian(3.0), Uniform(5.1))),
    "annulus in a mixture": Mixture((1.0, 3.0), (Laplace(3.0), Annulus(3.0, 5.1))),
    "table": Table(bumps(13), (8.0,)),
    "folded table": Table(bumps(30), (40.0,)),
}
PLANE = {
    "laplace": Laplace(2.0),
    "student-t": StudentT(2.0, 3.0),
    "annulus": Annulus(2.0, 4.0),
    "folded annulus": Annulus(6.0, 12.0),
    "mixture": Mixture((1.0, 3.0), (Gaussian(2.0), Uniform(3.4))),
    "annulus in a mixture": Mixture((1.0, 3.0), (Laplace(2.0), Annulus(2.0, 3.4))),
    "table": Table(bumps(9, 8), (5.0, 6.5)),
}


@pytest.mark.parametrize("tolerance", TOLERANCES[1:])
@pytest.mark.parametrize(
    ("shape", "extent", "frequencies", "end", "density"),
    [((64,), (1.0,), [[2.0], [7.3]], 300.0, density) for density in LINE.values()]
    + [((20, 17), (1.0, 0.8), [[2.0, 1.0], [3.3, -5.0]], 1500.0, density) for density in PLANE.values()],
    ids=[*(f"{name}, 1-D" for name in LINE), *(f"{name}, 2-D" for name in PLANE)],
)
def test_data_operator_with_edges_and_tails(density, shape, extent, frequencies, end, tolerance):
    problem = problem_of(density, shape, extent, frequencies, None, end)
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=tolerance)))
    assert left < 0.8
    assert error <= tolerance


@pytest.mark.parametrize("degree", [2, 4, 8])
@pytest.mark.parametrize("density", [Gaussian(8.0), Uniform(12.0)], ids=str)
def test_every_degree(density, degree):
    problem = problem_of(density, (63,), (1.0,), [[2.0], [7.3]], None, 300.0)
    error, _ = worst_error(problem, pde.solve(problem, Pde(tolerance=1e-3, degree=degree)))
    assert error <= 1e-3


def test_white_noise_in_two_channels():
    """The hardest target: all frequencies, up to the edge of the data, and channels of different size."""
    rng = np.random.default_rng(3)
    samples = Samples(Grid((18, 18), (1.0, 1.0)), rng.normal(size=(2, 324)) * [[1.0], [100.0]])
    problem = Problem(Gaussian(4.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 10.0, 3000.0]))
    spectrum = pde.solve(problem, Pde(tolerance=1e-3))
    positions, u = exact(problem)
    v = oracle.spectrum(u, positions, spectrum.frequency)
    errors = np.linalg.norm(spectrum.error - v, axis=2) / np.linalg.norm(v[0], axis=1)
    assert errors.max() <= 1e-3


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
@pytest.mark.parametrize(
    "density, shape, extent, sigma_a",
    [(Gaussian(2.0), (14, 18), (0.3, 3.0), 1.0), (Gaussian(1.5), (40,), (10.0,), 30.0)],
    ids=["mixed extents", "large sigma_a and extent"],
)
def test_extremes(density, shape, extent, sigma_a, tolerance):
    noise = np.random.default_rng(5).normal(size=(1, int(np.prod(shape))))
    samples = Samples(Grid(shape, extent), noise)
    problem = Problem(density, samples, Network(width=2, sigma_a=sigma_a), np.array([0.0, 1e-3, 1.0, 1e4]))
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=tolerance)))
    assert left < 0.9
    assert error <= tolerance


@pytest.mark.parametrize("shape, extent", [((96,), (1.0,)), ((16, 14), (1.0, 0.8))])
def test_narrow_peak_with_heavy_tails(shape, extent):
    frequencies = [[3.0, 2.0][: len(shape)]]
    problem = problem_of(StudentT(0.01, 1.0), shape, extent, frequencies, None, 400.0)
    error, left = worst_error(problem, pde.solve(problem, Pde(tolerance=1e-3)))
    assert left > 0.5
    assert error <= 1e-3


@pytest.mark.parametrize("shape, extent", [((48,), (1.0,)), ((16, 14), (1.0, 0.8))])
@pytest.mark.parametrize("atom", [0.0, 0.3])
def test_laws_of_different_widths(shape, extent, atom):
    """K = G(x - x') + 4 pi^2 x.x' H(x - x') with G and H of different widths, and G(infinity) = atom."""
    dimension = len(shape)
    laws = Laws(ScaledDensity(Gaussian(4.0), 0.7, dimension), ScaledDensity(Gaussian(2.5), 0.4, dimension), atom)
    samples = Samples(Grid(shape, extent), 1.0 + np.random.default_rng(6).normal(size=(1, int(np.prod(shape)))))
    times = np.array([0.0, 1.0, 30.0, 1000.0])
    problem = Problem(Gaussian(4.0), samples, Network(width=2, sigma_a=1.0), times, laws=laws)
    positions = oracle.grid(shape, extent)
    differences = positions[:, None, :] - positions[None, :, :]
    g, h = oracle.gaussian(4.0)(differences), oracle.gaussian(2.5)(differences)
    matrix = (0.7 * g + atom + 0.4 * (2 * np.pi) ** 2 * (positions @ positions.T) * h) / len(positions)
    u = oracle.flow(matrix, -samples.values, times)
    spectrum = pde.solve(problem, Pde(tolerance=1e-4))
    v = oracle.spectrum(u, positions, spectrum.frequency)
    assert np.linalg.norm(spectrum.error - v, axis=(1, 2)).max() <= 1e-4 * np.linalg.norm(v[0])


def test_local_operator_refuses_an_atom():
    base = problem_of(Gaussian(6.0), (96,), (1.0,), [[3.0]], 0.1, 10.0)
    laws = Laws(ScaledDensity(Gaussian(6.0), 1.0, 1), ScaledDensity(Gaussian(6.0), 0.0, 1), atom=0.3)
    problem = Problem(base.density, base.samples, base.network, base.times, laws=laws)
    with pytest.raises(InputError, match="atom"):
        pde.solve(problem, Pde(operator="local"))


@pytest.mark.parametrize("sigma_a", [0.0, 0.01, 3.0])
def test_any_output_variance(sigma_a):
    problem = problem_of(Gaussian(10.0), (64,), (1.0,), [[3.0], [10.0]], None, 200.0, sigma_a)
    error, _ = worst_error(problem, pde.solve(problem, Pde(tolerance=1e-4)))
    assert error <= 1e-4


def test_errors_and_loss_of_the_exact_flow():
    problem = problem_of(Gaussian(10.0), (64,), (1.0,), [[3.0], [10.0]], None, 200.0)
    spectrum = pde.solve(problem, Pde(tolerance=1e-5))
    _, u = exact(problem)
    np.testing.assert_allclose(spectrum.loss, 0.5 * np.mean(u[:, 0] ** 2, axis=1), rtol=1e-4)
    np.testing.assert_allclose(spectrum.sample_error, u, rtol=0, atol=1e-4 * np.abs(u).max())


@pytest.mark.parametrize("integrator", ["lanczos", "adaptive", "crank-nicolson", "backward-euler"])
def test_local_operator_windowed_gaussian_1d(integrator):
    problem = problem_of(Gaussian(10.0), (128,), (1.0,), [[3.0], [10.0], [20.0]], 0.08, 200.0)
    problem = for_equal_steps(problem, integrator)
    tolerance, bound = (5e-2, 1e-2) if integrator == "backward-euler" else (1e-3, 1e-3)  # first order: many steps
    spectrum = pde.solve(problem, Pde(operator="local", integrator=integrator, tolerance=tolerance))
    error, left = worst_error(problem, spectrum)
    assert left < 0.3
    assert error <= bound
    assert spectrum.attributes["outside"] < 1e-4


def test_local_operator_windowed_gaussian_2d():
    problem = problem_of(Gaussian(3.0), (34, 36), (1.0, 1.05), [[3.0, 2.0], [5.0, -4.0]], 0.09, 1000.0)
    error, left = worst_error(problem, pde.solve(problem, Pde(operator="local", tolerance=1e-3)))
    assert left < 0.3
    assert error <= 1e-3


def test_share_outside(caplog):
    """For a target that does not vanish at the edge the local operator is wrong, and `leaked` says by how much."""
    problem = problem_of(Gaussian(2.0), (64,), (1.0,), [[2.5]], None, 10.0)
    spectrum = pde.solve(problem, Pde(operator="local"))
    assert spectrum.attributes["outside"] > 0.01 and spectrum.sample_error is None
    leaked = spectrum.attributes["leaked"]
    assert leaked > 0.02
    assert worst_error(problem, spectrum)[0] == pytest.approx(leaked, rel=0.4)
    assert f"an error of {leaked:.2g} relative to the initial error leaked out of the box" in caplog.text


def test_local_operator_warns_of_narrow_densities(caplog):
    problem = problem_of(Gaussian(0.1), (64,), (1.0,), [[2.5]], 0.2, 1.0)
    pde.solve(problem, Pde(operator="local"))
    assert "right only for densities much wider than 1/extent = 1.02" in caplog.text


def test_share_outside_at_the_start():
    """Even if the mesh of a compact support leaves out part of the target."""
    problem = problem_of(Uniform(5.0), (64,), (1.0,), [[3.0], [6.0]], 0.08, 100.0)
    solver = pde.Solver(problem, Pde(operator="local"))
    snapshots = list(solver.trajectory())
    assert snapshots[0].outside == 0
    assert 0 < snapshots[-1].outside < 0.5


@pytest.mark.parametrize("integrator", ["adaptive", "crank-nicolson", "backward-euler"])
def test_data_operator_with_time_stepping(integrator):
    problem = for_equal_steps(problem_of(Gaussian(6.0), (24,), (1.0,), [[3.0], [5.0]], None, 15.0), integrator)
    tolerance = 5e-2 if integrator == "backward-euler" else 1e-2  # first order: many steps
    error, _ = worst_error(problem, pde.solve(problem, Pde(integrator=integrator, tolerance=tolerance)))
    assert error <= 1e-2


def test_start_of_a_drawn_network():
    base = problem_of(Gaussian(6.0), (32,), (1.0,), [[3.0]], None, 10.0)
    problem = Problem(base.density, base.samples, Network(width=50, sigma_a=1.0, symmetric=False), base.times, seed=7)
    from freqbias.problem import draw

    neurons = draw(problem.density, problem.network, dimension=1, seed=7)
    angle = 2 * np.pi * neurons.frequencies @ problem.grid.positions().T
    f = (neurons.cosine @ np.cos(angle) + neurons.sine @ np.sin(angle)) / np.sqrt(50)
    spectrum = pde.solve(problem, Pde(tolerance=1e-6))
    expected = oracle.spectrum(f - problem.samples.values, problem.grid.positions(), spectrum.frequency)
    np.testing.assert_allclose(spectrum.error[0], expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    "density, settings, match",
    [
        (Gaussian(30.0), Pde(operator="local"), "points"),
        (Uniform(20.0), Pde(operator="local"), "alias"),
        (Gaussian(3.0), Pde(degree=5), "degree = 5"),
    ],
)
def test_refusals(density, settings, match):
    with pytest.raises(InputError, match=match):
        pde.solve(problem_of(density, (32,), (1.0,), [[3.0]], None, 10.0), settings)
