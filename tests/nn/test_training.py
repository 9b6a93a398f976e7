"""Training as a whole: start, record, tolerance, resumption, and refusals."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from freqbias.errors import ComputationError, InputError
from freqbias.nn import RUNGE_KUTTA, FourierNetwork, InfiniteWidthKernel, plan_training, train, trajectory
from freqbias.nn.nufft import NufftTransforms
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples, Training, draw, network_values, open_netcdf, waves
from tests import oracle

TIMES = np.array([0.0, 3.0, 4.5, 20.0])


def small(*, width=400, channels=1, symmetric=True, times=TIMES, seed=2) -> Problem:
    values = waves(Grid((48,), (1.0,)), [[2.0], [7.0]], window=0.15).values
    samples = Samples(Grid((48,), (1.0,)), np.concatenate([values * (1 + c) for c in range(channels)]))
    return Problem(Gaussian(5.0), samples, Network(width=width, sigma_a=1.0, symmetric=symmetric), times, seed=seed)


def test_history_is_complete():
    problem = small(channels=2)
    history = train(problem)
    np.testing.assert_array_equal(history.time, TIMES)
    np.testing.assert_array_equal(history.position, problem.grid.positions())
    assert history.error.shape == (4, 2, 48) and history.error.dtype == np.float64
    np.testing.assert_array_equal(history.error[0], -problem.samples.values)
    np.testing.assert_allclose(history.loss, 0.5 * (history.error**2).mean(axis=2).sum(axis=1))
    assert (np.diff(history.loss) < 0).all()
    expected = {"width": 400, "sampling": "iid", "seed": 2, "integrator": "rk4", "precision": "single", "device": "cpu"}
    assert expected.items() <= history.attributes.items()
    assert {"step", "steps", "lambda_max", "freqbias"} <= history.attributes.keys()


def test_asymmetric_network_starts_from_its_draw():
    problem = small(symmetric=False, width=401)
    start = (
        network_values(draw(problem.density, problem.network, dimension=1, seed=2), problem.grid)
        - problem.samples.values
    )
    np.testing.assert_allclose(train(problem, Training(precision="double")).error[0], start, rtol=0, atol=1e-10)


def test_asymmetric_network_follows_exact_ntk():
    problem = small(symmetric=False, width=20_000)
    history = train(problem)
    flow = oracle.flow(
        oracle.dense_kernel(problem.grid.positions(), oracle.gaussian(5.0), 1.0), history.error[0], TIMES
    )
    assert np.linalg.norm(history.error - flow, axis=(1, 2)).max() < 0.02 * np.linalg.norm(flow[0])


@pytest.mark.parametrize("backend", ["nufft", "dense"])
def test_scattered_samples_follow_exact_ntk(backend):
    points = np.random.default_rng(4).beta(0.5, 1.0, (60, 2)) - 0.3
    samples = Samples(Scattered(points), np.stack([np.sin(9 * points[:, 0]), points[:, 1]]))
    network = Network(width=10_000, sigma_a=1.0, sampling="sobol")
    history = train(Problem(Gaussian(2.0), samples, network, TIMES), Training(backend=backend))
    flow = oracle.flow(oracle.dense_kernel(points, oracle.gaussian(2.0), 1.0), -samples.values, TIMES)
    np.testing.assert_array_equal(history.position, points)
    assert history.attributes["backend"] == backend
    assert np.linalg.norm(flow[-1]) < 0.5 * np.linalg.norm(flow[0])
    assert np.linalg.norm(history.error - flow, axis=(1, 2)).max() < 0.02 * np.linalg.norm(flow[0])


@pytest.mark.parametrize("integrator", ["gradient-descent", "heun", "rk4"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
def test_tolerance_on_the_fastest_mode(integrator, tolerance):
    grid, network = Grid((48,), (1.0,)), Network(width=4096, sigma_a=1.0, sampling="sobol")
    mode = np.linalg.eigh(oracle.dense_kernel(grid.positions(), oracle.gaussian(5.0), 1.0))[1][:, -1:].T
    settings = Training(integrator=integrator, precision="double", tolerance=tolerance)
    plan = plan_training(Problem(Gaussian(5.0), Samples(grid, 1e-3 * mode), network, np.array([0.0, 1.0])), settings)
    z = RUNGE_KUTTA[integrator].largest_step(tolerance)
    step = z / plan.lambda_max
    times = step * max(1, round(0.2 / z)) * np.arange(max(4, round(2 / max(z, 0.2))))  # to 2 / lambda_max or so
    problem = Problem(Gaussian(5.0), plan.problem.samples, network, times)
    coarse, fine = (
        train(problem, s).error for s in (settings, Training(precision="double", step=0.1 / plan.lambda_max))
    )
    difference = np.linalg.norm(coarse - fine, axis=(1, 2)).max() / np.linalg.norm(problem.samples.values)
    # Heun and Runge-Kutta 4 control the local error, with a reserve for kernels that change.
    share = {"gradient-descent": 0.6, "heun": 0.1, "rk4": 0.01}[integrator]
    assert share * tolerance < difference <= 1.02 * tolerance


def test_default_tolerance():
    assert plan_training(small(), tolerance=1e-2).step > plan_training(small(), tolerance=1e-4).step
    assert (
        plan_training(small(), Training(tolerance=1e-2), tolerance=1e-4).step
        == plan_training(small(), tolerance=1e-2).step
    )
    assert plan_training(small(), Training(step=0.25)).step == 0.25


def test_kernel_is_prepared_once(monkeypatch):
    """With many scattered samples it may take a minute, and every stage of a run needs its lambda_max."""
    made = []
    monkeypatch.setattr(
        "freqbias.nn.ntk.InfiniteWidthKernel", lambda problem: made.append(problem) or InfiniteWidthKernel(problem)
    )
    one, other = small(), small(width=2000)
    asked = [(one, 1e-2), (one, 1e-4), (other, 1e-4)]
    steps = [plan_training(problem, tolerance=tolerance).step for problem, tolerance in asked]
    assert made == [one, other] and steps[0] > 2 * steps[1]


def test_single_precision_follows_double():
    single, double = (
        train(small(width=4000), Training(precision=precision)).error for precision in ("single", "double")
    )
    assert 0 < np.abs(single - double).max() < 1e-5 * np.abs(double).max()


def test_resume_is_bit_identical():
    plan = plan_training(small())
    whole = list(trajectory(plan))
    middle = whole[len(whole) // 2]
    rest = list(trajectory(plan, last=middle.checkpoint()))
    assert [snapshot.step for snapshot in whole] == list(range(len(whole)))
    for expected, found in zip(whole[middle.step :], rest, strict=True):
        assert (found.step, found.time, found.loss) == (expected.step, expected.time, expected.loss)
        assert torch.equal(found.state, expected.state) and torch.equal(found.error, expected.error)


@pytest.mark.parametrize("integrator, step", [("gradient-descent", 2.5), ("rk4", 6.0), ("rk4", 1e9), ("heun", 1e10)])
def test_divergence_names_step_and_remedy(integrator, step):
    lambda_max = InfiniteWidthKernel(small()).largest_eigenvalue() / 1.05
    problem = small(times=np.array([0.0, max(300.0, step) / lambda_max]))
    with pytest.raises(ComputationError, match=r"diverged at step \d+ of \d+, t = .*use a smaller \[training\] step"):
        train(problem, Training(integrator=integrator, step=step / lambda_max))


@pytest.mark.parametrize("integrator", ["gradient-descent", "heun", "rk4"])
@pytest.mark.parametrize("width", [2, 10])
def test_auto_step_is_stable_if_narrow(integrator, width):
    """The kernel of a narrow network may be many times larger than the one at infinite width."""
    ratios = []
    for seed in (0, 3):
        problem = small(width=width, seed=seed, times=np.array([0.0, 1.0, 3.0]))
        plan = plan_training(problem, Training(integrator=integrator, tolerance=0.03))
        ratios.append(plan.lambda_max / InfiniteWidthKernel(problem).largest_eigenvalue())
        assert (np.diff(train(problem, plan.settings).loss) < 0).all()
    assert min(ratios) >= 1 and max(ratios) > 3


@pytest.mark.parametrize("width", [2, 10, 400])
def test_lambda_max_bounds_the_drawn_kernel(width):
    problem = small(width=width, seed=3, channels=2)
    network = FourierNetwork(problem, NufftTransforms(problem.grid, precision="double"))
    unit = torch.eye(2 * 48, dtype=torch.float64).view(-1, 2, 48)
    matrix = np.stack([network.kernel(network.start, each).numpy().ravel() for each in unit])
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-10 * np.abs(matrix).max())
    largest = np.linalg.eigvalsh(matrix)[-1]
    assert (
        largest
        <= plan_training(problem).lambda_max
        <= max(1.06 * largest, InfiniteWidthKernel(problem).largest_eigenvalue())
    )


def test_diverged_auto_step_is_not_advised(monkeypatch):
    monkeypatch.setattr("freqbias.nn.eigenvalue.MARGIN", 0.01)
    with pytest.raises(ComputationError, match=r"diverged at step .* a smaller \[training\] step or tolerance") as met:
        train(small(times=np.array([0.0, 500.0])), Training(integrator="gradient-descent", tolerance=0.05))
    assert 'or step = "auto"' not in str(met.value)


def test_too_small_auto_step_is_not_advised():
    problem = Problem(Gaussian(5.0), small().samples, Network(width=40, sigma_a=1e12), np.array([0.0, 1.0]))
    with pytest.raises(InputError, match=r"needs .* steps, which is too many; use a smaller \[time\] end") as met:
        plan_training(problem)
    assert 'or step = "auto"' not in str(met.value)


@pytest.mark.parametrize("integrator, limit", [("gradient-descent", 2.0), ("heun", 2.0), ("rk4", 2.785)])
def test_unstable_step_warns(integrator, limit, caplog):
    lambda_max = plan_training(small()).lambda_max
    problem = small(times=np.array([0.0, 100 * limit / lambda_max]))
    for factor, warnings in ((0.99, 0), (1.02, 1)):
        caplog.clear()
        next(trajectory(plan_training(problem, Training(integrator=integrator, step=factor * limit / lambda_max))))
        found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert len(found) == warnings and all(integrator in message for message in found)


def test_positions_have_the_unit_of_the_problem(tmp_path):
    train(replace(small(), unit="mm")).save(tmp_path / "error.nc")
    with open_netcdf(tmp_path / "error.nc") as data:
        assert data.position.attrs["units"] == "mm"


def test_a_step_longer_than_the_time_between_outputs(caplog):
    problem = small(times=np.array([0.0, 5.0, 10.0]))
    history = train(problem, Training(integrator="gradient-descent", step=50.0))
    assert [history.attributes[name] for name in ("step", "first_step", "last_step", "steps")] == [50.0, 5.0, 5.0, 2]
    assert np.diff(history.step_time).tolist() == [5.0, 5.0]
    assert "[training] step = 50: steps are as short as 5, because a step ends at each output time" in caplog.text
    caplog.clear()
    train(problem, Training(integrator="gradient-descent", step=0.3))
    assert "as short as" not in caplog.text


def test_missing_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cuda", "cuda:3"):
        with pytest.raises(
            InputError,
            match=rf'\[training\] device = "{device}": this machine has no CUDA GPU .* use device = "cpu" or "auto"',
        ):
            plan_training(small(), Training(device=device))


def test_gpu_index_out_of_range_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(
        InputError,
        match=r'device = "cuda:3": this machine has only cuda:0, cuda:1; use device = "cpu" or "auto", or "cuda:1"',
    ):
        plan_training(small(), Training(device="cuda:3"))


def test_too_wide_network_is_refused(monkeypatch):
    monkeypatch.setattr("freqbias.nn.device.device_memory", lambda device: 24 * 2.0**30)
    expected = (
        r"\[network\] width = 1000000000 with 48 samples: .* about \d+ GiB of memory on cpu, but only 24 GiB "
        r".*use a smaller \[network\] width"
    )
    with pytest.raises(InputError, match=expected):
        plan_training(small(width=10**9))
    plan_training(small(width=10**5))


def test_too_many_steps_are_refused():
    with pytest.raises(
        InputError, match=r"\[training\] step = 1e-12 needs .* steps, which is too many; use a larger step"
    ):
        plan_training(small(), Training(step=1e-12))


def test_out_of_memory_is_input_error(monkeypatch):
    def full(self, state):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("freqbias.nn.network.FourierNetwork.values", full)
    with pytest.raises(InputError, match=r"more memory than cpu has left; use a smaller \[network\] width"):
        train(small())


def test_log_names_device_and_outcome(caplog):
    with caplog.at_level(logging.INFO, logger="freqbias"):
        history = train(small(), Training(device="cpu"))
    assert "nn: device cpu, as requested" in caplog.messages
    assert f"loss {history.loss[0]:.3g} -> {history.loss[-1]:.3g}" in caplog.messages[-1]
