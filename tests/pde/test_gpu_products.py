"""The data operator on a GPU. `pytest -m cuda`; elsewhere NumPy stands for CuPy, and FINUFFT for cuFINUFFT."""

import builtins
import sys
from types import SimpleNamespace

import finufft
import numpy as np
import pytest
import tomli_w
import torch
from mpi4py import MPI

from freqbias.errors import ComputationError, InputError
from freqbias.meshes import BoxPlan, LayeredPlan, plan_mesh
from freqbias.numerics import Grid, GridSubset, Scattered, TensorTransform, cupy_on_gpu, make_gpu_transform
from freqbias.pde import data_operator, memory, solve
from freqbias.pde.data_operator import ElementOperator
from freqbias.pde.gpu_products import Gathered
from freqbias.pde.point_operator import PointOperator
from freqbias.problem import Ball, Gaussian, Network, Octaves, Pde, Problem, Samples
from tests.interrupted import here
from tests.pde.test_meshes import simplices
from tests.problem.run_files import table

RNG = np.random.default_rng(0)
GRID, LARGE = Grid((24, 20), (1.0, 0.9)), Grid((300,), (2.0,))
CLOUD = Scattered(RNG.uniform(-0.5, 0.5, (150, 2)))
PART = GridSubset(GRID, np.flatnonzero(RNG.random(GRID.size) < 0.4))
RECTANGLES = BoxPlan((((4.0, 3), (9.0, 2)), ((9.0, 4),)), 4)
DISC = LayeredPlan(2, ((9.0, 3),), 6, 3)


class PlanOnCpu(finufft.Plan):
    """FINUFFT's plan with cuFINUFFT's arguments, and the leading axis of a batch of one."""

    def __init__(self, *arguments, gpu_device_id, **options):
        super().__init__(*arguments, **options)
        assert gpu_device_id == 0

    def execute(self, data):
        return super().execute(data if len(data) > 1 else data[0]).reshape(len(data), -1)


CUFINUFFT = SimpleNamespace(Plan=PlanOnCpu, __version__="2.5.1")


@pytest.fixture(params=["stand-in", pytest.param("CuPy", marks=pytest.mark.cuda)])
def gpu(request, monkeypatch):
    """CuPy and cuFINUFFT, or what stands for them."""
    if request.param == "stand-in":
        monkeypatch.setitem(sys.modules, "cufinufft", CUFINUFFT)
        for module in (data_operator, memory):
            monkeypatch.setattr(module, "cupy_on_gpu", lambda rank: np)
    else:
        for name in ("cupy", "cufinufft"):
            pytest.importorskip(name)
        if not torch.cuda.is_available():
            pytest.skip("no CUDA GPU here, or no -m cuda")


def assert_tensors_are_used(sites, plan):
    if isinstance(sites, Grid) and sites.dimension > 1 and isinstance(plan, BoxPlan):
        nodes = np.array([[0.0] * plan.dimension, [1.0] * plan.dimension])
        assert isinstance(make_gpu_transform(sites, nodes, eps=1e-6, xp=np), TensorTransform)


def problem_on(sites, density):
    samples = Samples(sites, RNG.normal(size=(1, sites.size)))
    return Problem(density, samples, Network(width=32, sigma_a=0.7), np.array([0.0, 5.0]))


def products(kind, problem, plan, device):
    operator = kind(problem, plan, MPI.COMM_SELF, -problem.samples.values, accuracy=1e-12, device=device)
    elsewhere = Scattered(RNG.uniform(-0.4, 0.4, (7, problem.dimension)))
    u = problem.samples.values[0]
    return operator, operator.apply(u), elsewhere, operator.at(elsewhere)(u)


