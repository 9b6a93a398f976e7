"""The data operator on scattered samples of any density against the exact NTK, on one rank and under mpirun."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.numerics import Scattered
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples, Spectrum, Uniform
from tests import launch, oracle

pytestmark = pytest.mark.xdist_group("ranks")

KERNELS = {Gaussian: lambda law: oracle.gaussian(law.sigma), Uniform: lambda law: oracle.uniform(law.radius)}


def two_clusters(count, dimension):
    """Two clusters away from the origin; one is ten times as dense as the other."""
    rng = np.random.default_rng(7)
    dense, sparse = rng.normal(0.3, 0.02, (count // 2, dimension)), rng.normal(-0.2, 0.2, (count // 2, dimension))
    return np.concatenate([dense, sparse])


def towards_the_ends(count, dimension):
    """Positions drawn from a Beta law; ten of them occur twice."""
    points = np.random.default_rng(8).beta(0.5, 0.5, (count - 10, dimension)) - 0.3
    return np.concatenate([points, points[:10]])


PLACES = [two_clusters, towards_the_ends]


def problem_of(density, points, *, end=300.0, noise=1.0, sigma_a=1.0, symmetric=True):
    """A wave, an offset, and noise of all frequencies."""
    rng = np.random.default_rng(9)
    values = 0.3 + np.sin(2 * np.pi * points.sum(axis=1) * 2.3) + noise * rng.normal(size=(1, len(points)))
    network = Network(width=50, sigma_a=sigma_a, symmetric=symmetric)
    return Problem(density, Samples(Scattered(points), values), network, np.array([0, 0.003, 0.1, 0.5, 1.0]) * end)


def worst_error(problem, settings):
    """max_t |v - v_exact| / |v(0)| over the nodes, and the remaining error |u(T)| / |u(0)|."""
    points, spectrum = problem.samples.sites.positions(), pde.solve(problem, settings)
    matrix = oracle.dense_kernel(points, KERNELS[type(problem.density)](problem.density), problem.network.sigma_a)
    u = oracle.flow(matrix, -problem.samples.values, problem.times)
    v = oracle.spectrum(u, points, spectrum.frequency)
    np.testing.assert_allclose(spectrum.loss, 0.5 * np.mean(u[:, 0] ** 2, axis=1), rtol=0, atol=2 * settings.tolerance)
    errors = np.linalg.norm(spectrum.error - v, axis=(1, 2)) / np.linalg.norm(v[0])
    return errors.max(), np.linalg.norm(u[-1]) / np.linalg.norm(u[0])


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
@pytest.mark.parametrize("places", PLACES, ids=lambda p: p.__name__)
@pytest.mark.parametrize("density", [Gaussian(4.0), Gaussian(15.0), Uniform(8.0)], ids=str)
def test_1d(density, places, tolerance):
    error, left = worst_error(problem_of(density, places(100, 1)), Pde(tolerance=tolerance))
    assert left < 0.95  # something was learned
    assert error <= tolerance


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
@pytest.mark.parametrize("places", PLACES, ids=lambda p: p.__name__)
@pytest.mark.parametrize("density", [Gaussian(4.0), Uniform(6.0)], ids=str)
def test_2d(density, places, tolerance):
    error, left = worst_error(problem_of(density, places(250, 2)), Pde(tolerance=tolerance))
    assert left < 0.95
    assert error <= tolerance


def test_3d():
    error, left = worst_error(problem_of(Gaussian(0.5), two_clusters(120, 3)), Pde(tolerance=1e-2, degree=4))
    assert left < 0.95
    assert error <= 1e-2


def test_half_width_for_crowded_samples():
    """A cluster depends more on the tail than the same samples spread over the box.

    A rule that knew only the box would miss the tolerance.
    """
    rng = np.random.default_rng(4)
    points = np.concatenate([rng.normal(0.1, 2e-4, (95, 1)), [[-0.5], [0.5]]])
    problem = problem_of(Gaussian(200.0), points, noise=0.0, sigma_a=0.05, end=3.0)
    error, _ = worst_error(problem, Pde(tolerance=1e-3))
    assert error <= 1e-3


def test_steps_by_conjugate_gradients():
    problem = problem_of(Gaussian(6.0), two_clusters(40, 1), end=30.0)
    problem = replace(problem, times=problem.times[[0, 2, -1]])  # an early time would make many steps
    error, _ = worst_error(problem, Pde(integrator="crank-nicolson", tolerance=1e-2))
    assert error <= 1e-2


def test_the_start_of_a_drawn_network():
    from freqbias.problem import draw

    problem = problem_of(Gaussian(6.0), two_clusters(40, 2), symmetric=False)
    neurons, points = draw(problem.density, problem.network, dimension=2, seed=0), problem.samples.sites.positions()
    angle = 2 * np.pi * neurons.frequencies @ points.T
    f = (neurons.cosine @ np.cos(angle) + neurons.sine @ np.sin(angle)) / np.sqrt(50)
    spectrum = pde.solve(problem, Pde(tolerance=1e-2))
    expected = oracle.spectrum(f - problem.samples.values, points, spectrum.frequency)
    np.testing.assert_allclose(spectrum.error[0], expected, atol=1e-8)


def test_the_local_operator_is_refused():
    with pytest.raises(InputError, match=r'operator = "local".* layout = "scattered"; use operator = "data"'):
        plan_mesh(problem_of(Gaussian(4.0), two_clusters(40, 1)), Pde(operator="local"))


RUN = """
density = {{ kind = "gaussian", sigma = {sigma} }}
data = {{ kind = "file", path = "{dimension}.npy", layout = "scattered", dimension = {dimension} }}
network = {{ width = 100, sigma_a = 1.0, depth = {depth} }}
time = {{ times = [1.0, 20.0, 200.0] }}
pde = {{ tolerance = 0.1, degree = {degree} }}
"""


CASES = {
    2: {"sigma": 4.0, "depth": 2, "degree": 4},
    3: {"sigma": 0.25, "depth": 2, "degree": 2},
    1: {"sigma": 4.0, "depth": 3, "degree": 4},
}


@pytest.fixture(scope="module")
def on_ranks(tmp_path_factory):
    """The spectrum in each dimension on each number of ranks; one mpirun for each number."""
    folder = tmp_path_factory.mktemp("ranks")
    for dimension, case in CASES.items():
        points = two_clusters(60, dimension)
        table = np.column_stack([points, np.sin(9 * points.sum(axis=1)), points[:, 0] ** 2])
        np.save(folder / f"{dimension}.npy", table)
        (folder / f"{dimension}.toml").write_text(RUN.format(dimension=dimension, **case))
    spectra = {dimension: {} for dimension in CASES}
    for ranks in (1, 3):
        outs = {dimension: folder / f"{dimension}-{ranks}" for dimension in CASES}
        commands = [["pde", folder / f"{dimension}.toml", "--out", out] for dimension, out in outs.items()]
        assert [done.returncode for done in launch.run_all(commands, ranks=ranks)] == [0] * len(CASES)
        for dimension, out in outs.items():
            spectra[dimension][ranks] = Spectrum.load(out / "pde" / "spectrum.nc")
    return spectra


@pytest.mark.parametrize("dimension", CASES)
def test_three_ranks_equal_one(dimension, on_ranks):
    spectra = on_ranks[dimension]
    assert spectra[1].error.shape[:2] == (4, 2)
    assert not {"points", "extent"} & spectra[1].attributes.keys()
    alone, together = spectra[1], spectra[3]
    np.testing.assert_allclose(together.frequency, alone.frequency, rtol=0, atol=1e-12)
    np.testing.assert_allclose(together.error, alone.error, rtol=0, atol=1e-8 * np.abs(alone.error).max())
    np.testing.assert_allclose(together.loss, alone.loss, rtol=1e-8)
