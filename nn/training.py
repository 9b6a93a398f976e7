"""Training in gradient-flow time: plan it, then walk its trajectory.

plan = prepare(problem, settings)          device, step, schedule: nothing is trained yet
for snapshot in trajectory(plan): ...      every step, the output times among them
history = train(problem, settings)         the output times, collected
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from freqbias.errors import ComputationError
from freqbias.nn.device import memory_that_may_run_out, torch_threads
from freqbias.nn.network_choice import make_network
from freqbias.nn.step_control import StepControl
from freqbias.nn.trainable import TrainableNetwork, loss
from freqbias.nn.training_plan import TrainingPlan, plan_training
from freqbias.numerics import Apply, Schedule
from freqbias.problem import ErrorHistory, Problem, Training
from freqbias.runtime import Progress, log

MEMORY = "memory."  # before the names of an optimiser's buffers
DIVERGED = 2.0  # times the loss at the start, which the exact flow never increases


@dataclass(frozen=True)
class TrainingCheckpoint:
    """What a training goes on from, to the same bits: arrays, and values that JSON can hold."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    @property
    def step(self) -> int:
        return int(self.meta["step"])

    @property
    def step_control(self) -> StepControl:
        return StepControl.restored(self.arrays, self.meta)

    @property
    def memory(self) -> dict[str, np.ndarray]:
        return {name.removeprefix(MEMORY): each for name, each in self.arrays.items() if name.startswith(MEMORY)}


@dataclass(frozen=True)
class TrainingSnapshot:
    """The training after `step` steps.

    output: the index of the output time it is at, or None; state: of the network; error: u (C, N); pace: of the steps
    from here on; memory: buffers of the optimiser, where it has any; held_out_error: u (C, N') at the samples that are
    held out, if any, at output times.
    """

    step: int
    time: float
    output: int | None
    state: torch.Tensor
    error: torch.Tensor
    loss: float
    step_control: StepControl
    memory: dict[str, torch.Tensor]
    network: TrainableNetwork
    held_out_error: np.ndarray | None = None

    def errors(self) -> dict[str, np.ndarray]:
        """What an output time leaves: `error`, and `held_out_error` where there are such samples."""
        errors = {"error": self.error.cpu().numpy()}
        return errors if self.held_out_error is None else errors | {"held_out_error": self.held_out_error}

    def checkpoint(self) -> TrainingCheckpoint | None:
        """On rank 0, a copy on the CPU, of all neurons; collective where they are shared out."""
        vectors = {"state": self.state} | {MEMORY + name: buffer for name, buffer in self.memory.items()}
        gathered = {name: self.network.gather(vector) for name, vector in vectors.items()}
        if gathered["state"] is None:
            return None
        arrays, meta = self.step_control.kept()
        whole = {name: array for name, array in gathered.items() if array is not None}
        return TrainingCheckpoint(whole | arrays, {"step": self.step, **meta})


