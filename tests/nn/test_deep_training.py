"""Training with hidden layers: for a small target against the network's own kernel, and that kernel against the one at
infinite width; stages, and refusals."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from freqbias import nn
from freqbias.errors import InputError, StoppedEarly
from freqbias.nn import DeepNetwork, choose_backend
from freqbias.nn.device import check_training_memory
from freqbias.nn.sharding import Shards
from freqbias.numerics import Grid, Scattered
from freqbias.pde.solver import initial_errors
from freqbias.problem import Gaussian, Network, Problem, Samples, Training, initial_values, waves
from tests import oracle
from tests.nn.test_ntk_stage import read
from tests.nn.test_ntk_stage import run_in as run_ntk_in
from tests.nn.test_stage import StopAfter, assert_same, history_in, run_in
from tests.peak_memory import memory_taken

TIMES = np.array([0.0, 2.0, 4.0, 9.0])
GRID = Grid((24,), (1.0,))
TARGET = waves(GRID, [[1.0], [4.0]], window=0.2).values
CPU = torch.device("cpu")
DEEP = {"width": 60, "hidden_width": 40, "depth": 4, "activation": "gelu", "sigma_a": 1.0}


def problem_of(values=TARGET, **network) -> Problem:
    return Problem(Gaussian(3.0), Samples(GRID, values), Network(**DEEP | network), TIMES, seed=2)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """max_t |u_1 - u_2| over |u(0)|."""
    return float(np.linalg.norm(one - other, axis=(1, 2)).max() / np.linalg.norm(other[0]))


@pytest.mark.parametrize("activation, depth, symmetric", [("relu", 3, True), ("sine", 4, True), ("tanh", 4, False)])
def test_small_target_follows_own_kernel(activation, depth, symmetric):
    """Feature learning is proportional to the target, even in a narrow network. The kernel couples channels."""
    values = np.concatenate([TARGET, TARGET[:, ::-1] ** 2])
    network = {"activation": activation, "depth": depth, "symmetric": symmetric}
    left, times = [], np.array([0.0, 2.0, 6.0])
    for factor in (1.0, 1e-6):
        problem = problem_of(factor * values, **network)
        if not symmetric:  # the same distance from the network's own start
            problem = problem_of(factor * values + initial_values(problem), **network)
        problem = replace(problem, times=times)
        kernel = nn.EmpiricalKernel(problem)
        training = nn.LinearisedTraining(kernel, kernel.start)
        trained = nn.train(problem, Training(precision="double", tolerance=1e-7)).error
        left.append(apart(trained, training.flow(times)))
    assert left[0] > 1e-2 and left[1] < 1e-6


def test_wide_network_follows_exact_ntk():
    points = np.random.default_rng(4).uniform(-0.5, 0.5, (30, 2))
    samples = Samples(Scattered(points), np.stack([np.sin(9 * points[:, 0]), points[:, 1]]))
    network = Network(**DEEP | {"width": 1000, "hidden_width": 1000, "depth": 3, "sampling": "sobol"})
    problem = Problem(Gaussian(1.0), samples, network, TIMES)
    history = nn.train(problem, Training(tolerance=1e-2))
    flow = oracle.flow(nn.InfiniteWidthKernel(problem).apply(np.eye(30)), -samples.values, TIMES)
    expected = {"depth": 3, "width": 1000, "hidden_width": 1000, "activation": "gelu", "backend": "dense"}
    assert expected.items() <= history.attributes.items()
    assert np.linalg.norm(flow[-1]) < 0.7 * np.linalg.norm(flow[0])
    assert apart(history.error, flow) < 0.1
    np.testing.assert_array_equal(history.error[0], -samples.values)


def test_single_precision_follows_double():
    problem = problem_of()
    single, double = (nn.train(problem, Training(precision=each)).error for each in ("single", "double"))
    assert 0 < apart(single, double) < 1e-5


@pytest.mark.parametrize("symmetric", [False, True])
def test_equation_starts_at_the_network(symmetric):
    problem = problem_of(symmetric=symmetric)
    start = nn.train(problem, Training(precision="double")).error[0]
    np.testing.assert_allclose(initial_errors(problem), start, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(initial_errors(problem, "target"), -TARGET)
    assert symmetric == (initial_errors(problem) == -TARGET).all()


@pytest.mark.parametrize("training", [{"integrator": "rk4"}, {"integrator": "adam", "step": 0.01}], ids=str)
def test_resume_is_bit_identical(tmp_path, training):
    changes = {"network": DEEP, "training": training | {"checkpoint": 0.0}, "time": {"end": 0.4, "outputs": 8}}
    if training["integrator"] == "rk4":
        changes["time"]["end"] = 20.0
    run_in(tmp_path / "whole", **changes)
    with pytest.raises(StoppedEarly):
        run_in(tmp_path / "parts", stop=StopAfter(7), **changes)
    run_in(tmp_path / "parts", resume=True, **changes)
    assert_same(history_in(tmp_path / "parts"), history_in(tmp_path / "whole"))


def test_both_kernels_predict_the_training(tmp_path):
    changes = {"network": DEEP | {"width": 600, "hidden_width": 400}, "time": {"end": 20.0, "outputs": 4}}
    run_in(tmp_path, **changes)
    run_ntk_in(tmp_path, **changes)
    trained, found = history_in(tmp_path).error, read(tmp_path)
    assert found["empirical"].attributes["hidden_width"] == 400
    for kind in ("", "-steps"):
        own, infinite = (apart(found[name + kind].error, trained) for name in ("empirical", "infinite-width"))
        assert own < 0.05 and 1.5 * own < infinite < 0.3


@pytest.mark.parametrize("backend", ["nufft", "separable", "cufinufft"])
def test_backends_for_two_layers_are_refused(backend):
    with pytest.raises(
        InputError, match=rf'\[training\] backend = "{backend}" .* depth = 4; use backend = "dense" or "auto"'
    ):
        choose_backend(problem_of(), backend, precision="single", device=CPU)


@pytest.mark.parametrize("backend", ["auto", "dense"])
def test_dense_backend_is_chosen(backend):
    assert choose_backend(problem_of(), backend, precision="single", device=CPU)[0] == "dense"


def test_sharding_is_refused():
    shards = Shards()
    shards.comm = SimpleNamespace(size=2)
    with pytest.raises(InputError, match=r"\[network\] depth = 4: 2 processes .* hidden layers; leave --shard out"):
        nn.plan_training(problem_of(), shards=shards)


def test_too_large_network_is_refused(monkeypatch):
    monkeypatch.setattr("freqbias.nn.deep.draw_deep", lambda *_, **__: pytest.fail("drawn"))
    wide = problem_of(hidden_width=1_000_000)
    with pytest.raises(InputError, match=r"\[network\] width = 60, hidden_width = 1000000 .* GiB"):
        nn.plan_training(wide)
    check_training_memory(problem_of(), precision="single", device=CPU)


def test_memory_of_kernel_in_many_channels():
    """The memory that the kernel takes, plus the other eight states of a training by Runge-Kutta 4."""

    def deep_network(channels, width):
        values = np.random.default_rng(0).normal(size=(channels, 64))
        network = Network(width=width, sigma_a=1.0, depth=3, hidden_width=100, activation="relu")
        samples = Samples(Grid((8, 8), (1.0, 1.0)), values)
        return DeepNetwork(Problem(Gaussian(4.0), samples, network, np.array([0.0, 1.0])), precision="double")

    def compute(channels, width):
        deep = deep_network(channels, width)
        deep.kernel_matrix(deep.start)

    compute(1, 100)  # loads the libraries first
    layout = deep_network(10, 16_000).layout
    assert layout.matrix_is_cheaper(64)
    # Twice, because libraries may allocate their own workspace for the first large product.
    taken = min(memory_taken(lambda: compute(10, 16_000)) for _ in range(2)) + 8 * 8 * layout.size
    assert 0.7 < taken / layout.memory(64, precision="double") < 1.05


def test_step_size_bounds_both_kernels():
    problem = problem_of()
    plan = nn.plan_training(problem)
    network = DeepNetwork(problem, precision="double")
    largest = np.linalg.eigvalsh(network.kernel_matrix(network.start).numpy() / GRID.size)[-1]
    wide = nn.InfiniteWidthKernel(problem).largest_eigenvalue()
    assert plan.lambda_max == pytest.approx(max(1.05 * largest, wide), rel=0.01)
