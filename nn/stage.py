"""The stage `nn` of a result: train, store checkpoints of the training, and write `error.nc` and the network.

The checkpoints are parts. Part `output-K` contains the error and the loss at output time K. Parts `state-0` and
`state-1` contain the state of the training. Every [training] checkpoint seconds, one of the two is written, in turn. So
if the disk damages one state, the other remains. With [training] keep = "outputs", part `network-K` contains the
weights at output time K.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from freqbias.errors import ComputationError
from freqbias.nn.network_files import write_network
from freqbias.nn.sharding import Shards
from freqbias.nn.snapshot import TrainingCheckpoint, TrainingSnapshot
from freqbias.nn.step_control import StepControl
from freqbias.nn.tensorboard_log import tensorboard_callback
from freqbias.nn.trained_module import trained_module
from freqbias.nn.training import trajectory
from freqbias.nn.training_plan import TrainingPlan, plan_training
from freqbias.problem import Problem, RunFile, every_stage_keys, resolved, stage_keys
from freqbias.runtime import Stage, StopRequest, Store, log, on_root

STATES = ("state-0", "state-1")


def run_on_shards(
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
    """Run the stage on the processes of `shards` (`freqbias.nn.run`). Collective over these processes.

    Only rank 0 opens the stage. On other ranks `stage` is None.
    """
    comm = shards.comm
    flags: dict[str, Any] = {"keys": stage_keys(run, "nn"), "resume": resume, "overwrite": overwrite}
    if on_root(store.check, "nn", comm=comm, **flags):
        on_root(store.repair, "nn", comm=comm)
        log.info("nn: finished already, in %s", store.root / "nn")
        return
    if plan is None:  # planned before the stage is opened, because bad input must not leave files
        plan = plan_training(problem, run.training, tolerance=run.training_tolerance, shards=shards)
    stage = on_root(store.open, "nn", comm=comm, broadcast=False, **flags)
    try:
        # Another job may have finished the stage while this job waited for the lock.
        if comm.bcast(stage is not None and stage.finished):
            return
        on_root(store.save_run_file, resolved(run), every_stage_keys(run), comm=comm)
        step_control, state = _train(stage, plan, stop)
        on_root(_write_result, stage, plan, step_control, state, comm=comm)
    finally:
        if stage is not None:
            stage.close()
    log.info("nn: wrote %s", store.root / "nn" / "error.nc")


def _train(stage: Stage | None, plan: TrainingPlan, stop: StopRequest) -> tuple[StepControl, np.ndarray | None]:
    """Train to the end, from the last checkpoint if there is one.

    Return the last step control, and on rank 0 the state of the trained network if it is to be kept.
    """
    comm, keep = plan.shards.comm, plan.settings.keep
    # broadcast=False: a checkpoint is too large to send to every rank
    last, oldest = on_root(_last_checkpoint, stage, plan, comm=comm, broadcast=False) or (None, 0)
    saved_at, best = time.monotonic(), None
    try:
        with _tensorboard(stage, plan, last) as callback:
            for snapshot in trajectory(plan, last=last):
                callback(snapshot)
                if best is None or snapshot.loss <= best.loss:
                    best = snapshot
                if snapshot.output is not None:
                    on_root(_save_output, stage, snapshot, comm=comm)
                    if keep == "outputs":
                        _save_network(stage, snapshot, comm)
                stopping = stop.requested(comm)
                if stopping or comm.bcast(time.monotonic() - saved_at >= plan.settings.checkpoint):
                    _save_state(stage, STATES[oldest], snapshot, comm)
                    saved_at, oldest = time.monotonic(), 1 - oldest
                if stopping:
                    stop.check()
    except ComputationError:
        if best is not None:
            _save_best(stage, best, comm, newest=1 - oldest)
        raise
    return snapshot.step_control, None if keep == "none" else snapshot.whole_state()


def _tensorboard(
    stage: Stage | None, plan: TrainingPlan, last: TrainingCheckpoint | None
) -> AbstractContextManager[Callable[[TrainingSnapshot], None]]:
    if stage is None:
        return nullcontext(lambda snapshot: None)
    return tensorboard_callback(stage.folder / "tensorboard", plan, step=0 if last is None else last.step)


def _save_output(stage: Stage, snapshot: TrainingSnapshot) -> None:
    assert snapshot.output is not None
    stage.save_checkpoint(_output(snapshot.output), snapshot.errors(), loss=snapshot.loss)


def _save_network(stage: Stage | None, snapshot: TrainingSnapshot, comm: Any) -> None:
    state = snapshot.whole_state()

    def save() -> None:
        assert stage is not None and state is not None and snapshot.output is not None  # on rank 0
        stage.save_checkpoint(_network(snapshot.output), {"state": state})

    on_root(save, comm=comm)


def _save_state(stage: Stage | None, name: str, snapshot: TrainingSnapshot, comm: Any, **meta: Any) -> None:
    checkpoint = snapshot.checkpoint()

    def save() -> None:
        assert stage is not None and checkpoint is not None  # on rank 0
        stage.save_checkpoint(name, checkpoint.arrays, **checkpoint.meta, **meta)

    on_root(save, comm=comm)


def _save_best(stage: Stage | None, best: TrainingSnapshot, comm: Any, *, newest: int) -> None:
    """After a divergence, overwrite both states with the state of the lowest loss, and let --resume change the step."""
    for index in (newest, 1 - newest):
        _save_state(stage, STATES[index], best, comm, diverged=True)

    def allow_another_step() -> None:
        assert stage is not None  # on rank 0
        stage.allow_changes("training.step", "training.tolerance")

    on_root(allow_another_step, comm=comm)
    log.info(
        "nn: kept the state of the lowest loss, at step %d, t = %.6g; --resume continues from this state with another "
        "[training] step", best.step, best.time,
    )  # fmt: skip


def _last_checkpoint(stage: Stage, plan: TrainingPlan) -> tuple[TrainingCheckpoint | None, int]:
    """Return the checkpoint to continue from, and the index of the state to overwrite first.

    A state can be used only if the parts of all output times up to this state are intact. If no state can be used, the
    checkpoint is None, and the training starts at t = 0.
    """
    parts = stage.checkpoints()
    states = {
        index: TrainingCheckpoint(*stage.load_checkpoint(name)) for index, name in enumerate(STATES) if name in parts
    }
    for index in sorted(states, key=lambda index: states[index].step, reverse=True):
        last = _with_another_step(states[index], plan)
        schedule = last.step_control.schedule(plan.problem.times)
        reached = np.searchsorted(schedule.output_steps, last.step, side="right")
        needed = [_output, _network] if plan.settings.keep == "outputs" else [_output]
        if all(name(k) in parts for k in range(reached) for name in needed):
            log.info("nn: resuming after step %d of %d", last.step, schedule.steps)
            return last, 1 - index
    if states:
        log.warning("nn: the saved errors of some output times are missing, so the training starts from the beginning")
    return None, 0


def _with_another_step(last: TrainingCheckpoint, plan: TrainingPlan) -> TrainingCheckpoint:
    """Return the checkpoint of a diverged run with the step size of the new plan, and other checkpoints unchanged."""
    if not last.meta.get("diverged"):
        return last
    planned, before = plan.step_control, last.step_control
    max_step = planned.max_step if planned.z_max is None else planned.max_step * plan.lambda_max / before.lambda_max
    accurate = max_step if plan.local_error is not None else planned.accurate_step
    step_control = replace(before.limited(last.step, max_step), z_max=planned.z_max, accurate_step=accurate)
    if max_step != before.max_step:
        log.warning(
            "nn: output times up to t = %.6g were computed with steps of at most %.3g, but later output times will be "
            "computed with steps of at most %.3g; --overwrite computes all output times with the new step",
            before.schedule(plan.problem.times).time(last.step), before.max_step, max_step,
        )  # fmt: skip
    return TrainingCheckpoint(last.arrays, last.meta | step_control.to_checkpoint()[1])


def _write_result(stage: Stage, plan: TrainingPlan, step_control: StepControl, state: np.ndarray | None) -> None:
    outputs = [stage.load_checkpoint(_output(k)) for k in range(len(plan.problem.times))]
    history = plan.history(
        [arrays for arrays, _ in outputs], np.array([meta["loss"] for _, meta in outputs]), step_control
    )
    with stage.writing("error.nc") as path:
        history.save(path)
    times = plan.problem.times
    if state is not None:
        _write_network(stage, plan, state, times[-1], "network")
    if plan.settings.keep == "outputs":
        for index, reached in enumerate(times):
            arrays, _ = stage.load_checkpoint(_network(index))
            _write_network(stage, plan, arrays["state"], reached, f"networks/{index:06d}")
    stage.finish(versions={"torch": torch.__version__})


def _write_network(stage: Stage, plan: TrainingPlan, state: np.ndarray, time: float, name: str) -> None:
    with stage.writing(f"{name}.json") as path:
        write_network(trained_module(plan, state, time), path.with_suffix(".safetensors"), path)


def _output(index: int) -> str:
    return f"output-{index:06d}"


def _network(index: int) -> str:
    return f"network-{index:06d}"
