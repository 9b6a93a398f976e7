"""Momentum, minibatches and Adam against their recursions with the drawn network's own kernel."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from freqbias.errors import InputError
from freqbias.nn import FourierNetwork, plan_training, trajectory
from freqbias.nn.nufft import NufftTransforms
from freqbias.nn.optimisers import Momentum, batch_weights, make_optimiser
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, Samples, Training, draw

N = 24
SETTINGS = {
    "momentum": {"integrator": "momentum", "step": 0.4},
    "sgd": {"integrator": "sgd", "step": 0.4, "batch": 5},
    "adam": {"integrator": "adam", "step": 0.001},
}


def tiny(end: float = 8.0, *, scale: float = 1e-4) -> Problem:
    """A target that contains all modes, and is so small that the training is linear to about 1e-4."""
    values = scale * np.random.default_rng(7).normal(size=(1, N))
    times = np.array([0.0, end / 2, end])
    return Problem(Gaussian(3.0), Samples(Grid((N,), (1.0,)), values), Network(width=300, sigma_a=1.0), times, seed=1)


def jacobian(problem: Problem) -> np.ndarray:
    """df(x_q) / d(a, b, w) at the start."""
    neurons = draw(problem.density, problem.network, dimension=1, seed=problem.seed)
    x, w = problem.sites.positions(), neurons.frequencies
    cosine, sine = np.cos(2 * np.pi * x @ w.T), np.sin(2 * np.pi * x @ w.T)
    rows = np.hstack([cosine, sine, 2 * np.pi * x * (neurons.sine * cosine - neurons.cosine * sine)])
    return rows / np.sqrt(len(w))


def kernel(problem: Problem) -> np.ndarray:
    """J J^T / N."""
    rows = jacobian(problem)
    return rows @ rows.T / N


def errors(problem: Problem, **settings) -> np.ndarray:
    """u (S + 1, N) after every step of the training."""
    plan = plan_training(problem, Training(precision="double", **settings))
    return np.array([each.error.numpy()[0] for each in trajectory(plan)])


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
def test_momentum_recursion(mu):
    problem, h = tiny(), 0.4
    found, k, eta = errors(problem, integrator="momentum", step=h, momentum=mu), kernel(tiny()), (1 - mu) * h
    expected = [found[0], found[0] - eta * k @ found[0]]
    for _ in range(len(found) - 2):
        expected.append((1 + mu) * expected[-1] - mu * expected[-2] - eta * k @ expected[-1])
    assert len(found) == 21
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(found[0] - found[-1]).max())


@pytest.mark.parametrize("mu, end", [(0.5, 1.0), (0.9, 0.25)])  # many times 1 / (1 - mu) steps
def test_momentum_converges_to_the_flow(mu, end):
    problem = tiny(end)
    values, vectors = np.linalg.eigh(kernel(problem))
    u = -problem.samples.values[0]
    flow = vectors @ (np.exp(-np.clip(values, 0, None) * end) * (vectors.T @ u))
    distances = [
        np.linalg.norm(errors(problem, integrator="momentum", step=step, momentum=mu)[-1] - flow)
        for step in (0.1 * (1 - mu) ** 2, 0.05 * (1 - mu) ** 2)
    ]
    assert np.log2(distances[0] / distances[1]) == pytest.approx(1, abs=0.1)
    assert distances[1] < 0.05 * np.linalg.norm(u - flow)


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("z", [1e-3, 0.03, 0.5])
@pytest.mark.parametrize("nesterov", [False, True])
def test_decay_error_of_momentum(mu, z, nesterov):
    y, v, worst = 1.0, 0.0, 0.0
    for s in range(1, round(30 / z / (1 - mu) if z > 0.01 else 5 / z) + 1):
        v = mu * v + z * y
        y -= (1 - mu) * (z * y + mu * v if nesterov else v)
        worst = max(worst, abs(y - np.exp(-s * z)))
    assert Momentum(mu, nesterov).decay_error(z) == pytest.approx(worst, rel=2e-3)


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
def test_step_and_stability_of_momentum(mu, nesterov):
    method = Momentum(mu, nesterov)
    z = method.largest_step(1e-3)
    assert max(method.decay_error(each) for each in z * np.linspace(0.05, 1, 20)) == pytest.approx(1e-3, rel=0.01)
    limit = 2 * (1 + mu) / (1 - mu) / (1 + 2 * mu if nesterov else 1)
    for factor, stable in ((0.999, True), (1.001, False)):
        p = (1 - mu) * factor * limit
        push = 1 + mu if nesterov else 1  # the step as a matrix for (y, v)
        step = np.array([[1 - push * p, -mu * (mu if nesterov else 1)], [p, mu]])
        radius = np.abs(np.linalg.eigvals(step)).max()
        assert method.is_stable(factor * limit) == stable == (radius <= 1)


def test_sgd_follows_its_minibatches():
    problem, h = tiny(), 0.4
    plan = plan_training(problem, Training(precision="double", **SETTINGS["sgd"]))
    found, k, u = errors(problem, **SETTINGS["sgd"]), kernel(problem), -problem.samples.values[0]
    expected = [u]
    for step in range(len(found) - 1):
        expected.append(expected[-1] - h * k @ (plan.sample_weights(step) * expected[-1]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(found[0] - found[-1]).max())
    other = plan_training(replace(problem, seed=2), Training(precision="double", **SETTINGS["sgd"]))
    assert any((plan.sample_weights(step) != other.sample_weights(step)).any() for step in range(3))


def test_statistics_of_minibatches():
    weights = np.array([batch_weights(N, 5, seed=3, step=step) for step in range(4000)])
    assert (np.count_nonzero(weights, axis=1) == 5).all() and np.allclose(weights.sum(axis=1), N)
    deviation = np.sqrt((N / 5 - 1) / len(weights))  # of the mean of a weight that is N / 5 with probability 5 / N
    assert np.abs(weights.mean(axis=0) - 1).max() < 4 * deviation
    products = (weights.T @ weights / len(weights))[
        ~np.eye(N, dtype=bool)
    ]  # samples are drawn independently of each other
    assert products.mean() == pytest.approx((5 - 1) / 5 * N / (N - 1)) and products.std() < 0.1


def test_first_step_of_adam(caplog):
    problem = tiny(scale=1.0)
    with caplog.at_level(logging.WARNING, "freqbias"):
        snapshots = trajectory(plan_training(problem, Training(precision="double", **SETTINGS["adam"])))
        start, after = next(snapshots), next(snapshots)
    assert "Adam does not follow the gradient flow" in caplog.text
    assert after.time == pytest.approx(0.001)
    network = FourierNetwork(problem, NufftTransforms(problem.sites, precision="double"))
    negative_gradient = network.error_and_negative_gradient(start.state)[1]
    moved, expected = after.state - start.state, 0.001 * negative_gradient / (negative_gradient.abs() + 1e-8)
    torch.testing.assert_close(moved, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("batch", [None, 5])
def test_adam_with_a_fixed_jacobian(batch):
    """The distance to the linearised network falls as 1 / width, with moving m and v."""
    distances = []
    for width in (2000, 16000):
        eta, steps = 0.02 / np.sqrt(width), 60
        problem = replace(tiny(steps * eta, scale=1.0), network=Network(width=width, sigma_a=1.0))
        plan = plan_training(problem, Training(integrator="adam", step=eta, batch=batch, precision="double"))
        trained = np.array([each.error.numpy()[0] for each in trajectory(plan)])
        rows, u, m, v, found = jacobian(problem), trained[0], 0.0, 0.0, [trained[0]]
        for s in range(1, steps + 1):
            g = rows.T @ (u if batch is None else plan.sample_weights(s - 1) * u) / N
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            u = u - rows @ (eta * m / (1 - 0.9**s) / (np.sqrt(v / (1 - 0.999**s)) + 1e-8))
            found.append(u)
        assert len(trained) == steps + 1 and np.linalg.norm(u) < 0.8 * np.linalg.norm(found[0])
        distances.append(np.abs(trained - found).max() / np.abs(trained[0] - trained[-1]).max())
    assert distances[1] < 1e-4 and distances[0] > 4 * distances[1]


@pytest.mark.parametrize("name", SETTINGS)
def test_resume_restores_the_buffers(name):
    plan = plan_training(tiny(0.02, scale=1.0) if name == "adam" else tiny(), Training(**SETTINGS[name]))
    whole = list(trajectory(plan))
    for middle in (whole[0], whole[7]):
        rest = list(trajectory(plan, last=middle.checkpoint()))
        assert len(rest) == len(whole) - middle.step > 10
        assert all(torch.equal(a.state, b.state) for a, b in zip(rest, whole[middle.step :], strict=True))


def test_too_large_batch_is_refused():
    with pytest.raises(InputError, match=r"\[training\] batch = 25: .* number of samples, 24; use batch = 24 or less"):
        plan_training(tiny(), Training(integrator="sgd", batch=25))


@pytest.mark.parametrize("name", ["momentum", "nesterov", "sgd", "adam"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_are_those_of_torch_optim(name, dtype):
    """To the last bit, over steps whose size changes; the buffers have the same names."""
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(50, dtype=dtype, generator=generator)
    expected = torch.nn.Parameter(state.clone())
    settings = {"momentum": 0.9, "nesterov": name == "nesterov"} if name in ("momentum", "nesterov") else {}
    optimiser = (torch.optim.Adam if name == "adam" else torch.optim.SGD)([expected], lr=1.0, foreach=False, **settings)
    keys = {"sgd": {"batch": 2}, "nesterov": {"integrator": "momentum", "nesterov": True}}.get(name, {})
    stepper = make_optimiser(Training(**{"integrator": name, "step": 0.1} | keys)).make_stepper()
    for h in (0.1, 0.1, 0.05, 0.2):
        gradient = torch.randn(50, dtype=dtype, generator=generator)
        state = stepper.advance(None, state, h, -gradient).state
        expected.grad = gradient
        optimiser.param_groups[0]["lr"] = (1 - 0.9) * h if name in ("momentum", "nesterov") else h
        optimiser.step()
        assert torch.equal(state, expected)
        buffers = {key: value for key, value in optimiser.state[expected].items() if torch.is_tensor(value)}
        assert stepper.buffers().keys() == buffers.keys()
