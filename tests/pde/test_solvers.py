"""The solvers for M + shift B: Cholesky factor, multigrid, and those that PETSc's options choose."""

from mpi4py import MPI  # isort: skip
import ctypes
import gc
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from petsc4py import PETSc

from freqbias.errors import ComputationError, UsageError
from freqbias.meshes import BoxPlan, LayeredPlan
from freqbias.numerics import Grid
from freqbias.pde import LocalOperator, forms, linear_algebra, petsc_options, refuse_torchrun
from freqbias.problem import Ball, Gaussian, Network, Problem, waves

ROOT = Path(__file__).parents[2]
BOXES = {2: BoxPlan.uniform((9.0, 9.0), (20, 20), 2), 3: BoxPlan.uniform((9.0,) * 3, (6, 6, 6), 2)}


def operator_of(plan):
    dimension = plan.dimension
    density = Gaussian(2.0) if isinstance(plan, BoxPlan) else Ball(9.0)
    samples = waves(Grid((20,) * dimension, (1.0,) * dimension), [[2.0] * dimension], window=0.15)
    problem = Problem(density, samples, Network(width=2, sigma_a=1.0), np.array([0.0, 100.0]))
    return LocalOperator(problem, plan, MPI.COMM_WORLD, -samples.values, accuracy=1e-8)


def solved(operator, shift):
    right = operator.mass(operator.start[0])
    return right, operator.solver(shift)(right)


@pytest.fixture
def option():
    """A function that sets PETSc options; they are deleted afterwards."""
    database, names = PETSc.Options(), []

    def put(name, value):
        database[name] = value
        names.append(name)

    yield put
    for name in names:
        database.delValue(name)


@pytest.mark.parametrize("plan", [*BOXES.values(), LayeredPlan(2, ((9.0, 4),), 8, 3)], ids=["2", "3", "disc"])
@pytest.mark.parametrize("shift", [1.0, 1e4])
def test_multigrid_against_the_factor(plan, shift, monkeypatch):
    operator = operator_of(plan)
    right, direct = solved(operator, shift)
    np.testing.assert_allclose(operator.mass(direct) + shift * operator.apply(direct), right, atol=1e-12)
    for name, kind in (("DIRECT_SOLVER_DOFS", PETSc.PC.Type.GAMG), ("MULTIGRID_DOFS", PETSc.PC.Type.MG)):
        monkeypatch.setattr(petsc_options, name, {1: 0, 2: 0, 3: 0})
        operator = operator_of(plan)
        _, iterated = solved(operator, shift)
        assert operator._solver._solver.getPC().getType() == kind
        assert np.linalg.norm(iterated - direct) < 1e-7 * np.linalg.norm(direct)


FASTER_WITH_FACTOR = [(2, 2, 1_000_000), (2, 6, 58_000), (3, 4, 118_000), (3, 6, 118_000)]
FASTER_WITH_MULTIGRID = [(3, 2, 149_000), (3, 3, 227_000)]


@pytest.mark.parametrize("dimension, degree, dofs", FASTER_WITH_FACTOR + FASTER_WITH_MULTIGRID)
def test_the_faster_solver_is_chosen(dimension, degree, dofs):
    """As measured; see `DIRECT_SOLVER_DOFS`."""
    expected = (dimension, degree, dofs) in FASTER_WITH_FACTOR
    assert petsc_options.uses_factorisation(dofs, dimension=dimension, degree=degree) is expected


@pytest.mark.parametrize(
    "dimension, degree, dofs, direct",
    [(2, 2, 10_000, True), (2, 2, 40_000, False), (3, 2, 5_000, False), (3, 4, 118_000, False)],
)
def test_the_faster_solver_on_boxes(dimension, degree, dofs, direct):
    """As measured; see `MULTIGRID_DOFS`."""
    cells = 2 * round((dofs ** (1 / dimension) - 1) / (2 * degree))
    plan = BoxPlan.uniform((9.0,) * dimension, (cells,) * dimension, degree)
    assert plan.dofs == pytest.approx(dofs, rel=0.15)
    assert petsc_options.uses_geometric_multigrid(plan) is not direct


def test_the_users_preconditioner_needs_assembled_matrices(option, monkeypatch):
    monkeypatch.setattr(petsc_options, "MULTIGRID_DOFS", {2: 0})
    option("pde_pc_type", "gamg")
    option("pde_ksp_type", "cg")
    option("pde_ksp_rtol", 1e-12)
    operator = operator_of(BOXES[2])
    right, found = solved(operator, 10.0)
    assert operator._solver._solver.getPC().getType() == "gamg"
    np.testing.assert_allclose(
        operator.mass(found) + 10 * operator.apply(found), right, atol=1e-8 * np.abs(right).max()
    )


def test_loose_solves(option, monkeypatch):
    """The tolerance is multiplied, within limits, unless the user chose one."""
    monkeypatch.setattr(petsc_options, "MULTIGRID_DOFS", {2: 0})
    operator = operator_of(BOXES[2])
    solver, right = operator.solver(10.0), operator.mass(operator.start[0])
    tolerances = []
    for looseness in (1.0, 100.0, 1e12):
        solver(right, looseness)
        tolerances.append(solver._solver.getTolerances()[0])
    assert tolerances[1:] == pytest.approx([100 * tolerances[0], 1e-2])
    option("pde_ksp_rtol", 1e-5)
    solver = operator.solver(10.0)
    solver(right, 100.0)
    assert solver._solver.getTolerances()[0] == 1e-5


