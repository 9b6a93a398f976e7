"""The stage `nn` of a result: the training stored as it goes, gone on from where it stopped, and `error.nc` at its end.

Parts: `output-K`, the error and the loss at output time K, as it is reached; `state-0` and `state-1`, the network after
so many steps, in turn, every [training] checkpoint seconds, so that a state that the disk has spoilt leaves the one
before it.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from freqbias.errors import ComputationError
from freqbias.nn.sharding import Shards, among_all
from freqbias.nn.step_control import StepControl
from freqbias.nn.tensorboard_log import tensorboard
from freqbias.nn.training import TrainingCheckpoint, TrainingSnapshot, trajectory
from freqbias.nn.training_plan import TrainingPlan, plan_training
from freqbias.problem import Problem, RunFile, every_stage_keys, resolved, stage_keys
from freqbias.runtime import Stage, StopRequest, Store, log, on_root

STATES = ("state-0", "state-1")


def run_nn(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    shard: bool = False,
    plan: TrainingPlan | None = None,
) -> None:
    """Train, and write `nn/error.nc`; collective: rank 0 works and the others sleep, or with `shard` all share the
    neurons. plan: what `prepare` made of the problem for one process, where that has been done.

    Raises InputError, ComputationError, UsageError (a result in the way), and StoppedEarly once its state is stored.
    """
    work = partial(_run_nn, run, problem, store, resume=resume, overwrite=overwrite, stop=stop)
    if shard:
        work(among_all())
    else:
        on_root(work, Shards(), broadcast=False, plan=plan)


def _run_nn(
    run: RunFile,
    problem: Problem,
    store: Store,
    shards: Shards,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    plan: TrainingPlan | None = None,
) -> None:
    """Collective over the processes of `shards`; rank 0 has the stage, the others None."""
    comm = shards.comm
    flags: dict[str, Any] = {"keys": stage_keys(run, "nn"), "resume": resume, "overwrite": overwrite}
    if on_root(store.check, "nn", comm=comm, **flags):
        on_root(store.repair, "nn", comm=comm)
        log.info("nn: finished already, in %s", store.root / "nn")
        return
    if plan is None:  # refuses before anything is written
        plan = plan_training(problem, run.training, tolerance=run.training_tolerance, shards=shards)
    stage = on_root(store.open, "nn", comm=comm, broadcast=False, **flags)
    try:
        if comm.bcast(stage is not None and stage.finished):  # by another process, meanwhile
            return
        on_root(store.save_run_file, resolved(run), every_stage_keys(run), comm=comm)
        step_control = _train(stage, plan, stop)
        on_root(_finish, stage, plan, step_control, comm=comm)
    finally:
        if stage is not None:
            stage.close()
    log.info("nn: wrote %s", store.root / "nn" / "error.nc")


def _train(stage: Stage | None, plan: TrainingPlan, stop: StopRequest) -> StepControl:
    """Train to the end, from an earlier run's state if there is one. Returns the pace at its end."""
    comm = plan.shards.comm
    last, oldest = on_root(_last_checkpoint, stage, plan, comm=comm, broadcast=False) or (None, 0)  # too large to share
    saved, best = time.monotonic(), None
    try:
        with _shown(stage, plan, last) as show:
            for snapshot in trajectory(plan, last=last):
                show(snapshot)
                if best is None or snapshot.loss <= best.loss:
                    best = snapshot
                if snapshot.output is not None:
                    on_root(_save_output, stage, snapshot, comm=comm)
                stopping = stop.requested(comm)
                if stopping or comm.bcast(time.monotonic() - saved >= plan.settings.checkpoint):
                    _save(stage, STATES[oldest], snapshot, comm)
                    saved, oldest = time.monotonic(), 1 - oldest
                if stopping:
                    stop.check()
    except ComputationError:
        if best is not None:
            _keep_for_another_step(stage, best, comm, newest=1 - oldest)
        raise
    return snapshot.step_control