@pytest.mark.parametrize(
    ("sites", "density", "plan"),
    [
        (GRID, Gaussian(2.0), RECTANGLES),
        (PART, Gaussian(2.0), RECTANGLES),
        (CLOUD, Gaussian(2.0), RECTANGLES),
        (GRID, Ball(9.0), DISC),
        (CLOUD, Ball(9.0), DISC),
        (LARGE, Gaussian(2.0), BoxPlan.uniform((9.0,), (8,), 6)),
        (Grid((8, 6, 5), (1.0, 0.9, 0.8)), Gaussian(2.0), BoxPlan.uniform((6.0,) * 3, (2, 3, 4), 3)),
        (GRID, Ball(6.0), None),  # triangles
    ],
    ids=lambda each: type(each).__name__,
)
def test_products_equal_those_of_the_cpu(sites, density, plan, gpu, tmp_path):
    problem = problem_on(sites, density)
    if plan is None:
        plan = plan_mesh(problem, Pde(degree=3), simplices(tmp_path, 7.0, 5, 2))
    assert_tensors_are_used(sites, plan)
    _, expected, elsewhere, there = products(ElementOperator, problem, plan, "cpu")
    operator, found, _, _ = products(ElementOperator, problem, plan, "cuda")
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(
        operator.at(elsewhere)(problem.samples.values[0]), there, rtol=0, atol=1e-9 * np.abs(there).max()
    )


@pytest.mark.parametrize("sites", [GRID, CLOUD], ids=["grid", "scattered"])
def test_point_masses(sites, gpu):
    problem, plan = problem_on(sites, Octaves(0.5, 4)), BoxPlan.uniform((6.0, 6.0), (4, 4), 2)
    (_, expected, _, _), (_, found, _, _) = (products(PointOperator, problem, plan, on) for on in ("cpu", "cuda"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_the_whole_solution(gpu):
    problem = problem_on(GRID, Gaussian(2.0))
    cpu, found = (solve(problem, Pde(tolerance=1e-4, device=device)) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(found.error, cpu.error, rtol=0, atol=1e-6 * np.abs(cpu.error).max())


def test_without_a_gpu(monkeypatch):
    problem, load = problem_on(GRID, Gaussian(2.0)), builtins.__import__

    def fail(name, *arguments):
        if name == "cupy":
            raise ImportError("no module cupy")
        return load(name, *arguments)

    monkeypatch.setitem(sys.modules, "cufinufft", CUFINUFFT)
    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(InputError, match=r"no module cupy; install CuPy .* or use device = .cpu."):
        solve(problem, Pde(device="cuda"))


def test_an_unusable_gpu(monkeypatch):
    class CUDARuntimeError(Exception):
        pass

    def fail():
        raise CUDARuntimeError("no CUDA-capable device is detected")

    runtime = SimpleNamespace(CUDARuntimeError=CUDARuntimeError, getDeviceCount=fail)
    monkeypatch.setitem(sys.modules, "cufinufft", CUFINUFFT)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    with pytest.raises(InputError, match=r"no GPU can be used \(no CUDA-capable device is detected\); use device"):
        cupy_on_gpu(0)


def test_an_old_cufinufft(monkeypatch):
    monkeypatch.setitem(sys.modules, "cufinufft", SimpleNamespace(__version__="2.4.2"))
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())
    with pytest.raises(InputError, match=r"cufinufft 2\.4\.2 is too old; install 2\.5"):
        cupy_on_gpu(0)


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (MemoryError("Out of memory allocating 512 bytes"), InputError, 'Out of memory .*; use device = "cpu"'),
        (RuntimeError("Error creating plan."), ComputationError, "the GPU failed: Error creating plan.; it may lack"),
    ],
)
def test_failures_of_the_gpu(failure, kind, message, monkeypatch):
    class Poor:
        def asarray(self, values):
            raise failure

    monkeypatch.setattr(memory, "cupy_on_gpu", lambda rank: None)
    monkeypatch.setattr(data_operator, "cupy_on_gpu", lambda rank: Poor())
    with pytest.raises(kind, match=rf'\[pde\] device = "cuda": {message}'):
        solve(problem_on(GRID, Gaussian(2.0)), Pde(device="cuda"))


def test_ranks_without_cells_or_point_masses(gpu):
    transform = make_gpu_transform(CLOUD, np.empty((0, 2)), eps=1e-6, xp=np)
    assert transform.to_frequencies(np.ones(CLOUD.size)).shape == (0,)
    assert (transform.to_samples(np.empty(0, complex)) == np.zeros(CLOUD.size)).all()
    nothing = Gathered(None, np.empty((0, 9), dtype=int), 4, np)
    assert (nothing.apply(np.ones(4, complex)) == 0).all()


@pytest.mark.parametrize("command", ["check", "pde", "run"])
def test_refusal_before_writing(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table(pde={"device": "cuda"})))
    with pytest.raises(InputError, match=r'device = "cuda": .*; install CuPy and cuFINUFFT'):
        here(command, "run.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]
