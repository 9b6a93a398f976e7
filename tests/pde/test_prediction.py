"""Values at positions without samples, as the equation predicts them, against the oracle."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias.numerics import Grid, Positions, Scattered
from freqbias.pde import solve
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples, Spectrum
from tests import launch, oracle
from tests.fuzz.predictions import joint_kernel, pde_prediction
from tests.nn.test_prediction import PLACES

pytestmark = pytest.mark.xdist_group("ranks")

TIMES = np.array([0.0, 0.7, 5.0, 60.0])


def flow(values, t):
    return np.exp(-t * values)


def assert_predicts(problem, targets, k, settings, exact_factor=flow, at=TIMES):
    start = -problem.samples.values
    exact, _ = oracle.prediction(joint_kernel(problem, targets, k), problem.sites.size, start, at, exact_factor)
    found = solve(replace(problem, predict_at=targets), settings)
    errors = np.abs(found.prediction - exact).max(axis=(1, 2))
    assert (errors <= found.prediction_bound + 1e-9).all()
    assert errors.max() < 5 * settings.tolerance * np.abs(exact).max()
    np.testing.assert_array_equal(found.point_position, targets.positions())
    return found


def problem_on(sites, sigma=3.0, **network):
    values = np.random.default_rng(5).normal(size=(2, sites.size))
    return Problem(Gaussian(sigma), Samples(sites, values), Network(**{"width": 2, "sigma_a": 1.0} | network), TIMES)


@pytest.mark.parametrize("place", PLACES)
def test_flow(place):
    sites, targets = PLACES[place]
    sigma = 3.0 if sites.dimension < 3 else 0.7
    settings = Pde(tolerance=1e-3) if sites.dimension < 3 else Pde(tolerance=1e-2, degree=4)
    assert_predicts(problem_on(sites, sigma), targets, oracle.gaussian(sigma), settings)


def test_folded_laws_between_the_points_of_a_grid():
    """A density beyond the Nyquist frequency: its folded law is wrong between the points, so it is not folded there."""
    sites, targets = Grid((20,), (1.0,)), Positions(np.linspace(-0.475, 0.475, 41)[:, None])
    assert_predicts(problem_on(sites, 12.0), targets, oracle.gaussian(12.0), Pde(tolerance=1e-3))


def test_positions_outside_the_box_refine_the_mesh():
    sites, targets = Grid((20,), (1.0,)), Positions(np.array([[0.7]]))
    problem = problem_on(sites, 2.0)
    found = assert_predicts(problem, targets, oracle.gaussian(2.0), Pde(tolerance=1e-3))
    assert len(found.frequency) > 1.2 * len(solve(problem, Pde(tolerance=1e-3)).frequency)


def test_held_out_samples_outside_the_box_of_scattered_samples():
    """The laws of relu are folded, so the fold must be exact at the distances to the held-out samples too."""
    x = np.random.default_rng(0).uniform(-0.05, 0.05, (30, 1))
    sites, targets = Scattered(x), Scattered(np.array([[-0.9], [0.7], [0.9]]))
    problem = problem_on(sites, 0.3, depth=3, activation="relu")
    as_positions = assert_predicts(problem, targets, oracle.gaussian(0.3), Pde(tolerance=1e-3))
    held_out = Samples(targets, np.zeros((2, 3)), held_out=True)
    found = solve(replace(problem, held_out=held_out), Pde(tolerance=1e-3))
    np.testing.assert_allclose(found.held_out_error, as_positions.prediction, rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation, depth", [("relu", 3), ("sine", 4)])
def test_deeper_networks(activation, depth):
    sites, targets = PLACES["parts of a grid, 1-D"]
    problem = problem_on(sites, depth=depth, activation=activation)
    assert_predicts(problem, targets, oracle.gaussian(3.0), Pde(tolerance=1e-3))


def test_steps_of_gradient_descent():
    sites, targets = PLACES["parts of a grid, 2-D"]
    problem = problem_on(sites)
    step = 0.2
    counts = [0, 5, 60]
    problem = replace(problem, times=np.array(counts) * step)
    settings = Pde(tolerance=1e-3, dynamics="gradient-descent", step=step)
    assert_predicts(
        problem, targets, oracle.gaussian(3.0), settings, lambda values, s: (1 - step * values) ** s, counts
    )


def test_start_of_a_network_that_is_not_symmetric():
    from freqbias.nn import EmpiricalKernel

    sites, targets = PLACES["off the grid, 1-D"]
    problem = replace(problem_on(sites, width=30, symmetric=False), predict_at=targets)
    found = solve(problem, Pde(tolerance=1e-3))
    np.testing.assert_allclose(found.prediction[0], EmpiricalKernel(problem).at(targets).start, rtol=0, atol=1e-10)


def test_stepping_integrators_predict_nothing():
    sites, targets = PLACES["off the grid, 1-D"]
    found = solve(replace(problem_on(sites), predict_at=targets), Pde(integrator="crank-nicolson", step=0.5))
    assert found.prediction is None and found.prediction_bound is None


@pytest.mark.parametrize("number", [6, 22])
def test_bound_is_never_below_the_error(number):
    assert not pde_prediction(number).failure


RUN = """
[density]
kind = "gaussian"
sigma = 3.0
[data]
kind = "waves"
dimension = 1
points = 48
frequencies = [[3.0], [8.0]]
held_out = 0.5
predict_points = 60
[network]
width = 2
sigma_a = 1.0
[time]
times = [1.0, 20.0]
"""


def test_ranks_and_files(tmp_path):
    (tmp_path / "run.toml").write_text(RUN)
    found = []
    for ranks in (1, 2):
        (done,) = launch.run_all([["pde", tmp_path / "run.toml", "--out", tmp_path / str(ranks)]], ranks=ranks)
        assert done.returncode == 0, done.stderr
        found.append(Spectrum.load(tmp_path / str(ranks) / "pde" / "spectrum.nc"))
    for name in ("held_out_position", "held_out_error", "point_position", "prediction", "prediction_bound"):
        one, two = (getattr(each, name) for each in found)
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-9 * np.abs(one).max())
    assert found[0].prediction.shape == (3, 1, 60) and found[0].held_out_error.shape == (3, 1, 24)
