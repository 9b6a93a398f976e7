"""The stage `pde` of a result: output times stored as they are reached, `spectrum.nc` and `fields.pvd` at the end.

Parts: `output-K`, the whole state, loss and share outside at output time K; `krylov-R` of a run by Lanczos, which
reaches all output times at once (`freqbias.pde.basis_checkpoint`). A resumed run goes on from there, on any number of ranks.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Sequence
from dataclasses import asdict
from math import isnan

import dolfinx
from petsc4py import PETSc

from freqbias.pde.basis_checkpoint import BasisCheckpoint
from freqbias.pde.fields import spectrum_fields, write_fields
from freqbias.pde.memory import affordable_plan
from freqbias.pde.petsc_options import report_unused
from freqbias.pde.solver import Solver, SpectrumSnapshot
from freqbias.problem import Problem, RunFile, every_stage_keys, resolved, stage_keys
from freqbias.runtime import Progress, Stage, StopRequest, Store, log, on_root


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
    """Solve, and write `pde/spectrum.nc` and `pde/fields.pvd`; collective over COMM_WORLD.

    petsc: options that PETSc was started with; those that it did not use are reported.
    Raises InputError, ComputationError, UsageError (a result in the way), and StoppedEarly once what was reached is
    on the disk.
    """
    comm = MPI.COMM_WORLD
    stop.install()  # after PETSc, which has a handler of its own for SIGTERM
    layout = on_root(affordable_plan, problem, run.pde, run.mesh)  # refuses before anything is written
    stage = on_root(_open, run, store, resume, overwrite, broadcast=False)  # None on the other ranks
    try:
        if on_root(lambda: stage is not None and stage.finished):
            log.info("pde: finished already, in %s", store.root / "pde")
            return
        reach = ", ".join(f"{r:.4g}" for r in layout.half_width)
        log.info("pde: %d dofs, degree %d, half-width %s", layout.dofs, layout.degree, reach)
        if run.mesh.adaptive and on_root(lambda: stage is not None and stage.resumed):
            log.info("pde: the mesh is refined anew, and nothing of the earlier run is gone on from")
        solver = Solver(problem, run.pde, run.mesh, comm, on_step=lambda: stop.check(comm))
        snapshots = _solve(solver, stage, stop)
        report_unused(petsc)
        on_root(_assemble, solver, stage, snapshots, petsc)
    finally:
        if stage is not None:
            stage.close()
    record, wrote = solver.record, store.root / "pde" / "spectrum.nc"
    counts = f"{record.steps} steps, {record.solves} solves, {record.factorisations} factorisations"
    log.info("pde: %s; error of the integration at most about %.1e of the start; wrote %s", counts, record.error, wrote)


def _open(run: RunFile, store: Store, resume: bool, overwrite: bool) -> Stage:
    stage = store.open("pde", keys=stage_keys(run, "pde"), resume=resume, overwrite=overwrite)
    if not stage.finished:
        store.save_run_file(resolved(run), every_stage_keys(run))
    return stage


def _solve(solver: Solver, stage: Stage | None, stop: StopRequest) -> list[SpectrumSnapshot]:
    """All snapshots, those of an earlier run included; each is stored as it is reached. Collective."""
    same_mesh = isnan(solver.mesh_error)  # a refined one may differ on other ranks: such a run starts anew
    stepping = solver.settings.integrator != "lanczos"  # Lanczos reaches all output times at once, or none
    stored = on_root(_stored, stage, broadcast=False) if stepping and same_mesh else []
    count, counts = on_root(lambda: (len(stored or []), stored[-1].counts if stored else {}))
    snapshots = (
        stored if stored is not None else [SpectrumSnapshot(index, None, 0.0, 0.0, {}) for index in range(count)]
    )
    solver.record.restore(counts)
    solver.record.on_step = lambda *_: stop.check(solver.comm)
    if same_mesh:
        checkpoint = BasisCheckpoint(solver.operator, stage, stop)
        solver.record.on_step, solver.record.saved_basis = checkpoint.on_step, checkpoint.saved_basis
    if snapshots:
        log.info("pde: going on after t = %g", solver.problem.times[count - 1])
    total = len(solver.problem.times)
    with Progress("pde", total=total, unit="output times", done=count) as progress:
        for snapshot in solver.trajectory(max(count - 1, 0), snapshots[-1].state if snapshots else None):
            snapshots.append(snapshot)
            on_root(_save, stage, snapshot)
            progress.advance(note=f"loss {snapshot.loss:.2e}")
    return snapshots


def _save(stage: Stage, snapshot: SpectrumSnapshot) -> None:
    content = asdict(snapshot)
    stage.save_checkpoint(_part(snapshot.index), {"state": content.pop("state")}, **content)


def _stored(stage: Stage) -> list[SpectrumSnapshot]:
    """The snapshots that an earlier run left, without gaps from the start."""
    names, snapshots = set(stage.checkpoints()), list[SpectrumSnapshot]()
    while _part(len(snapshots)) in names:
        arrays, meta = stage.load_checkpoint(_part(len(snapshots)))
        snapshots.append(SpectrumSnapshot(state=arrays["state"], **meta))
    return snapshots if len(snapshots) > 1 else []  # the start alone is nothing to go on from


def _assemble(solver: Solver, stage: Stage, snapshots: list[SpectrumSnapshot], petsc: Sequence[str]) -> None:
    spectrum = solver.spectrum(snapshots)
    with stage.writing("spectrum.nc") as path:
        spectrum.save(path)
    with stage.writing("fields.pvd") as path:
        fields = spectrum_fields(solver.problem, spectrum, solver.plan)
        write_fields(path.parent, spectrum.time, spectrum.frequency, spectrum.cells, spectrum.cell_type, fields)
    versions = {"dolfinx": dolfinx.__version__, "petsc": ".".join(map(str, PETSc.Sys.getVersion()))}
    stage.finish(versions=versions, ranks=solver.comm.size, petsc_options=list(petsc))


def _part(index: int) -> str:
    return f"output-{index:06d}"
