"""The spread of a training over its minibatches, against dense matrices, all possible minibatches, and moments."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from freqbias import nn
from freqbias import problem as statement
from freqbias.compare import compare
from freqbias.errors import ComputationError, InputError, UsageError
from freqbias.nn.dominant_space import dominant_space
from freqbias.nn.minibatches import BATCH_STREAM
from freqbias.nn.run import run_minibatches
from freqbias.numerics import Scattered
from freqbias.pde import solve
from freqbias.problem import Gaussian, MinibatchErrors, Network, Problem, Samples, Training, WeightDecay
from freqbias.runtime import StopRequest, Store
from tests.nn.definition import jacobians
from tests.nn.test_stage import TABLES

METHODS = {
    "sgd": {"integrator": "sgd"},
    "sgd, cosine": {"integrator": "sgd", "rate_schedule": "cosine", "warm_up": 0.2},
    "momentum": {"integrator": "momentum", "momentum": 0.7},
    "Nesterov": {"integrator": "momentum", "momentum": 0.7, "nesterov": True},
}
THREE_STEPS = ("sgd", "momentum", "Nesterov")  # of the steps of a problem; a cosine adds steps


def problem_of(n=30, *, steps=12, channels=2, decay=0.1, targets=False):
    """A problem whose times and decay are in steps."""
    x = np.random.default_rng(1).uniform(-0.5, 0.5, (n + 4, 2))
    values = np.stack([np.sin(6 * x[:, 0]), x[:, 0] * np.cos(9 * x[:, 1]) + 0.3])[:channels]
    held_out = Samples(Scattered(x[n:]), values[:, n:]) if targets else None
    samples, network = Samples(Scattered(x[:n]), values[:, :n]), Network(width=40, sigma_a=1.0, symmetric=False)
    times = np.arange(0, steps + 1, steps // 3).astype(float)
    return Problem(Gaussian(1.5), samples, network, times, seed=3, decay=WeightDecay(decay), held_out=held_out)


def settings_of(name, problem, batch, *, z=0.4):
    """The problem with times and decay for steps of z / lambda_max, and the settings of the training."""
    step = z / nn.EmpiricalKernel(problem).largest_eigenvalue()
    scaled = replace(problem, times=problem.times * step, decay=WeightDecay(problem.decay.rate / step))
    return scaled, Training(batch=batch, step=step, precision="double", **METHODS[name])


def dense(problem):
    """K on the samples and from them to the held-out samples, (C N, C N) and (C P, C N), and u(0) on both."""
    targets = [] if problem.held_out is None else [problem.held_out.sites]
    (values, rows), *others = jacobians(problem, problem.sites, *targets)
    start = [values - problem.samples.values, *(each - problem.held_out.values for each, _ in others)]
    kernels = [each @ rows.T / problem.sites.size for each in (rows, *(each for _, each in others))]
    return kernels, [each.ravel() for each in start]


def dense_steps(name, decay, sizes, matrix, start, diagonals):
    """u and w after the steps of these sizes with the given diagonals of D, (S + 1, n) each."""
    mu, nesterov = METHODS[name].get("momentum", 0.0), "nesterov" in METHODS[name]
    u, w, velocity = start, np.zeros_like(start), np.zeros_like(start)
    found = [(u, w)]
    for size, diagonal in zip(sizes, diagonals, strict=True):
        gradient = diagonal * u - decay * w
        velocity = mu * velocity + gradient
        w = w + (1 - mu) * size * (gradient + mu * velocity if nesterov else velocity)
        u = start - matrix @ w
        found.append((u, w))
    return (np.array(each) for each in zip(*found, strict=True))


def diagonal_of(batch, samples):
    """The diagonal of D for two channels."""
    weights = np.zeros(samples)
    weights[list(batch)] = samples / len(batch)
    return np.tile(weights, 2)


def every_sequence(name, problem, plan, matrix, start):
    """u for all sequences of three minibatches of two of five samples, (1000, 4, n)."""
    diagonals = [diagonal_of(each, 5) for each in combinations(range(5), 2)]
    sizes, decay = np.diff(plan.schedule.step_times()), problem.decay.rate
    sequences = product(diagonals, repeat=3)
    return np.array([next(dense_steps(name, decay, sizes, matrix, start, each)) for each in sequences])


@pytest.mark.parametrize("name", METHODS)
def test_each_sequence(name):
    """Against explicit steps with the matrix of the kernel, also at positions without samples."""
    problem, settings = settings_of(name, problem_of(targets=True), 7)
    (matrix, elsewhere), (start, held_out_start) = dense(problem)
    found = nn.predict_minibatches(problem, settings, 39, accuracy=0.0)
    schedule, scale = nn.plan_training(problem, settings).schedule, np.linalg.norm(start)
    outputs, sizes = schedule.output_steps, np.diff(schedule.step_times())
    for index in (0, 1, 38):
        random = np.random.default_rng([problem.seed, BATCH_STREAM, index])
        batches = [random.choice(30, 7, replace=False, shuffle=False) for _ in range(outputs[-1])]
        diagonals = [diagonal_of(each, 30) for each in batches]
        u, w = dense_steps(name, problem.decay.rate, sizes, matrix, start, diagonals)
        np.testing.assert_allclose(found.error[index].reshape(4, -1), u[outputs], rtol=0, atol=1e-6 * scale)
        expected = held_out_start - w[outputs] @ elsewhere.T
        np.testing.assert_allclose(found.held_out_error[index].reshape(4, -1), expected, rtol=0, atol=1e-6 * scale)
    assert np.ptp(found.loss[:, 1:], axis=0).min() > 0.05 * found.loss[:, 1:].mean()
    assert found.attributes["batch"] == 7 and found.attributes["steps"] == outputs[-1]


@pytest.mark.parametrize("name", THREE_STEPS)
def test_mean_over_all_minibatches(name):
    """The prediction of the mean is exact, and the mean loss is larger than its loss."""
    problem, settings = settings_of(name, problem_of(5, steps=3), 2)
    (matrix,), (start,) = dense(problem)
    plan, kernel = nn.plan_training(problem, settings), nn.EmpiricalKernel(problem)
    every_u = every_sequence(name, problem, plan, matrix, start)
    training = nn.LinearisedTraining(kernel, kernel.start, decay=problem.decay.rate)
    predicted = plan.integrator.follow(training, plan.schedule, tolerance=1e-14).error.reshape(4, -1)
    np.testing.assert_allclose(every_u.mean(axis=0), predicted, rtol=0, atol=1e-12 * np.linalg.norm(start))
    assert (np.square(every_u).mean(axis=0).sum(axis=1) > 1.001 * np.square(predicted).sum(axis=1))[1:].all()


def second_moments(name, problem, plan, matrix, start, batch):
    """E u u^T after each step, (S + 1, n, n), by the exact recursion of the moments of the state (1, w, v).

    For a minibatch without replacement, E D_ii^2 = N / b and E D_ii D_jj = N (b - 1) / (b (N - 1)).
    """
    samples, n = problem.sites.size, len(start)
    sample = np.tile(np.arange(samples), n // samples)
    off = samples * (batch - 1) / (batch * (samples - 1))
    factor = np.where(sample[:, None] == sample[None], samples / batch, off)
    sizes = np.diff(plan.schedule.step_times())
    mu, nesterov, decay = METHODS[name].get("momentum", 0.0), "nesterov" in METHODS[name], problem.decay.rate
    w, v, one = slice(1, n + 1), slice(n + 1, None), np.eye(n)
    to_u = np.hstack([start[:, None], -matrix, np.zeros((n, n))])
    moments = np.zeros((2 * n + 1, 2 * n + 1))
    moments[0, 0] = 1.0
    found = [to_u @ moments @ to_u.T]
    for size in sizes:
        steady, push = np.eye(2 * n + 1), np.zeros((2 * n + 1, n))  # state <- steady state + push D u
        steady[v, v], steady[v, w], push[v] = mu * one, -decay * one, one
        gain, reuse = (1 - mu) * size * np.array([1 + mu, mu**2] if nesterov else [1, mu])
        steady[w, w], steady[w, v], push[w] = (1 - gain * decay) * one, reuse * one, gain * one
        cross = steady @ moments @ to_u.T @ push.T  # E D = 1
        noise = push @ (factor * (to_u @ moments @ to_u.T)) @ push.T
        moments = steady @ moments @ steady.T + cross + cross.T + noise
        found.append(to_u @ moments @ to_u.T)
    return np.array(found)


@pytest.mark.parametrize("name", THREE_STEPS)
def test_second_moments_over_all_minibatches(name):
    """The recursion of the moments, which the next test needs, against all sequences."""
    problem, settings = settings_of(name, problem_of(5, steps=3), 2)
    (matrix,), (start,) = dense(problem)
    plan = nn.plan_training(problem, settings)
    every_u = every_sequence(name, problem, plan, matrix, start)
    exact = np.einsum("ksi,ksj->sij", every_u, every_u) / len(every_u)
    found = second_moments(name, problem, plan, matrix, start, 2)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("batch", [1, 7, 29])
def test_moments_of_the_sequences(name, batch):
    """The mean loss within the sampling error of 1500 sequences, and the variance of every error."""
    problem, settings = settings_of(name, problem_of(decay=0.0), batch, z=0.1)
    (matrix,), (start,) = dense(problem)
    plan, count = nn.plan_training(problem, settings), 1500
    moments = second_moments(name, problem, plan, matrix, start, batch)[plan.schedule.output_steps]
    found = nn.predict_minibatches(problem, settings, count)
    exact = 0.5 * np.trace(moments, axis1=1, axis2=2) / problem.sites.size
    size = found.loss.std(axis=0, ddof=1) / np.sqrt(count)
    assert (np.abs(found.loss.mean(axis=0) - exact)[1:] < 4.5 * size[1:]).all()
    kernel = nn.EmpiricalKernel(problem)
    mean = plan.integrator.follow(nn.LinearisedTraining(kernel, kernel.start), plan.schedule).error.reshape(4, -1)
    exact_variance = (np.diagonal(moments, axis1=1, axis2=2) - mean**2)[1:]
    ratio = ((found.error.reshape(count, 4, -1) - mean) ** 2).mean(axis=0)[1:] / exact_variance
    assert abs(ratio.mean() - 1) < 0.05 and np.abs(ratio - 1).max() < 0.4


def test_a_minibatch_of_all_samples_has_no_spread():
    problem, settings = settings_of("sgd", problem_of(), 30)
    found = nn.predict_minibatches(problem, settings, 39)
    assert np.ptp(found.error, axis=0).max() < 1e-6 * np.abs(found.error).max()


def with_eigenvalues(values):
    rotation = np.linalg.qr(np.random.default_rng(2).standard_normal((len(values), len(values))))[0]
    return (rotation * values) @ rotation.T


@pytest.mark.parametrize("accuracy", [0.3, 1e-4])
def test_dominant_space(accuracy):
    """Multiple eigenvalues, and a rest that is what it claims to be."""
    values, asked = np.repeat(4.0 ** -np.arange(40), 8), list[int]()
    matrix = with_eigenvalues(values)
    space = dominant_space(lambda u: matrix @ u, 320, 10.0, accuracy, callback=lambda: asked.append(1))
    rest = np.linalg.norm(matrix - (space.vectors * space.values) @ space.vectors.T)
    assert 10.0 * rest < 2 * accuracy
    np.testing.assert_allclose(space.vectors.T @ space.vectors, np.eye(len(space.values)), atol=1e-12)
    needed = int((10.0 * np.sqrt(np.cumsum(values[::-1] ** 2)) > accuracy).sum())
    assert needed - 8 <= len(space.values) <= needed + 12 and len(asked) < needed + 40


def test_whole_space_of_a_flat_spectrum():
    matrix = with_eigenvalues(np.linspace(1, 2, 50))
    space = dominant_space(lambda u: matrix @ u, 50, 1.0, 1e-9)
    np.testing.assert_allclose((space.vectors * space.values) @ space.vectors.T, matrix, atol=1e-12)


def test_too_many_vectors(monkeypatch):
    monkeypatch.setattr("freqbias.nn.dominant_space.MOST_VECTORS", 30)
    matrix = with_eigenvalues(np.linspace(1, 2, 50))
    with pytest.raises(ComputationError, match=r"30 vectors describe the kernel up to t = 1 .*use fewer samples"):
        dominant_space(lambda u: matrix @ u, 50, 1.0, 1e-2)


def test_the_left_out_noise_is_small():
    """Against the whole kernel, with the same minibatches."""
    problem, settings = settings_of("sgd", problem_of(120, steps=60, channels=1, decay=0.0), 10)
    few, whole = (nn.predict_minibatches(problem, settings, 60, **each) for each in ({}, {"accuracy": 0.0}))
    assert few.attributes["vectors"] < 0.8 * whole.attributes["vectors"]
    apart, spread = (few.error - whole.error)[:, 1:], whole.error.std(axis=0)[1:]
    assert 0 < apart.std(axis=0).max() < 0.03 * spread.max()


TRAINING = {"training": {"integrator": "sgd", "batch": 8, "step": 0.5}}


def run_in(folder, count=39, *, resume=False, overwrite=False, **changes):
    run, store = statement.parse(TABLES | TRAINING | changes), Store(folder)
    flags = {"resume": resume, "overwrite": overwrite, "stop": StopRequest()}
    run_minibatches(run, statement.build(run), store, count=count, **flags)
    return run, store


def test_stage(tmp_path):
    run, store = run_in(tmp_path)
    found = MinibatchErrors.load(store.verify("minibatches") / "minibatches.nc")
    expected = nn.predict_minibatches(statement.build(run), run.training, 39)
    np.testing.assert_array_equal(found.error, expected.error)
    assert found.error.shape == (39, 9, 1, 48) and found.held_out_error is None
    assert found.attributes | expected.attributes == found.attributes
    run_in(tmp_path, resume=True)
    with pytest.raises(UsageError, match="holds 39 sequences; keep them with --minibatches 39"):
        run_in(tmp_path, 40, resume=True)
    with pytest.raises(UsageError, match=r"training\.batch"):
        run_in(tmp_path, resume=True, training=TRAINING["training"] | {"batch": 4})


def test_comparison_with_the_band():
    """The band of each quantity, which contains the network at its level, and not one with twice its error."""
    tables = TABLES | {"data": TABLES["data"] | {"held_out": 0.2}} | TRAINING | {"time": {"end": 20.0, "outputs": 4}}
    run = statement.parse(tables)
    problem = statement.build(run)
    errors, history = nn.predict_minibatches(problem, run.training, 199), nn.train(problem, run.training)
    spectrum = solve(problem, run.pde)
    found = compare(spectrum, history, problem, minibatches=errors)
    for name, losses in (("loss", errors.loss), ("loss_held_out", errors.held_out_loss)):
        ordered = np.sort(losses, axis=0)
        np.testing.assert_array_equal(found.metrics[f"minibatch_{name}_low"], ordered[4])
        np.testing.assert_array_equal(found.metrics[f"minibatch_{name}_high"], ordered[-5])
        assert found.metrics[f"minibatch_{name}_in_band"].mean() > 0.7
    bands = found.minibatches.bands
    assert bands.inside[1:].mean() > 0.7 and (bands.draws.low < bands.draws.high)[1:].all()
    single = compare(spectrum, replace(history, error=errors.error[7].astype(float)), problem, minibatches=errors)
    assert single.minibatches.bands.inside[1:].mean() > 0.7
    doubled = replace(history, error=2 * history.error, held_out_error=2 * history.held_out_error)
    outside = compare(spectrum, doubled, problem, minibatches=errors)
    assert not outside.metrics["minibatch_loss_in_band"][1:].any()
    assert not outside.metrics["minibatch_loss_held_out_in_band"][1:].any()
    with pytest.raises(InputError, match="leave out predictions, draws and minibatches"):
        compare(spectrum, history, problem, minibatches=errors, match="loss")
    with pytest.raises(InputError, match="lack some of the compared times"):
        compare(spectrum, history, problem, minibatches=replace(errors, time=2 * errors.time))


@pytest.mark.parametrize(
    "count, training, words",
    [
        (38, {}, "--minibatches 38: a band of 95 % needs at least 39 sequences; use 399"),
        (39, {"integrator": "rk4", "batch": None}, r"\[training\] has no batch, .*or leave --minibatches out"),
        (39, {"integrator": "adam"}, 'no kernel predicts integrator = "adam"'),
        (10**9, {}, r"the errors of all sequences need .* GiB; use fewer sequences or output times"),
    ],
)
def test_refusals(count, training, words):
    problem = statement.build(statement.parse(TABLES))
    with pytest.raises(InputError, match=words):
        nn.predict_minibatches(problem, Training(**(TRAINING["training"] | training)), count)