def test_options_of_the_smoothers(option, monkeypatch):
    """Those of the user count, and those of the program do not stay in PETSc's database."""
    monkeypatch.setattr(petsc_options, "MULTIGRID_DOFS", {2: 0})
    operator = operator_of(BOXES[2])
    option("pde_mg_levels_ksp_max_it", 5)
    solver = operator.solver(10.0)._solver
    smoother = solver.getPC().getMGSmoother(1)
    assert (smoother.getType(), smoother.getPC().getType(), smoother.getTolerances()[3]) == ("chebyshev", "jacobi", 5)
    assert [name for name in PETSc.Options().getAll() if "mg_levels" in name] == ["pde_mg_levels_ksp_max_it"]


def test_petsc_options(option, monkeypatch):
    operator = operator_of(BOXES[2])
    _, direct = solved(operator, 100.0)
    option("pde_ksp_type", "cg")
    option("pde_pc_type", "jacobi")
    option("pde_ksp_rtol", 1e-10)
    option("pde_ksp_norm_type", "natural")
    _, iterated = solved(operator, 100.0)
    assert not np.array_equal(iterated, direct)
    assert np.linalg.norm(iterated - direct) < 1e-7 * np.linalg.norm(direct)


def test_failed_solve(option):
    operator = operator_of(BOXES[2])
    option("pde_ksp_type", "cg")
    option("pde_pc_type", "none")
    option("pde_ksp_max_it", 2)
    with pytest.raises(ComputationError, match=r"cg \+ none.*DIVERGED_(MAX_IT|ITS).*other PETSc options"):
        solved(operator, 1e4)


def test_petscs_message_is_shown(option, monkeypatch):
    monkeypatch.setattr(petsc_options, "MULTIGRID_DOFS", {2: 0})
    option("pde_ksp_type", "gmres")
    with pytest.raises(ComputationError, match=r"could not prepare .*: KSP gmres does not support norm type NATURAL"):
        operator_of(BOXES[2]).solver(10.0)


INTERRUPTED = """
import os
from freqbias.pde import petsc_options
from freqbias.pde.cell_products import CellProducts
from tests.pde.test_solvers import BOXES, operator_of

petsc_options.MULTIGRID_DOFS = {2: 0}
operator = operator_of(BOXES[2])
solver, right = operator.solver(10.0), operator.mass(operator.start[0])

def interrupted(*_, **__):
    raise KeyboardInterrupt

CellProducts.add = interrupted
try:
    solver(right)
except KeyboardInterrupt:
    os._exit(5)
"""


def test_an_exception_in_a_product_is_raised():
    """It passes through PETSc's C. The process is its own, because PETSc cannot be used afterwards."""
    assert subprocess.run([sys.executable, "-c", INTERRUPTED], check=False, cwd=ROOT).returncode == 5


def test_torchrun_is_refused(monkeypatch):
    """Each process of torchrun would solve the whole problem."""
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="uv run mpirun"):
        refuse_torchrun()


def test_other_threads_run_during_a_call_of_petsc():
    """The thread that obeys SIGTERM must run during a factorisation of minutes, but never collect PETSc's garbage."""
    ticks, ended = [], threading.Event()

    def tick():
        while not ended.wait(0.01):
            ticks.append((time.monotonic(), gc.isenabled()))

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        began = time.monotonic()
        linear_algebra._call(ctypes.CDLL(None).usleep, SimpleNamespace(handle=300_000))
        seen = [collecting for when, collecting in ticks if began + 0.1 < when < began + 0.3]
    finally:
        ended.set()
        thread.join()
    assert len(seen) > 3 and not any(seen)
    assert gc.isenabled()


def test_a_failed_call_is_not_repeated():
    """If one rank fails, the others may wait in the first call."""
    calls = []

    def fail(*objects):
        calls.append(objects)
        return 55

    with pytest.raises(RuntimeError, match=r"(?i)memory"):
        linear_algebra._call(fail)
    assert len(calls) == 1


def test_assembly_in_parts(monkeypatch):
    """On one rank to the last bit. Long assemblies are cut, so that the program obeys signals."""
    operator = operator_of(BOXES[3])
    integral = forms.operator_integral(
        operator.space, lambda xi: 1 + xi[:, 0] ** 2, lambda xi: np.exp(-(xi[:, 1] ** 2)), 8
    )
    whole = linear_algebra.Matrix(integral).petsc.getValuesCSR()
    monkeypatch.setattr(forms, "WORK_PER_PART", 2e6)
    _, parts = integral.parts()
    assert len(parts) == round(6**3 * 27**2 * 5**3 / 2e6)
    for found, expected in zip(linear_algebra.Matrix(integral).petsc.getValuesCSR(), whole, strict=True):
        assert np.array_equal(found, expected)
