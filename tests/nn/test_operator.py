"""Losses of a differential operator: kernels against SymPy's derivatives, and the network against torch's autograd."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from freqbias.nn import (
    EmpiricalKernel,
    FourierNetwork,
    InfiniteWidthKernel,
    LinearisedTraining,
    make_transforms,
    train,
)
from freqbias.numerics import Positions, Schedule
from freqbias.problem import (
    BlockSquare,
    Gaussian,
    Network,
    Points,
    Problem,
    Rates,
    Samples,
    Training,
    mean_diagonals,
    ntk_weights,
    problem_at,
)
from tests.nn.operator_cases import BOTH, CASES, SIGMA, exact, helmholtz, make


@BOTH
def test_kernel_at_infinite_width(case: str) -> None:
    kernel = InfiniteWidthKernel(make(case))
    matrix = kernel.apply(np.eye(CASES[case][1].size))
    np.testing.assert_allclose(matrix, exact(case), atol=1e-11 * np.abs(exact(case)).max())


@BOTH
def test_kernel_between_values_and_rows(case: str) -> None:
    size, points = CASES[case][1].size, (0.1, -0.3)
    at = InfiniteWidthKernel(make(case)).at(Positions(np.tile(np.array(points)[:, None], CASES[case][1].dimension)))
    expected = exact(case, *points)
    np.testing.assert_allclose(at.apply(np.eye(size)), expected[:size, size:], atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(at.diagonal, np.diag(expected)[size:] * size, rtol=1e-11)


@BOTH
def test_mean_diagonals_are_the_traces(case: str) -> None:
    rows, diagonal = CASES[case][1], np.diag(exact(case)) * CASES[case][1].size
    expected = [diagonal[where].mean() for where, _ in rows.parts]
    np.testing.assert_allclose(mean_diagonals(make(case).laws, rows), expected, rtol=1e-11)


@BOTH
def test_ntk_weights_make_the_traces_equal(case: str) -> None:
    rows, diagonal = CASES[case][1], np.diag(exact(case))
    expected = [diagonal.sum() / diagonal[where].sum() for where, _ in rows.parts]
    np.testing.assert_allclose(ntk_weights(make(case).laws, rows), expected, rtol=1e-11)


def rows_by_autograd(case: str, neurons: torch.Tensor, m: int) -> torch.Tensor:
    """The rows of the network by torch's derivatives with respect to x. neurons: a, b (m,) and w (d, m), flat."""
    operator, rows = CASES[case]
    a, b, w = neurons[:m], neurons[m : 2 * m], neurons[2 * m :].view(rows.dimension, m)
    x = torch.tensor(rows.positions(), requires_grad=True)
    angles = 2 * torch.pi * x @ w
    f = (a * angles.cos() + b * angles.sin()).sum(dim=1) / m**0.5

    def derivative(values: torch.Tensor, axis: int) -> torch.Tensor:
        return torch.autograd.grad(values.sum(), x, create_graph=True)[0][:, axis]

    if operator is helmholtz:
        changed = -derivative(derivative(f, 0), 0) + 30 * f
    else:
        changed = 0.3 * derivative(derivative(f, 0), 0) + 2 * derivative(derivative(f, 1), 0) + 5 * f - derivative(f, 1)
    interior = rows.interior.size
    return torch.cat([changed[:interior], f[interior:]])