def trajectory(plan: TrainingPlan, *, last: TrainingCheckpoint | None = None) -> Iterator[TrainingSnapshot]:
    """Every step of the training, from its start, or from where an earlier run was; of that, rank 0 knows.

    Raises ComputationError where it diverges, naming step, time, loss and remedy, and InputError where memory runs out.
    """
    begun = None if last is None else (last.step, last.step_control, list(last.memory))
    step, step_control, memory = plan.shards.comm.bcast(begun) or (0, plan.step_control, None)
    schedule, stepper = step_control.schedule(plan.problem.times), plan.integrator.begin()
    first_step, began = step, time.monotonic()
    log.info("nn: device %s", plan.device_choice)
    log.info("nn: backend %s", plan.backend_choice)
    about = "nn: %s, %d steps of at most %.3g, lambda_max %.4g"
    log.info(about, plan.settings.integrator, schedule.steps, step_control.longest, plan.lambda_max)
    plan.warn()
    try:
        with (
            memory_that_may_run_out(plan.problem, plan.device),
            torch_threads(plan.backend, plan.shards.threads),
            Progress("training", total=schedule.steps, unit="steps", done=step) as progress,
        ):
            network = make_network(
                plan.problem, plan.backend,
                precision=plan.settings.precision, device=plan.device, shards=plan.shards,
            )  # fmt: skip
            theta, snapshot, again = network.start, None, False
            unstable = not plan.integrator.damps(step_control.longest * step_control.lambda_max)  # is said once
            if memory is not None:
                kept = {} if last is None else {"state": last.arrays["state"], **last.memory}
                theta = network.scatter(kept.get("state"))
                stepper.restore({name: network.scatter(kept.get(name)) for name in memory})
            while True:
                error, negative_gradient = network.flow(theta, plan.weights(step))
                current = loss(error)
                if not current <= DIVERGED * network.start_loss:  # NaN too
                    raise _diverged(
                        plan, schedule, step, f"the loss is {current:.3g}, and was {network.start_loss:.3g}"
                    )
                if step == step_control.due and (step < schedule.steps or step_control.z is not None):
                    size = schedule.step_size(step - 1)
                    step_control, schedule = _update_step_control(
                        plan, step_control, schedule, step, network.kernel_at(theta), warn=not unstable
                    )
                    unstable = unstable or not plan.integrator.damps(step_control.longest * step_control.lambda_max)
                    if snapshot is not None and step_control.overstepped(size):
                        step, theta, again, stepper = snapshot.step, snapshot.state, True, plan.integrator.begin()
                        stepper.restore(snapshot.memory)
                        step_control = step_control.back(step)
                        schedule = schedule.replan(step, step_control.longest)
                        continue
                    progress.total = schedule.steps
                if not again:
                    output = schedule.output_index(step)
                    held_out = None if output is None else network.held_out_error(theta)
                    time_, memory = schedule.time(step), stepper.memory()
                    snapshot = TrainingSnapshot(
                        step, time_, output, theta, error, current, step_control, memory, network, held_out
                    )
                    yield snapshot
                    progress.advance(step - progress.done, note=f"loss {current:.3g}")
                if step == schedule.steps:
                    break
                theta = stepper.advance(network.negative_gradient, theta, schedule.step_size(step), negative_gradient)
                step, again = step + 1, False
    except FloatingPointError as failure:
        raise _diverged(plan, schedule, step, str(failure)) from failure
    each = (time.monotonic() - began) / max(1, step - first_step)
    outcome = "nn: trained %d neurons: %d steps, %.3g s a step, loss %.3g -> %.3g"
    log.info(outcome, plan.problem.network.width, step, each, network.start_loss, current)
    if held_out is not None:
        log.info("nn: loss %.3g on the samples that are held out", loss(torch.from_numpy(held_out)))


def _update_step_control(
    plan: TrainingPlan, step_control: StepControl, schedule: Schedule, step: int, kernel: Apply, *, warn: bool
) -> tuple[StepControl, Schedule]:
    """Measure lambda_max; with step = "auto" the steps of what is left follow it, with a fixed one there is a warning,
    if so asked, where it has become unstable."""
    now = plan.shards.comm.bcast(step_control.checked(step, kernel))
    where = f"nn: at t = {schedule.time(step):.4g} lambda_max is {now.lambda_max:.4g}"
    if now.changes != step_control.changes:
        schedule = schedule.replan(step, now.longest)
        doublings = [int(np.log2(each.lambda_max / plan.lambda_max)) for each in (step_control, now)]
        level = logging.INFO if doublings[0] != doublings[1] else logging.DEBUG
        said = "%s, was %.4g: steps of at most %.3g, %d in all"
        log.log(level, said, where, step_control.lambda_max, now.longest, schedule.steps)
    elif warn and not plan.integrator.damps(now.longest * now.lambda_max):
        unstable = '%s: step * lambda_max = %.3g, where %s is unstable: use a shorter step, or "auto"'
        log.warning(unstable, where, now.longest * now.lambda_max, plan.settings.integrator)
    return now, schedule


def train(problem: Problem, settings: Training | None = None, *, tolerance: float = 1e-3) -> ErrorHistory:
    """Train the network that `problem` draws, and return its errors at the output times.

    tolerance: of the time stepping, relative to |u(0)|, where settings.tolerance is None.
    Raises InputError (device, memory) and ComputationError (divergence).
    """
    plan = plan_training(problem, settings, tolerance=tolerance)
    reached = []
    for snapshot in trajectory(plan):
        if snapshot.output is not None:
            reached.append((snapshot.errors(), snapshot.loss))
    errors, losses = zip(*reached, strict=True)
    return plan.history(errors, np.array(losses), snapshot.step_control)


def _diverged(plan: TrainingPlan, schedule: Schedule, step: int, what: str) -> ComputationError:
    size = schedule.step_size(min(step, schedule.steps - 1))
    if plan.settings.step == "auto":
        remedy = 'from step = "auto": give [training] a smaller step or tolerance, or [network] a larger width'
    else:
        remedy = "use a smaller [training] step" + (', or "auto"' if plan.settings.integrator != "adam" else "")
    return ComputationError(
        f"training diverged at step {step} of {schedule.steps}, t = {schedule.time(step):.6g}: {what}; "
        f"the step is {size:.3g}: {remedy}"
    )
