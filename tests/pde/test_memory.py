"""The memory of the stage pde: it is predicted, and a run that needs too much is refused with settings that fit."""

import re
from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.errors import ComputationError, InputError
from freqbias.meshes import BoxPlan, plan_mesh
from freqbias.numerics import Grid
from freqbias.pde import memory, run_pde
from freqbias.problem import Gaussian, Mesh, Network, Pde, Problem, build, parse, waves
from freqbias.runtime import StopRequest, Store
from tests import launch
from tests.interrupted import here, run_text
from tests.peak_memory import memory_taken

pytestmark = pytest.mark.xdist_group("ranks")


def settings(operator, size, **pde):
    return {
        "density": {"kind": "gaussian", "sigma": 2.5},
        "data": {"kind": "waves", "dimension": 2, "points": 32, "frequencies": [[3.0, 1.0]], "window": 0.12},
        "network": {"width": 100, "sigma_a": 1.0},
        "time": {"end": 100.0, "outputs": 10},
        "mesh": {"size": size},
        "pde": {"operator": operator, "degree": 2, "tolerance": 1e-3, **pde},
    }


@pytest.mark.parametrize(
    "operator, degree, cells, measured",
    [
        ("local", 1, 80, 1969), ("local", 2, 40, 602), ("local", 3, 20, 306), ("local", 4, 18, 403),
        ("local", 6, 14, 542), ("data", 4, 20, 367), ("data", 6, 18, 587),
    ],
)  # fmt: skip
def test_measured_peaks_in_three_dimensions(operator, degree, cells, measured):
    """In MiB, from the table of `memory`. Runs of this size are too long for a test."""
    samples = waves(Grid((16,) * 3, (1.0,) * 3), [[2.0] * 3], window=0.15)
    problem = Problem(Gaussian(1.0), samples, Network(width=2, sigma_a=1.0), np.linspace(0, 100, 11))
    plan = BoxPlan.uniform((6.0,) * 3, (cells,) * 3, degree)
    estimate = memory.memory_needed(problem, Pde(operator=operator), plan) / 2**20
    assert measured <= estimate <= 1.4 * measured


def test_levels_with_high_degrees_need_memory():
    """On boxes of very unequal cells, matrices are assembled for elements of higher degree than 1."""
    samples = waves(Grid((16,) * 3, (1.0,) * 3), [[2.0] * 3], window=0.15)
    problem = Problem(Gaussian(1.0), samples, Network(width=2, sigma_a=1.0), np.linspace(0, 100, 11))
    even, uneven = ((8, 8, 8), (4, 4, 32))
    needed = [
        memory.memory_needed(problem, Pde(operator="local"), BoxPlan.uniform((6.0,) * 3, cells, 6))
        for cells in (even, uneven)
    ]
    nodes = (3 + 1) * (3 + 1) * (1 + 1)  # of a cell, in place of 8
    assert needed[1] - needed[0] > memory.ASSEMBLED_BYTES * 512 * (nodes**2 - 8**2)


def test_channels_need_krylov_spaces_of_their_own():
    samples = waves(Grid((16, 16), (1.0, 1.0)), [[2.0, 2.0]], window=0.15)
    plan = BoxPlan.uniform((6.0, 6.0), (100, 100), 2)
    network, times = Network(width=2, sigma_a=1.0), np.array([0.0, 100.0])
    values = [np.repeat(samples.values, channels, axis=0) for channels in (1, 3)]
    one, three = (
        memory.memory_needed(
            Problem(Gaussian(1.0), replace(samples, values=v), network, times), Pde(operator="local"), plan
        )
        for v in values
    )
    assert three - one > 2 * 8 * 30 * plan.dofs


def run_in(folder, run):
    with StopRequest() as stop:
        run_pde(run, build(run), Store(folder), resume=False, overwrite=False, stop=stop)


def predicted_bytes(run):
    problem = build(run)
    return memory.memory_needed(problem, run.pde, plan_mesh(problem, run.pde, run.mesh)) - memory.LIBRARY_BYTES


@pytest.mark.parametrize(("operator", "size"), [("local", 0.17), ("data", 0.11)])
def test_predicted_peak(operator, size, tmp_path):
    run = parse(settings(operator, size) | {"time": {"end": 100.0, "outputs": 40}})  # one of them at a time in memory
    predicted = predicted_bytes(run)
    assert predicted > 6e7
    run_in(tmp_path / "small", parse(settings(operator, 3.0)))  # loads the libraries first
    taken = memory_taken(lambda: run_in(tmp_path / "large", run))
    assert 0.6 < taken / predicted < 1.1


@pytest.mark.parametrize("held_out", [{}, {"held_out": 0.25}])
def test_predicted_peak_of_many_output_times(held_out, tmp_path):
    """With the data operator, every rank has u at all of them, and their integrals if values are predicted."""
    run, small = (settings("data", 2.0, fields=False) for _ in range(2))
    small["data"] |= held_out
    run["data"] |= {"points": 96, **held_out}
    run["time"]["outputs"] = 500
    predicted = predicted_bytes(parse(run))
    run_in(tmp_path / "small", parse(small))
    taken = memory_taken(lambda: run_in(tmp_path / "large", parse(run)))
    assert 0.6 < taken / predicted < 1.1


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: memory.LIBRARY_BYTES + 1e8)