@pytest.mark.parametrize(
    ("case", "backend"), [*product(CASES, ("dense", "nufft")), ("1-D", "separable"), ("without boundary", "separable")]
)
def test_values_and_products_against_autograd(case: str, backend: str) -> None:
    problem, rows = make(case), CASES[case][1]
    m = problem.network.width
    network = FourierNetwork(problem, make_transforms(backend, rows, "double", torch.device("cpu")))
    state = network.start + 0.1 * torch.from_numpy(np.random.default_rng(3).standard_normal(len(network.start)))
    pairs = state[: 2 * m].view(m, 2)
    neurons = torch.cat([pairs[:, 0], -pairs[:, 1], state[2 * m :]])
    expected = rows_by_autograd(case, neurons, m).detach().numpy()
    np.testing.assert_allclose(network.values(state)[0], expected, atol=1e-10 * np.abs(expected).max())
    jacobian = torch.autograd.functional.jacobian(lambda each: rows_by_autograd(case, each, m), neurons).numpy()
    jacobian[:, m : 2 * m] *= -1  # the state contains -b
    change, values = torch.randn(len(state), dtype=torch.float64), torch.randn(1, rows.size, dtype=torch.float64)
    by_neuron = torch.cat([change[: 2 * m].view(m, 2).T.flatten(), change[2 * m :]]).numpy()
    pushed, pulled = jacobian @ by_neuron, jacobian.T @ values[0].numpy()
    np.testing.assert_allclose(network.jvp(state, change)[0], pushed, atol=1e-10 * np.abs(pushed).max())
    found = network.vjp(state, values)
    found = torch.cat([found[: 2 * m].view(m, 2).T.flatten(), found[2 * m :]])
    np.testing.assert_allclose(found, pulled, atol=1e-10 * np.abs(pulled).max())


def test_frozen_frequencies() -> None:
    """The kernel of the output weights alone is the mean over neurons of l(w) exp(2 pi i w.(x - x')) conj(l(w))."""
    rows = CASES["1-D"][1]
    samples, network = Samples(rows, np.ones((1, rows.size))), Network(width=30, sigma_a=0.5)
    problem = Problem(Gaussian(SIGMA), samples, network, np.array([0.0, 1.0]), rates=Rates(frequencies=0.0))
    kernel = EmpiricalKernel(problem)
    drawn = FourierNetwork(problem, make_transforms("dense", rows, "double", torch.device("cpu")))
    frequencies = drawn.layout.split(drawn.start)[1][0].numpy()
    waves = np.exp(2j * np.pi * rows.positions() @ frequencies[None])
    waves[:20] *= 30 + 4 * np.pi**2 * frequencies**2
    expected = (waves @ waves.conj().T).real / 30 / rows.size
    matrix = np.stack([kernel.apply(row[None])[0] for row in np.eye(rows.size)])
    np.testing.assert_allclose(matrix, expected, atol=1e-11 * expected.max())


@BOTH
def test_linearised_training_against_dense_matrices(case: str) -> None:
    rows = CASES[case][1]
    loss = BlockSquare(rows.sizes, (1.0, 50.0)[: len(rows.sizes)])
    weights = np.repeat(
        [weight * rows.size / n for n, weight in zip(rows.sizes, (1.0, 50.0), strict=False)], rows.sizes
    )
    problem = make(case, loss=loss)
    kernel, start = InfiniteWidthKernel(problem), -problem.samples.values
    matrix = exact(case) * weights  # K P
    t = 5 / np.abs(np.linalg.eigvals(matrix)).max()
    training = LinearisedTraining(kernel, start, metric=loss.metric)
    u = training.flow(np.array([0.0, t]), tolerance=1e-11)[1]
    np.testing.assert_allclose(u, start @ expm(-t * matrix).T, atol=1e-9 * np.abs(start).max())
    schedule = Schedule.through(np.array([0.0, t / 8, t / 4]), np.array([0.0, t / 4]))
    steps = training.steps(schedule, (1.0, 1.0), tolerance=1e-11)[1]
    step = np.eye(rows.size) - t / 8 * matrix
    np.testing.assert_allclose(steps, start @ np.linalg.matrix_power(step.T, 2), atol=1e-9 * np.abs(start).max())


