"""The network on a GPU against the CPU; `pytest -m cuda`."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from freqbias import problem as statement
from freqbias.nn import (
    EmpiricalKernel,
    FourierNetwork,
    FourierSum,
    make_transforms,
    plan_training,
    train,
    training_memory,
    trajectory,
)
from freqbias.numerics import Grid
from freqbias.problem import ErrorHistory, Gaussian, Network, Problem, Samples, Training, waves
from tests import launch
from tests.nn.test_gradients import BOUNDS, GRIDS, SCATTERED, assert_equal_to_dense, problem_on
from tests.nn.test_sharding import RUN, torchrun_command

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here, or no -m cuda"),
]
CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
MARKS = {
    "cufinufft": pytest.mark.skipif(find_spec("cufinufft") is None, reason="cuFINUFFT is not installed"),
    "separable": (),
    "dense": (),
}
BACKENDS = [pytest.param(name, marks=marks) for name, marks in MARKS.items()]
GRID = Grid((9, 8), (1.0, 1.0))


CASES = [
    pytest.param(sites, name, id=f"{name}-{sites if isinstance(sites, Grid) else f'scattered{index}'}", marks=marks)
    for name, marks in MARKS.items()
    for index, sites in enumerate([*GRIDS, *([] if name == "separable" else SCATTERED)])
]


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("sites, backend", CASES)
def test_gradients_equal_the_dense_sum(sites, precision, backend):
    problem = problem_on(sites)
    network = FourierNetwork(problem, make_transforms(backend, sites, precision, CUDA), device=CUDA)
    assert_equal_to_dense(problem, network, BOUNDS[precision])
    network.layout.split(network.start)[1].mul_(1.3)  # existing plans must follow
    assert_equal_to_dense(problem, network, BOUNDS[precision])


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_neurons_equal_the_dense_sum(backend):
    """Enough neurons for several chunks."""
    problem = problem_on(Grid((40, 30), (1.0, 1.0)), width=60_001)
    for precision, bound in BOUNDS.items():
        network = FourierNetwork(problem, make_transforms(backend, problem.sites, precision, CUDA), device=CUDA)
        assert_equal_to_dense(problem, network, bound)


@pytest.mark.parametrize("sites, backend", CASES)
def test_kernel_equals_that_on_the_cpu(sites, backend):
    problem, values = problem_on(sites), np.random.default_rng(8).normal(size=(2, sites.size))
    expected = EmpiricalKernel(problem, backend="dense").apply(values)
    found = EmpiricalKernel(problem, device=CUDA, backend=backend).apply(values)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("backend", BACKENDS)
def test_autograd_of_the_sum(backend):
    random = torch.Generator().manual_seed(0)
    found = []
    for device, name in ((CPU, "dense"), (CUDA, backend)):
        w = torch.randn(2, 50, generator=random.manual_seed(1), dtype=torch.float64).to(device).requires_grad_()
        c = torch.randn(2, 50, generator=random.manual_seed(2), dtype=torch.complex128).to(device).requires_grad_()
        f = FourierSum(make_transforms(name, GRID, "double", device), GRID, device=device)
        (f(w, c) ** 2).sum().backward()
        found.append((w.grad.cpu(), c.grad.cpu()))
    for expected, other in zip(*found, strict=True):
        torch.testing.assert_close(other, expected, rtol=0, atol=1e-10 * float(expected.abs().max()))


def problem_of(end: float = 20.0, *, diagonal: bool = False, channels: int = 2) -> Problem:
    """A 2-D target of two channels, with held-out samples if the network has a diagonal layer."""
    values = waves(GRID, [[2.0, 1.0], [0.0, 3.0]], window=0.15).values
    samples = Samples(GRID, np.concatenate([values * (1 + c) for c in range(channels)]))
    network = Network(width=400, sigma_a=1.0, diagonal=diagonal)
    kept, held_out = samples.split(0.2, seed=1) if diagonal else (samples, None)
    times = end * np.array([0.0, 0.15, 0.225, 1.0])
    return Problem(Gaussian(2.0), kept, network, times, seed=2, held_out=held_out)


SETTINGS = {
    "gradient-descent": {"tolerance": 1e-2},
    "heun": {},
    "rk4": {},
    "momentum": {"step": 0.2},
    "sgd": {"step": 0.2, "batch": 5},
    "adam": {"step": 0.01},
}
END = {"adam": 0.5}  # later its loss is so small that rounding decides its steps


def assert_same(found: ErrorHistory, expected: ErrorHistory, bound: float) -> None:
    assert np.abs(found.error - expected.error).max() < bound * np.abs(expected.error[0]).max()
    np.testing.assert_allclose(found.loss, expected.loss, rtol=10 * bound)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("integrator", SETTINGS)
def test_training_equals_the_cpu(integrator, backend):
    settings = Training(integrator=integrator, precision="double", device="cpu", **SETTINGS[integrator])
    problem = problem_of(END.get(integrator, 20.0))
    on_cpu = train(problem, settings)
    on_gpu = train(problem, settings.model_copy(update={"device": "cuda", "backend": backend}))
    assert (on_gpu.attributes["device"], on_gpu.attributes["backend"]) == ("cuda:0", backend)
    assert on_cpu.loss[-1] < 0.9 * on_cpu.loss[0]
    assert_same(on_gpu, on_cpu, 1e-8 if integrator == "adam" else 1e-10)  # Adam divides by gradients of 1e-8 and more


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_in_single_precision(backend):
    on_cpu = train(problem_of(), Training(device="cpu", precision="double"))
    assert_same(train(problem_of(), Training(device="cuda", backend=backend)), on_cpu, 1e-5)


@pytest.mark.parametrize("backend", [BACKENDS[0], BACKENDS[2]])
def test_training_of_a_diagonal_layer(backend):
    on_cpu = train(problem_of(diagonal=True), Training(device="cpu", precision="double"))
    on_gpu = train(problem_of(diagonal=True), Training(device="cuda", precision="double", backend=backend))
    assert_same(on_gpu, on_cpu, 1e-10)
    largest = np.abs(on_cpu.held_out_error[0]).max()
    np.testing.assert_allclose(on_gpu.held_out_error, on_cpu.held_out_error, rtol=0, atol=1e-10 * largest)


@pytest.mark.parametrize("integrator", ["rk4", "adam"])
def test_resume_between_cpu_and_gpu(integrator):
    settings = Training(integrator=integrator, precision="double", **SETTINGS[integrator])
    problem = problem_of(END.get(integrator, 20.0))
    plans = [plan_training(problem, settings.model_copy(update={"device": device})) for device in ("cpu", "cuda")]
    for one, other in (plans, plans[::-1]):
        whole = list(trajectory(one))
        middle = whole[len(whole) // 2]
        *_, last = trajectory(other, last=middle.checkpoint())
        assert (last.step, last.state.device.type) == (whole[-1].step, other.device.type)
        torch.testing.assert_close(last.state.cpu(), whole[-1].state.cpu(), rtol=0, atol=1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_estimate(backend):
    grid, width = Grid((64, 64), (1.0, 1.0)), 10_000 if backend == "dense" else 1_000_000
    problem = replace(problem_of(), samples=waves(grid, [[2.0, 1.0]]), laws=None)
    problem = replace(problem, network=problem.network.model_copy(update={"width": width}), times=np.array([0.0, 1e-3]))
    torch.cuda.empty_cache()
    before, lowest = torch.cuda.mem_get_info(CUDA)[0], []
    plan = plan_training(problem, Training(device="cuda", backend=backend))
    for _ in trajectory(plan):
        lowest.append(torch.cuda.mem_get_info(CUDA)[0])  # includes cuFINUFFT's own memory
    taken = before - min(lowest)
    assert 0.1 < taken / training_memory(problem, precision="single", backend=backend) < 1


def run_file(tmp_path) -> tuple:
    path = tmp_path / "run.toml"
    path.write_text(RUN.format(step=0.5) + 'device = "cuda"\n')
    run = statement.load(path)
    return path, train(statement.build(run), run.training.model_copy(update={"device": "cpu"}))


def test_command_and_two_processes(tmp_path, monkeypatch):
    path, expected = run_file(tmp_path)
    monkeypatch.setattr(launch, "command", torchrun_command)
    for processes, flags in ((1, []), (2, ["--shard"])):
        out = tmp_path / str(processes)
        done = launch.run("-m", "freqbias.nn", path, "--out", out, "-q", *flags, ranks=processes)
        assert done.returncode == 0, done.stderr
        found = ErrorHistory.load(out / "nn/error.nc")
        assert found.attributes["device"] == "cuda:0"
        assert_same(found, expected, 1e-10)


def test_all_reduce_by_nccl(tmp_path):
    """A single process, because NCCL needs a GPU for each."""
    path, expected = run_file(tmp_path)
    code = """
        import sys
        import torch.distributed as dist
        import numpy as np
        from freqbias import problem
        from freqbias.nn.training_plan import prepare
        from freqbias.nn.sharding import DistributedShards
        from freqbias.nn.training import trajectory
        run = problem.load(sys.argv[1])
        plan = prepare(problem.build(run), run.training, shards=DistributedShards())
        assert dist.get_backend_config() == "cpu:gloo,cuda:nccl", dist.get_backend_config()
        np.save(sys.argv[2], [each.error.cpu() for each in trajectory(plan) if each.output is not None])
        dist.destroy_process_group()
    """
    done = launch.run_code(code, path, tmp_path / "error.npy")
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "error.npy")
    assert np.abs(found - expected.error).max() < 1e-10 * np.abs(expected.error[0]).max()
