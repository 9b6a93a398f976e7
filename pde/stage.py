"""The stage `pde` of a result. Its result files are `spectrum.nc` and `fields.pvd`.

While the stage runs, it stores checkpoints as parts. Part `krylov-R` contains the basis of Lanczos run R
(`freqbias.pde.basis_checkpoint`). With other integrators, part `output-K` contains the `SpectrumSnapshot` at output
time K: the whole state, the loss, the share outside the box of the data, and the integration record. With --resume the
stage continues from the parts, on any number of ranks.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Sequence
from dataclasses import asdict, replace
from math import isnan
from typing import Any

import dolfinx
import numpy as np
from petsc4py import PETSc

from freqbias.meshes import MeshPlan
from freqbias.pde.basis_checkpoint import BasisCheckpoint
from freqbias.pde.disk_space import check_disk
from freqbias.pde.memory import plan_within_memory
from freqbias.pde.petsc_options import report_unused
from freqbias.pde.protocols import IntegrationHooks, IntegrationRecord
from freqbias.pde.result_files import ResultFiles, result_files
from freqbias.pde.snapshot import SpectrumSnapshot
from freqbias.pde.solver import Solver
from freqbias.problem import (
    Problem,
    RunFile,
    Targets,
    counted,
    every_stage_keys,
    held_out_in_words,
    held_out_warning,
    resolved,
    stage_keys,
)
from freqbias.runtime import Progress, Stage, StopRequest, Store, announced, log, mpi_world, on_root


def run_pde(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    petsc: Sequence[str] = (),
) -> None:
    """Solve the equation, and write `pde/spectrum.nc` and `pde/fields.pvd`. Collective over `mpi_world()`.

    petsc: the options that PETSc was started with. Options that PETSc does not use are reported. Raises InputError,
    ComputationError, UsageError (a result exists already), and StoppedEarly after storing the output times reached.
    """
    comm = mpi_world()
    stop.install()  # after the start of PETSc, which installs another handler for SIGTERM
    plan = on_root(plan_within_memory, problem, run.pde, run.mesh)  # may refuse the settings before a file is written
    stage = on_root(_open, problem, plan, run, store, resume, overwrite, broadcast=False)  # None on the other ranks
    try:
        if on_root(lambda: stage is not None and stage.finished):
            log.info("pde: finished already, in %s", store.root / "pde")
            return
        half_width = ", ".join(f"{r:.4g}" for r in plan.half_width)
        log.info("pde: %d dofs, degree %d, half-width %s", plan.dofs, plan.degree, half_width)
        if run.mesh.adaptive and on_root(lambda: stage is not None and stage.resumed):
            log.info("pde: [mesh] adaptive = true: an adaptive run cannot be continued, so it starts again")
        if problem.targets and not (run.pde.operator == "data" and run.pde.integrator == "lanczos"):
            log.warning(
                'pde: values at %s are predicted only with [pde] operator = "data" and integrator = "lanczos"; '
                "`freqbias ntk` predicts them too", " and ".join(problem.targets),
            )  # fmt: skip
        with announced("pde: assembling the operator"):
            solver = Solver(problem, run.pde, run.mesh, comm, on_round=lambda: stop.check(comm))
        with result_files(solver, stage) as files:
            snapshots = _solve(solver, stage, stop, files)
            report_unused(petsc)
            with announced("pde: completing the result"):
                _report_held_out(problem, files.finish(snapshots))
                on_root(_finish, solver, stage, petsc)
        solver.operator.destroy()
    finally:
        if stage is not None:
            stage.close()
    record, path = solver.record, store.root / "pde" / "spectrum.nc"
    counts = ", ".join(counted(getattr(record, f"{noun}s"), noun) for noun in ("step", "solve", "factorisation"))
    message = "pde: %s; the integration error is at most about %.1e relative to the initial error; wrote %s"
    log.info(message, counts, record.error, path)


def _open(problem: Problem, plan: MeshPlan, run: RunFile, store: Store, resume: bool, overwrite: bool) -> Stage:
    keys = stage_keys(run, "pde")
    if not store.check("pde", keys=keys, resume=resume, overwrite=overwrite):
        check_disk(problem, run.pde, plan, store.root)
    stage = store.open("pde", keys=keys, resume=resume, overwrite=overwrite)
    if not stage.finished:
        store.save_run_file(resolved(run), every_stage_keys(run))
    return stage


def _solve(solver: Solver, stage: Stage | None, stop: StopRequest, files: ResultFiles) -> list[SpectrumSnapshot]:
    """Return all snapshots, without their states. Store and write each new one. Collective.

    The snapshots include those that an interrupted command stored.
    """
    same_mesh = isnan(solver.mesh_error)  # a refined mesh may depend on the number of ranks, so it cannot be resumed
    stepping = solver.settings.integrator != "lanczos"  # Lanczos computes all output times together
    snapshots, state = list[SpectrumSnapshot](), None
    if stepping and same_mesh:
        snapshots, state = _stored(solver, stage, files)
    solver.record = IntegrationRecord(**(snapshots[-1].counts if snapshots else {}))
    solver.hooks = IntegrationHooks(on_step=lambda *_: stop.check(solver.comm))
    if same_mesh:
        checkpoint = BasisCheckpoint(solver.operator, stage, stop)
        solver.hooks = IntegrationHooks(checkpoint.on_step, checkpoint.saved_basis)
    after = max(len(snapshots) - 1, 0)
    if snapshots:
        log.info("pde: continuing after t = %g", solver.problem.times[after])
    total = len(solver.problem.times) - 1  # without t = 0
    with Progress("pde", total=total, unit="output times", done=after, steady=stepping) as progress:
        for snapshot in solver.trajectory(after, state):
            assert snapshot.state is not None
            if stepping and same_mesh:
                _save(solver, stage, snapshot)
            files.write(snapshot.index, snapshot.state)
            snapshots.append(replace(snapshot, state=None))
            progress.advance(min(snapshot.index, 1), note=f"loss {snapshot.loss:.2e}")
    return snapshots


def _stored(
    solver: Solver, stage: Stage | None, files: ResultFiles
) -> tuple[list[SpectrumSnapshot], np.ndarray | None]:
    """Write the output times that an interrupted command stored.

    Returns their snapshots, without states, and the last state of this rank. Collective.
    """
    snapshots, state = on_root(_stored_snapshots, stage), None
    for snapshot in snapshots:
        state = solver.operator.scatter(on_root(_stored_state, stage, snapshot.index, broadcast=False))
        files.write(snapshot.index, state)
    return snapshots, state


def _save(solver: Solver, stage: Stage | None, snapshot: SpectrumSnapshot) -> None:
    assert snapshot.state is not None
    state, facts = solver.operator.gather(snapshot.state), asdict(replace(snapshot, state=None))
    del facts["state"]
    on_root(_save_checkpoint, stage, snapshot.index, state, facts)


def _save_checkpoint(stage: Stage, index: int, state: np.ndarray, facts: dict[str, Any]) -> None:
    stage.save_checkpoint(_part(index), {"state": state}, **facts)


def _stored_snapshots(stage: Stage) -> list[SpectrumSnapshot]:
    """Return the stored snapshots from t = 0 up to the first missing output time, without their states."""
    names, snapshots = set(stage.checkpoints()), list[SpectrumSnapshot]()
    while _part(len(snapshots)) in names:
        _, meta = stage.load_checkpoint(_part(len(snapshots)))
        snapshots.append(SpectrumSnapshot(state=None, **meta))
    return snapshots if len(snapshots) > 1 else []  # a snapshot at t = 0 alone saves no work


def _report_held_out(problem: Problem, targets: Targets | None) -> None:
    if problem.held_out is not None and targets is not None and targets.held_out_error is not None:
        log.info("pde: %s", held_out_in_words(problem.held_out, problem.times, targets.held_out_error))
        if warning := held_out_warning(problem.times, targets.held_out_error):
            log.warning("pde: %s", warning)


def _finish(solver: Solver, stage: Stage, petsc: Sequence[str]) -> None:
    versions = {"dolfinx": dolfinx.__version__, "petsc": ".".join(map(str, PETSc.Sys.getVersion()))}
    stage.finish(versions=versions, ranks=solver.comm.size, petsc_options=list(petsc))


def _stored_state(stage: Stage, index: int) -> np.ndarray:
    return stage.load_checkpoint(_part(index))[0]["state"]


def _part(index: int) -> str:
    return f"output-{index:06d}"