def _shown(
    stage: Stage | None, plan: TrainingPlan, last: TrainingCheckpoint | None
) -> AbstractContextManager[Callable[[TrainingSnapshot], None]]:
    if stage is None:
        return nullcontext(lambda snapshot: None)
    return tensorboard(stage.folder / "tensorboard", plan, step=0 if last is None else last.step)


def _save_output(stage: Stage, snapshot: TrainingSnapshot) -> None:
    assert snapshot.output is not None
    stage.save_checkpoint(_output(snapshot.output), snapshot.errors(), loss=snapshot.loss)


def _save(stage: Stage | None, name: str, snapshot: TrainingSnapshot, comm: Any, **more: Any) -> None:
    checkpoint = snapshot.checkpoint()

    def save() -> None:
        assert stage is not None and checkpoint is not None  # on rank 0
        stage.save_checkpoint(name, checkpoint.arrays, **checkpoint.meta, **more)

    on_root(save, comm=comm)


def _keep_for_another_step(stage: Stage | None, best: TrainingSnapshot, comm: Any, *, newest: int) -> None:
    """What was kept may be on the way to the divergence: the state of the lowest loss takes its place."""
    for index in (newest, 1 - newest):
        _save(stage, STATES[index], best, comm, diverged=True)

    def allow() -> None:
        assert stage is not None  # on rank 0
        stage.allow_changes("training.step", "training.tolerance")

    on_root(allow, comm=comm)
    log.info(
        "nn: the state at step %d, t = %.6g, is kept: --resume goes on from it with another step", best.step, best.time
    )


def _last_checkpoint(stage: Stage, plan: TrainingPlan) -> tuple[TrainingCheckpoint | None, int]:
    """What to go on from, None where that is the start, and which of STATES to replace first. A state counts if all
    outputs before it are there."""
    kept = stage.checkpoints()
    states = {
        index: TrainingCheckpoint(*stage.load_checkpoint(name)) for index, name in enumerate(STATES) if name in kept
    }
    for index in sorted(states, key=lambda index: states[index].step, reverse=True):
        last = _with_another_step(states[index], plan)
        schedule = last.step_control.schedule(plan.problem.times)
        reached = np.searchsorted(schedule.output_steps, last.step, side="right")
        if all(_output(k) in kept for k in range(reached)):
            log.info("nn: going on after step %d of %d", last.step, schedule.steps)
            return last, 1 - index
    if states:
        log.warning("nn: what was kept is not enough to go on from: starting again")
    return None, 0


def _with_another_step(last: TrainingCheckpoint, plan: TrainingPlan) -> TrainingCheckpoint:
    """Where an earlier run diverged, it goes on with the step of this one."""
    if not last.meta.get("diverged"):
        return last
    planned, kept = plan.step_control, last.step_control
    longest = planned.longest if planned.z is None else planned.z / kept.lambda_max
    step_control = replace(kept.changed(last.step, longest), z=planned.z)
    if longest != kept.longest:
        log.warning(
            "nn: the output times up to t = %.6g were reached in steps of at most %.3g, what follows takes %.3g; start "
            "afresh with --overwrite to have all of it in these",
            kept.schedule(plan.problem.times).time(last.step), kept.longest, longest,
        )  # fmt: skip
    return TrainingCheckpoint(last.arrays, last.meta | step_control.kept()[1])


def _finish(stage: Stage, plan: TrainingPlan, step_control: StepControl) -> None:
    outputs = [stage.load_checkpoint(_output(k)) for k in range(len(plan.problem.times))]
    history = plan.history(
        [arrays for arrays, _ in outputs], np.array([meta["loss"] for _, meta in outputs]), step_control
    )
    with stage.writing("error.nc") as path:
        history.save(path)
    stage.finish(versions={"torch": torch.__version__})


def _output(index: int) -> str:
    return f"output-{index:06d}"
