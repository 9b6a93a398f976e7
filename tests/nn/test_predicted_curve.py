"""Losses from one Krylov space against the eigenvectors of the network's own kernel matrix."""

import numpy as np
import pytest

from freqbias import nn
from freqbias.nn import Budget, JointInfiniteKernel, JointKernel, PredictedCurve
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples
from tests import oracle
from tests.nn.definition import jacobians

TIMES = np.array([0.0, 1.0])
BUDGETS = [Budget(steps=5), Budget(steps=60, factor=0.5), Budget(time=30.0)]


def problem_of(kind, *, channels=2, **network):
    rng = np.random.default_rng(1)
    if kind == "grid":
        samples = Samples(Grid((9, 8), (1.0, 1.0)), rng.normal(size=(channels, 72)))
    else:
        samples = Samples(Scattered(rng.uniform(-0.5, 0.5, (70, 2))), rng.normal(size=(channels, 70)))
    training, held_out = samples.split(0.4, seed=2)
    settings = Network(**{"width": 60, "sigma_a": 1.0} | network)
    return Problem(Gaussian(2.0), training, settings, TIMES, seed=4, held_out=held_out)


def matrices(problem):
    """K between the samples, (C N, C N), K from them to the held-out samples, and f on both at t = 0."""
    (f, at_samples), (g, elsewhere) = jacobians(problem, problem.sites, problem.held_out.sites)
    if problem.network.symmetric:
        f, g = 0 * f, 0 * g
    return at_samples @ at_samples.T / problem.sites.size, elsewhere @ at_samples.T / problem.sites.size, f, g


def exact_losses(problem, budget, largest, at=None):
    """The losses on training and held-out samples, and tr q(K) / n. at: `spectral(problem)`, to compute it once."""
    values, vectors, across, start, held_out_start = at or spectral(problem)
    q = np.exp(-budget.time * values) if budget.time else (1 - budget.factor / largest * values) ** budget.steps
    modes = vectors.T @ start
    error = vectors @ (q * modes)
    other = held_out_start - across @ (vectors @ ((1 - q) / values * modes))
    return 0.5 * error @ error / problem.sites.size, 0.5 * other @ other / problem.held_out.sites.size, q.mean()


def spectral(problem):
    matrix, across, f, g = matrices(problem)
    values, vectors = np.linalg.eigh(matrix)
    start, held_out_start = (f - problem.samples.values).ravel(), (g - problem.held_out.values).ravel()
    return np.maximum(values, 1e-15), vectors, across, start, held_out_start


@pytest.mark.parametrize("kind, network", [
    ("grid", {}), ("scattered", {}), ("grid", {"symmetric": False}), ("grid", {"diagonal": True}),
    ("scattered", {"depth": 3, "hidden_width": 16, "activation": "sine"}),
])  # fmt: skip
def test_losses_equal_the_exact_ones(kind, network):
    problem = problem_of(kind, **network)
    curve = PredictedCurve(JointKernel(problem), BUDGETS)
    assert curve.largest == pytest.approx(np.linalg.eigvalsh(matrices(problem)[0])[-1], rel=1e-6)
    for budget in BUDGETS:
        training, held_out, _ = exact_losses(problem, budget, curve.largest)
        assert curve.training(budget) == pytest.approx(training, rel=5e-3)
        assert curve.held_out(budget) == pytest.approx(held_out, rel=5e-3)
        assert curve.training(budget) < 0.9 * curve.training(Budget(steps=1))


@pytest.mark.parametrize("kind", [JointKernel, JointInfiniteKernel])
def test_long_training_on_noise_without_held_out_samples(kind):
    """A few products see only large eigenvalues, for which the error seems to vanish at once."""
    rng = np.random.default_rng(0)
    x = (np.arange(200) - 99.5) / 200
    values = np.sin(2 * np.pi * x) + 0.5 * np.sin(8 * np.pi * x) + 0.3 * rng.normal(size=(1, 200))
    problem = Problem(Gaussian(20.0), Samples(Grid((200,), (1.0,)), values), Network(width=200, sigma_a=1.0), TIMES)
    kernel = kind(problem)
    curve = PredictedCurve(kernel, [Budget(steps=3000)])
    matrix = np.array([kernel.apply(row[None])[0][0] for row in np.eye(200)])
    u = np.linalg.matrix_power(np.eye(200) - matrix / curve.largest, 3000) @ -values[0]
    assert curve.converged and curve.training(Budget(steps=3000)) == pytest.approx(0.5 * np.mean(u**2), rel=5e-3)
    assert curve.training(Budget(steps=3000)) > 0.05 * curve.training(Budget(steps=1))