@pytest.mark.parametrize(
    ("mesh", "key", "remedy"),
    [({}, r"\[pde\] tolerance = 1e-05", "tolerance"), ({"size": 0.05}, r"\[mesh\] size = 0.05", "size")],
)
@pytest.mark.parametrize("operator", ["local", "data"])
def test_refusal_names_what_fits(operator, mesh, key, remedy, little_memory):
    run = parse(settings(operator, 1.0, tolerance=1e-5) | {"mesh": mesh})
    problem = build(run)
    plan = plan_mesh(problem, run.pde, run.mesh)
    with pytest.raises(InputError, match=rf"{key}: the mesh of [\d,]+ dofs needs about \S+ [MG]iB") as refused:
        memory.check_memory(problem, run.pde, run.mesh, plan)
    value = float(re.search(rf"use {remedy} = (\S+) \(", str(refused.value))[1])
    fitting = run.pde.model_copy(update={remedy: value}) if remedy == "tolerance" else run.pde
    finer = run.mesh.model_copy(update={remedy: value}) if remedy == "size" else run.mesh
    memory.check_memory(problem, fitting, finer, plan_mesh(problem, fitting, finer))
    assert value > (1e-5 if remedy == "tolerance" else 0.05)


def test_refusal_names_a_degree(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: memory.LIBRARY_BYTES + 1.6e8)
    run = parse(settings("local", 1.0, tolerance=1e-4) | {"mesh": {}})
    problem = build(run)
    with pytest.raises(InputError, match=r"use tolerance = 0.0002 .* or degree = 6 \("):
        memory.check_memory(problem, run.pde, run.mesh, plan_mesh(problem, run.pde, run.mesh))


def test_spectrum_in_memory(monkeypatch):
    """`solve` returns all output times together, which needs more memory than the command."""
    problem = build(parse(settings("data", 2.0)))
    monkeypatch.setattr(memory, "available_memory", lambda: 1e12)
    assert pde.solve(problem, mesh=Mesh(size=2.0)).error.nbytes > 1e5
    monkeypatch.setattr(memory, "check_memory", lambda *_: None)
    monkeypatch.setattr(memory, "available_memory", lambda: 1e5)
    with pytest.raises(InputError, match=r"at 11 output times needs about .*; use fewer output times, or the command"):
        pde.solve(problem, mesh=Mesh(size=2.0))


def test_too_many_matrix_entries(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1e15)
    run = parse(settings("local", 1e-3))
    problem = build(run)
    message = r"needs [\d,]+ matrix entries, but PETSc allows at most [\d,]+ on each rank; use size = 0.00"
    with pytest.raises(InputError, match=message):
        memory.check_memory(problem, run.pde, run.mesh, plan_mesh(problem, run.pde, run.mesh))


def test_matrix_entries_of_multigrid(monkeypatch):
    """Only the last levels have matrices. Where M + shift B must be assembled after all, its entries count."""
    monkeypatch.setattr(memory, "available_memory", lambda: 1e15)
    run = parse(settings("local", 0.3, degree=6))
    problem = build(run)
    plan = plan_mesh(problem, run.pde, run.mesh)
    monkeypatch.setattr(memory, "PETSC_MAX_ENTRIES", plan.nonzeros // 2)
    memory.check_memory(problem, run.pde, run.mesh, plan)
    with pytest.raises(ComputationError, match=rf"needs {plan.nonzeros:,} matrix entries, but PETSc allows"):
        memory.check_assembled(plan)


def test_memory_on_several_ranks(monkeypatch):
    run = parse(settings("local", 0.1))
    problem = build(run)
    plan = plan_mesh(problem, run.pde, run.mesh)
    alone = memory.memory_needed(problem, run.pde, plan)
    monkeypatch.setattr(memory, "size", lambda: 4)
    monkeypatch.setattr(memory, "local_size", lambda: 4)
    together = memory.memory_needed(problem, run.pde, plan)
    assert together == pytest.approx(alone + 3 * memory.LIBRARY_BYTES)
    monkeypatch.setattr(memory, "local_size", lambda: 1)
    assert memory.memory_needed(problem, run.pde, plan) < alone, "each of four machines holds its part"


@pytest.mark.parametrize("command", ["check", "mesh", "pde", "run"])
def test_refusal_before_writing(command, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1e8)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large.toml").write_text(run_text())
    with pytest.raises(InputError, match="this machine has only 95 MiB"):
        here(command, "large.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["large.toml"]


ONE_RANK = """
    import sys
    from unittest.mock import patch
    from mpi4py import MPI

    from freqbias import pde
    from freqbias.meshes import mesh_rule
    from freqbias.pde import memory
    from freqbias.errors import InputError
    from freqbias.problem import Mesh, build, parse
    from tests.pde.test_memory import settings

    problem, here = build(parse(settings("data", 2.0))), MPI.COMM_WORLD.rank

    def outcome(mesh=None, comm=MPI.COMM_WORLD):
        try:
            pde.solve(problem, mesh=mesh, comm=comm)
            return "solved"
        except InputError as refusal:
            return str(refusal)

    def refuse(*_):
        raise InputError("not readable")

    enough, read = memory.available_memory, mesh_rule.read_plan
    for poor in (0, 1):
        with patch.object(memory, "available_memory", (lambda: 1e8) if here == poor else enough):
            each = MPI.COMM_WORLD.allgather(outcome())
            assert each[0] == each[1] and ("this machine has only 95 MiB" if poor == 0 else "solved") in each[0], each
            assert ("solved" in outcome(comm=MPI.COMM_SELF)) == (here != poor), "alone, each decides for itself"
    with patch.object(mesh_rule, "read_plan", refuse if here == 0 else read):
        assert outcome(Mesh(path=sys.argv[1])) == "not readable"
    sys.stdout.write("agreed\\n")
"""


def test_ranks_agree_on_refusals(tmp_path):
    done = launch.run_together(ONE_RANK, tmp_path / "none.vtu", ranks=2)
    assert done.stdout.split() == ["agreed"] * 2, done.stderr