def test_the_solution_at_other_positions_is_predicted() -> None:
    """f(y, t) = -K(y, X) P phi_t(K P) u(0) by dense matrices: values, not rows."""
    case, points = "1-D", (0.1, -0.3)
    rows, whole = CASES[case][1], exact("1-D", 0.1, -0.3)
    n = rows.size
    weights = np.repeat([2.0 * n / 20, 7.0 * n / 2], [20, 2])
    problem = make(case, loss=BlockSquare([20, 2], (2.0, 7.0)))
    start, kp = -problem.samples.values[0], whole[:n, :n] * weights
    t = 2 / np.abs(np.linalg.eigvals(kp)).max()
    block = np.zeros((2 * n, 2 * n))  # d/dt (w, u) = (u, -K P u)
    block[:n, n:], block[n:, n:] = np.eye(n), -kp
    w = (expm(t * block) @ np.concatenate([np.zeros(n), start]))[:n]
    expected = -whole[n:, :n] @ (weights * w)
    kernel = InfiniteWidthKernel(problem)
    path = LinearisedTraining(kernel, start[None], metric=problem.loss.metric).follow_flow(np.array([0.0, t]))
    found = path.at(kernel.at(Positions(np.array(points)[:, None]))).values[1, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_training_follows_the_prediction() -> None:
    """Sampling error and feature learning are a few per mille at this width."""
    case = "1-D"
    rows = CASES[case][1]
    x = rows.positions()[:, 0]
    values = np.where(np.arange(rows.size) < 20, (30 + 16 * np.pi**2) * np.sin(4 * np.pi * x), 0.0)[None]
    weights = ntk_weights(make(case).laws, rows)
    problem = Problem(
        Gaussian(SIGMA), Samples(rows, values), Network(width=20_000, sigma_a=0.2), np.array([0.0, 2e-5, 2e-4]),
        loss=BlockSquare(rows.sizes, weights),
    )  # fmt: skip
    history = train(problem, Training(precision="double"))
    training = LinearisedTraining(InfiniteWidthKernel(problem), -values, metric=problem.loss.metric)
    predicted = training.flow(problem.times)
    change = np.linalg.norm(predicted[-1] - predicted[0]) / np.linalg.norm(values)
    distance = np.linalg.norm(history.error[-1] - predicted[-1]) / np.linalg.norm(values)
    print("change", change, "distance", distance)
    assert change > 0.3
    assert distance < 0.01


def test_discrete_densities() -> None:
    """Frequencies that are known exactly, so that the kernel is a finite sum."""
    rows, w = CASES["1-D"][1], np.array([1.0, 2.5, 4.0])
    problem = Problem(
        Points(w[:, None]), Samples(rows, np.ones((1, rows.size))), Network(width=6, sigma_a=0.5), np.array([0.0, 1.0])
    )
    symbol, gradient = 30 + 4 * np.pi**2 * w**2, 8 * np.pi**2 * w
    x = rows.positions()
    waves = np.exp(2j * np.pi * x * w)
    values, slopes = waves.copy(), 2j * np.pi * x * waves
    values[:20], slopes[:20] = symbol * waves[:20], (gradient + 2j * np.pi * x[:20] * symbol) * waves[:20]
    expected = (values @ values.conj().T + 0.25 * slopes @ slopes.conj().T).real / 3 / rows.size
    matrix = InfiniteWidthKernel(problem).apply(np.eye(rows.size))
    np.testing.assert_allclose(matrix, expected, atol=1e-12 * expected.max())


def test_values_of_an_asymmetric_network_elsewhere() -> None:
    """A position has the value f, not L f."""
    problem = make("1-D")
    problem = Problem(problem.density, problem.samples, Network(width=20, sigma_a=1.0, symmetric=False), problem.times)
    network = FourierNetwork(problem, make_transforms("dense", problem.sites, "double", torch.device("cpu")))
    plain = problem_at(problem, Positions(np.array([[0.2]])))
    found = network.values_at(network.start, plain.sites)
    amplitudes, frequencies = network.layout.split(network.start)
    expected = (amplitudes[0] * torch.exp(2j * torch.pi * 0.2 * frequencies[0])).real.sum() / 20**0.5
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-12)