def test_single_precision_is_enough():
    problem = problem_of("grid")
    curves = [PredictedCurve(JointKernel(problem, precision=each), BUDGETS) for each in ("single", "double")]
    for budget in BUDGETS:
        one, two = (curve.held_out(budget) for curve in curves)
        assert one == pytest.approx(two, rel=1e-4)


def test_best_stopping_point():
    problem = problem_of("grid", channels=1, width=2000)
    curve = PredictedCurve(JointKernel(problem), [Budget(steps=400)])
    at = spectral(problem)
    losses = {steps: exact_losses(problem, Budget(steps=steps), curve.largest, at)[1] for steps in range(1, 401)}
    best = curve.best(Budget(steps=400))
    assert losses[best.steps] <= 1.01 * min(losses.values())
    assert curve.best(Budget(steps=1)).steps == 1


@pytest.mark.parametrize("kind", ["grid", "scattered"])
def test_infinite_width(kind):
    problem = problem_of(kind, channels=1)
    sites, targets = problem.sites, problem.held_out.sites
    positions = np.concatenate([sites.positions(), targets.positions()])
    joint = oracle.dense_kernel(positions, oracle.gaussian(2.0), 1.0) * len(positions)
    budget = Budget(time=50.0)
    change, left = oracle.prediction(
        joint, sites.size, -problem.samples.values, [50.0], lambda values, t: np.exp(-t * values)
    )
    curve = PredictedCurve(JointInfiniteKernel(problem), [budget])
    assert curve.training(budget) == pytest.approx(0.5 * np.mean(left**2), rel=5e-3)
    assert curve.held_out(budget) == pytest.approx(0.5 * np.mean((change[0] - problem.held_out.values) ** 2), rel=5e-3)


def test_training_follows_the_prediction():
    """The loss of a real training, which differs by feature learning only."""
    problem = problem_of("grid", channels=1, width=8_000)
    curve = PredictedCurve(JointKernel(problem), [Budget(steps=50)])
    step = 1 / curve.largest
    trained = Problem(
        problem.density, problem.samples, problem.network, np.array([0.0, 50 * step]), seed=4, held_out=problem.held_out
    )
    settings = nn.plan_training(trained).settings.model_copy(update={"integrator": "gradient-descent", "step": step})
    history = nn.train(trained, settings)
    assert curve.training(Budget(steps=50)) == pytest.approx(history.loss[-1], rel=0.02)
    assert curve.held_out(Budget(steps=50)) == pytest.approx(history.held_out_loss[-1], rel=0.02)


@pytest.mark.parametrize("floor, right", [(1e-10, True), (1e-5, False)])
def test_a_small_loss_needs_a_small_floor(floor, right):
    """Cross-validation needs losses that are far below the default floor."""
    x = (np.arange(200) - 99.5) / 200
    values = np.exp(-20 * x**2)[None]
    samples = Samples(Grid((200,), (1.0,)), values)
    kernel = JointKernel(Problem(Gaussian(1.363), samples, Network(width=2000, sigma_a=1.0), TIMES))
    budget = Budget(steps=10_000)
    curve = PredictedCurve(kernel, [budget], floor=floor)
    eigenvalues, vectors = np.linalg.eigh(np.array([kernel.apply(row[None])[0][0] for row in np.eye(200)]))
    left = budget.decay(eigenvalues[-1])(eigenvalues) * (vectors.T @ kernel.start[0])
    exact = 0.5 * np.mean(left**2)
    assert exact < 1e-6 * 0.5 * np.mean(values**2)
    assert (curve.training(budget) == pytest.approx(exact, rel=0.02)) == right
