"""The stage `nn` of a result: the training stored as it goes, gone on from where it stopped, and `error.nc` at its end.

Parts: `output-K`, the error and the loss at output time K, as it is reached; `state-0` and `state-1`, the network after
so many steps, in turn, every [training] checkpoint seconds, so that a state that the disk has spoilt leaves the one
before it.
"""

import time

import numpy as np
import torch

from nn.board import tensorboard
from nn.plan import Plan, prepare
from nn.training import trajectory
from problem import Problem, RunFile, every_stage_keys, resolved, stage_keys
from runtime import Stage, StopRequest, Store, log, on_root

STATES = ("state-0", "state-1")


def run_stage(
    run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool, stop: StopRequest
) -> None:
    """Train, and write `nn/error.nc`; collective: rank 0 works, the others sleep.

    Raises InputError, ComputationError, UsageError (a result in the way), and StoppedEarly once its state is stored.
    """
    on_root(_run_stage, run, problem, store, resume=resume, overwrite=overwrite, stop=stop, share=False)


def _run_stage(
    run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool, stop: StopRequest
) -> None:
    keys = stage_keys(run, "nn")
    if store.check("nn", keys=keys, resume=resume, overwrite=overwrite):
        log.info("nn: finished already, in %s", store.root / "nn")
        return
    plan = prepare(problem, run.training, tolerance=run.training_tolerance)  # refuses before anything is written
    with store.open("nn", keys=keys, resume=resume, overwrite=overwrite) as stage:
        if stage.finished:  # by another process, meanwhile
            return
        store.keep_run_file(resolved(run), every_stage_keys(run))
        plan = _train(stage, plan, stop)
        _assemble(stage, plan)
        stage.finish(versions={"torch": torch.__version__})
    log.info("nn: wrote %s", stage.folder / "error.nc")


def _train(stage: Stage, plan: Plan, stop: StopRequest) -> Plan:
    """Train to the end, from an earlier run's state if there is one. Returns the plan that was followed."""
    plan, step, state, oldest = _last_state(stage, plan)
    saved = time.monotonic()
    with tensorboard(stage.folder / "tensorboard", plan, step=step) as show:
        for snapshot in trajectory(plan, step=step, state=state):
            show(snapshot)
            if snapshot.output is not None:
                stage.save_part(_output(snapshot.output), {"error": snapshot.error.cpu().numpy()}, loss=snapshot.loss)
            stopping = stop.requested()
            if stopping or time.monotonic() - saved >= plan.settings.checkpoint:
                arrays = {"state": snapshot.state.cpu().numpy()}
                stage.save_part(STATES[oldest], arrays, step=snapshot.step, longest_step=plan.step)
                saved, oldest = time.monotonic(), 1 - oldest
            if stopping:
                stop.check()
    return plan


def _last_state(stage: Stage, plan: Plan) -> tuple[Plan, int, np.ndarray | None, int]:
    """The plan, step and state to go on from, those of the start where there are none, and which of STATES to replace
    first. A state counts if all outputs before it are there."""
    kept = stage.parts()
    states = {index: stage.load_part(name) for index, name in enumerate(STATES) if name in kept}
    for index in sorted(states, key=lambda index: states[index][1]["step"], reverse=True):
        arrays, meta = states[index]
        earlier = plan.with_step(meta["longest_step"])  # the steps of that run, whatever decided them
        reached = np.searchsorted(earlier.schedule.outputs, meta["step"], side="right")
        if all(_output(k) in kept for k in range(reached)):
            log.info("nn: going on after step %d of %d", meta["step"], earlier.schedule.steps)
            return earlier, meta["step"], arrays["state"], 1 - index
    if states:
        log.warning("nn: what was kept is not enough to go on from: starting again")
    return plan, 0, None, 0


def _assemble(stage: Stage, plan: Plan) -> None:
    outputs = [stage.load_part(_output(k)) for k in range(len(plan.problem.times))]
    history = plan.history(
        np.stack([arrays["error"] for arrays, _ in outputs]), np.array([meta["loss"] for _, meta in outputs])
    )
    with stage.writing("error.nc") as path:
        history.save(path)


def _output(index: int) -> str:
    return f"output-{index:06d}"
