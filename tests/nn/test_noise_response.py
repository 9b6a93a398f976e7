"""The response of a training to noise of its labels, against the eigenvectors of the exact kernel."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import nn
from freqbias.errors import InputError
from freqbias.numerics import Grid, Metric, Scattered, Schedule
from freqbias.problem import (
    Gaussian,
    LabelNoise,
    Network,
    Problem,
    Rates,
    Samples,
    clean_loss_in_words,
    clean_loss_warning,
    squared_loss,
)
from freqbias.problem.noise_prediction import NoisePrediction
from tests import oracle
from tests.nn.definition import jacobians

TIMES = np.array([0.0, 2.0, 20.0, 200.0])
LEVEL = np.array([0.5, 0.2])  # of two channels
ZERO = np.zeros((4, 2, 60))  # errors whose loss is 0
RK4 = nn.RUNGE_KUTTA["rk4"].taylor


def problem_of(count=60, *, noise=LEVEL, width=40):
    x = np.random.default_rng(1).uniform(-0.5, 0.5, (count, 2))
    clean = np.stack([np.sin(2 * np.pi * x[:, 0]), x[:, 0] * np.cos(3 * x[:, 1])])
    return Problem(
        Gaussian(1.5), Samples(Scattered(x), clean), Network(width=width, sigma_a=1.0), TIMES, seed=3,
        noise=LabelNoise(noise),
    )  # fmt: skip


def response_of(problem, kernel, **options):
    return nn.NoiseResponse(kernel, problem.noise, problem.sites.size, seed=problem.seed, **options)


def flow(training, **options):
    return training.follow_flow(TIMES, **options)


def dense(problem):
    return oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(1.5), 1.0)


def decays(matrix, *, step=None):
    """q(K) at each time, (T, n, n)."""
    values, vectors = np.linalg.eigh(matrix)
    if step is None:
        q = np.exp(-np.outer(TIMES, values))
    else:
        q = np.polyval(RK4[::-1], -step * values) ** np.round(TIMES / step)[:, None]
    return (vectors * q[:, None]) @ vectors.T


@pytest.mark.parametrize("step", [None, 1.0], ids=["flow", "steps"])
def test_mean_over_noisy_labels(step):
    """The estimate of the clean loss minus the clean loss has mean 0, and no term of the formula may be missing."""
    problem = problem_of()
    clean, rng = problem.samples.values, np.random.default_rng(0)
    follow = (
        flow if step is None else (lambda each, **options: each.follow_steps(Schedule(TIMES, step), RK4, **options))
    )
    response = response_of(problem, nn.InfiniteWidthKernel(problem), probes=200)
    found = response.predict(follow, np.zeros((len(TIMES), *clean.shape)), None, {})
    q = decays(dense(problem), step=step)
    apart = []
    for _ in range(600):
        noise = LEVEL[:, None] * rng.normal(size=clean.shape)
        u = -(clean + noise) @ q
        apart.append(squared_loss(u) + found.clean_loss - squared_loss(u + noise))
    size = np.hypot(np.std(apart, axis=0) / np.sqrt(len(apart)), found.clean_loss_standard_error)
    assert (np.abs(np.mean(apart, axis=0)) < 4 * size).all()
    noise_loss = 0.5 * (LEVEL**2).sum()
    learnt = found.clean_loss + noise_loss  # s^2 tr H / N, summed over channels
    assert (learnt[1:] > 8 * size[1:]).all() and np.all(noise_loss > 8 * size)
    assert found.noise_loss == pytest.approx(noise_loss)


def test_spread_over_noisy_labels():
    """The standard deviation of the estimate minus the clean loss, with noise of other levels in each channel.

    The predicted variances differ between draws of the noise by their squared errors alone, so few draws suffice.
    """
    problem = problem_of()
    clean, rng, sizes = problem.samples.values, np.random.default_rng(0), np.array([[problem.sites.size], [400]])
    others = 0.3 * rng.normal(size=(len(TIMES), 2, 400))  # f - f* on the held-out samples
    response = response_of(problem, nn.InfiniteWidthKernel(problem), probes=64)
    q, predicted, squares, apart = decays(dense(problem)), [], [], []
    for draw in range(2000):
        noise, other_noise = (LEVEL[:, None] * rng.normal(size=(2, int(n))) for n in sizes[:, 0])
        u, held_out = -(clean + noise) @ q, others - other_noise
        apart.append([squared_loss(u) - squared_loss(u + noise), squared_loss(held_out) - squared_loss(others)])
        squares.append([(each**2).sum(axis=2) @ LEVEL**2 for each in (u, held_out)] / sizes**2)
        if draw < 2:
            found = response.predict(flow, u, held_out, {})
            deviations = found.clean_loss_standard_deviation, found.held_out_clean_loss_standard_deviation
            predicted.append(np.square(deviations) - squares[-1])
    np.testing.assert_allclose(predicted[0], predicted[1], rtol=0, atol=1e-9 * np.mean(squares))
    centred = q - 0.5 * np.eye(problem.sites.size)
    exact = 2 * (LEVEL**4).sum() * (centred**2).sum(axis=(1, 2)) + ((clean @ q) ** 2).sum(axis=2) @ LEVEL**2
    held_out_exact = (others**2).sum(axis=2) @ LEVEL**2 + 0.5 * 400 * (LEVEL**4).sum()
    expected = np.array([exact, held_out_exact]) / sizes**2
    np.testing.assert_allclose(predicted[0] + np.mean(squares, axis=0), expected, rtol=0.06)
    np.testing.assert_allclose(np.var(apart, axis=0), expected, rtol=4 * np.sqrt(2 / len(apart)))


def test_spread_is_for_the_mean_square():
    problem = replace(problem_of(), noise=LabelNoise(LEVEL))
    kernel = nn.InfiniteWidthKernel(problem)
    other_loss = Metric(lambda values: 2 * values, 2.0)
    found = response_of(problem, kernel, metric=other_loss).predict(flow, ZERO, None, {})
    assert found.clean_loss_standard_deviation is None
    assert clean_loss_in_words(TIMES, found, np.ones(2)).count("standard deviation") == 1  # of the noise
    plain = response_of(problem, kernel).predict(flow, np.ones((4, 2, 60)), None, {})
    best = plain.clean_loss.argmin()
    words = clean_loss_in_words(TIMES, plain, np.ones(2))
    assert words.endswith(f", standard deviation {plain.clean_loss_standard_deviation[best]:.2g}")


def test_trace_and_its_standard_error():
    """Against the exact trace, and the variance 2 sum_(i != j) (S q S)_ij^2 of a vector of signs."""
    problem = problem_of()
    found = response_of(problem, nn.InfiniteWidthKernel(problem), probes=200).predict(flow, ZERO, None, {})
    q, size = decays(dense(problem)), problem.sites.size
    exact = 0.5 * (LEVEL**2).sum() - (LEVEL**2).sum() * np.trace(q, axis1=1, axis2=2) / size
    off = (q**2).sum(axis=(1, 2)) - (np.diagonal(q, axis1=1, axis2=2) ** 2).sum(axis=1)
    spread = np.sqrt(2 * (LEVEL**4).sum() * np.maximum(off, 0) / 200) / size
    assert (np.abs(found.clean_loss - exact) <= 4 * spread + 1e-6).all()
    np.testing.assert_allclose(found.clean_loss_standard_error[1:], spread[1:], rtol=0.15)
    assert found.clean_loss_standard_error[0] < 1e-12
    few = response_of(problem, nn.InfiniteWidthKernel(problem)).predict(flow, ZERO, None, {})
    learnt = exact + 0.5 * (LEVEL**2).sum()
    assert (np.abs(few.clean_loss - exact)[1:] < 0.3 * learnt[1:]).all()  # 8 vectors
    np.testing.assert_allclose(few.clean_loss_standard_error[1:], spread[1:] * np.sqrt(25), rtol=0.7)


def test_trace_of_a_drawn_network():
    """Its kernel couples the channels, whose noise differs."""
    problem = problem_of(30, width=20)
    ((_, rows),) = jacobians(problem, problem.sites)
    q = decays(rows @ rows.T / problem.sites.size)
    scale = np.repeat(LEVEL, 30)
    found = response_of(problem, nn.EmpiricalKernel(problem), probes=40).predict(flow, np.zeros((4, 2, 30)), None, {})
    exact = 0.5 * (LEVEL**2).sum() - np.diagonal(q, axis1=1, axis2=2) @ scale**2 / 30
    assert (np.abs(found.clean_loss - exact) <= 4 * found.clean_loss_standard_error + 1e-6).all()
    learnt = found.clean_loss + found.noise_loss
    assert (learnt[1:] > 15 * found.clean_loss_standard_error[1:]).all()


def test_noise_of_predicted_values(monkeypatch):
    """Var f(y) = s^2 |K(y, X) phi_t(K)|^2, by the response to the noise of each single label."""
    monkeypatch.setattr("freqbias.nn.noise_response.TARGET_PROBES", 100)
    problem = problem_of()
    targets = Scattered(np.random.default_rng(5).uniform(-0.5, 0.5, (25, 2)))
    kernel, both = nn.InfiniteWidthKernel(problem), np.concatenate([problem.sites.positions(), targets.positions()])
    at = {"held_out": kernel.at(targets), "predict_at": kernel.at(targets)}
    error, held_out_error = np.ones((4, 2, 60)), np.linspace(3, 2, 4)[:, None, None] * np.ones((2, 25))
    noise = replace(problem.noise, added_level=0.3)
    response = nn.NoiseResponse(kernel, noise, 60, seed=3, probes=100)
    found = response.predict(flow, error, held_out_error, at)
    joint = oracle.dense_kernel(both, oracle.gaussian(1.5), 1.0) * len(both)
    rows, _ = oracle.prediction(joint, 60, np.eye(60), TIMES, lambda values, t: np.exp(-t * values))
    root = np.sqrt((rows**2).sum(axis=1).mean(axis=1))
    np.testing.assert_allclose(found.held_out_noise, root[:, None] * np.hypot(LEVEL, 0.3), rtol=0.1)
    np.testing.assert_array_equal(found.prediction_noise, found.held_out_noise)
    np.testing.assert_allclose(
        found.held_out_clean_loss, squared_loss(held_out_error) - 0.5 * (LEVEL**2).sum()
    )  # no noise is added there
    np.testing.assert_allclose(found.noise_level, np.hypot(LEVEL, 0.3))


def test_best_stopping_time():
    """When to stop, from noisy labels alone: on average nearly as good as by the clean labels."""
    grid, rng, level = Grid((120,), (1.0,)), np.random.default_rng(0), 0.7
    clean = np.sin(2 * np.pi * np.outer([2, 5], grid.positions()[:, 0])).sum(axis=0)
    times = np.concatenate([[0.0], np.geomspace(1, 1e4, 40)])
    problem = Problem(
        Gaussian(8.0), Samples(grid, clean[None]), Network(width=40, sigma_a=1.0), times, noise=LabelNoise(level)
    )
    kernel = nn.InfiniteWidthKernel(problem)
    found = response_of(problem, kernel).predict(
        lambda each, **options: each.follow_flow(times, **options), np.zeros((41, 1, 120)), None, {}
    )
    values, vectors = np.linalg.eigh(oracle.dense_kernel(grid.positions(), oracle.gaussian(8.0), 1.0))
    ratios = []
    for _ in range(200):
        noise = level * rng.normal(size=120)
        error = -(np.exp(-np.outer(times, values)) * (vectors.T @ (clean + noise))) @ vectors.T
        loss, true = 0.5 * (error**2).mean(axis=1), 0.5 * ((error + noise) ** 2).mean(axis=1)
        prediction = replace(found, clean_loss=loss + found.clean_loss)
        best = int(prediction.clean_loss.argmin())
        ratios.append([true[best] / true.min(), true[-1] / true.min()])
    assert np.mean(ratios, axis=0)[0] < 1.1 and np.mean(ratios, axis=0)[1] > 1.8
    assert f"least {prediction.clean_loss[best]:.3g} at t = {times[best]:.4g}" in clean_loss_in_words(
        times, prediction, np.ones(1)
    )
    assert f"at t = {times[best]:.4g}" in clean_loss_warning(times, prediction)
    earlier = replace(prediction, clean_loss=prediction.clean_loss[: best + 1])
    assert clean_loss_warning(times[: best + 1], earlier) is None


@pytest.mark.parametrize("rise, warned", [(0.04, False), (0.06, True)])
def test_warning_of_a_rise(rise, warned):
    """Relative to the loss of the noise if the least loss is smaller."""
    loss = np.array([4.0, 0.001, 0.001 + rise * 0.5])
    found = NoisePrediction(noise_level=np.ones(1), clean_loss=loss, clean_loss_standard_error=0 * loss)
    assert (clean_loss_warning(np.arange(3.0), found) is not None) == warned


@pytest.mark.parametrize("level", [-1.0, np.nan, [0.1, np.inf], [[0.1]]])
def test_bad_levels(level):
    with pytest.raises(InputError, match="give a number of at least 0 for each channel"):
        LabelNoise(level)


def test_levels_of_other_channels():
    with pytest.raises(InputError, match="there are 3 levels; give one for each of the 2 channels"):
        problem_of(noise=np.ones(3))
    with pytest.raises(InputError, match="to be estimated"):
        _ = LabelNoise(None).level


def test_frozen_frequencies_have_a_trace_of_their_own():
    problem = replace(problem_of(), rates=Rates(frequencies=0.0), laws=None)
    found = response_of(problem, nn.InfiniteWidthKernel(problem), probes=200).predict(flow, ZERO, None, {})
    matrix = oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(1.5), 1.0, frequencies=0.0)
    exact = (LEVEL**2).sum() * (0.5 - np.trace(decays(matrix), axis1=1, axis2=2) / 60)
    assert (np.abs(found.clean_loss - exact) <= 4 * found.clean_loss_standard_error + 1e-6).all()
