"""Training in gradient-flow time: plan it, then walk its trajectory.

plan = prepare(problem, settings)          device, step, schedule: nothing is trained yet
for snapshot in trajectory(plan): ...      every step, the output times among them
history = train(problem, settings)         the output times, collected
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from nn.backends import make_transforms
from nn.device import memory_that_may_run_out, one_torch_thread
from nn.network import FourierNetwork, loss
from nn.plan import Plan, prepare
from problem import ComputationError, ErrorHistory, Problem, Training
from runtime import Progress, log

DIVERGED = 2.0  # times the loss at the start, which the exact flow never increases


@dataclass(frozen=True)
class Snapshot:
    """The training after `step` steps.

    output: the index of the output time it is at, or None; state: see `nn.network`; error: u (C, N).
    """

    step: int
    time: float
    output: int | None
    state: torch.Tensor
    error: torch.Tensor
    loss: float


def trajectory(plan: Plan, *, step: int = 0, state: np.ndarray | None = None) -> Iterator[Snapshot]:
    """Every step of the training, from its start, or from the state after `step` steps of an earlier run.

    Raises ComputationError where it diverges, naming step, time, loss and remedy, and InputError where memory runs out.
    """
    schedule, advance, first_step, began = plan.schedule, plan.integrator.advance, step, time.monotonic()
    log.info("nn: device %s", plan.device_choice)
    log.info("nn: backend %s", plan.backend_choice)
    about = "nn: %s, %d steps of at most %.3g, lambda_max %.4g"
    log.info(about, plan.settings.integrator, schedule.steps, plan.step, plan.lambda_max)
    try:
        with (
            memory_that_may_run_out(plan.problem, plan.device),
            one_torch_thread(),
            Progress("training", total=schedule.steps, unit="steps", done=step) as progress,
        ):
            transforms = make_transforms(plan.backend, plan.problem.sites, plan.settings.precision, plan.device)
            network = FourierNetwork(plan.problem, transforms, device=plan.device)
            theta = network.start if state is None else torch.from_numpy(state).to(plan.device)
            while True:
                error, slope = network.flow(theta)
                current = loss(error)
                if not current <= DIVERGED * network.start_loss:  # NaN too
                    raise _diverged(plan, step, f"the loss is {current:.3g}, and was {network.start_loss:.3g}")
                yield Snapshot(step, schedule.time(step), schedule.output(step), theta, error, current)
                if step == schedule.steps:
                    break
                theta = advance(network.slope, theta, schedule.size(step), slope)
                step += 1
                progress.advance(note=f"loss {current:.3g}")
    except FloatingPointError as failure:
        raise _diverged(plan, step, str(failure)) from failure
    steps, seconds = step - first_step, time.monotonic() - began
    outcome = "nn: trained %d neurons: %d steps, %.3g s a step, loss %.3g -> %.3g"
    log.info(outcome, plan.problem.network.width, steps, seconds / max(1, steps), network.start_loss, current)


def train(problem: Problem, settings: Training | None = None, *, tolerance: float = 1e-3) -> ErrorHistory:
    """Train the network that `problem` draws, and return its errors at the output times.

    tolerance: of the time stepping, relative to |u(0)|, where settings.tolerance is None.
    Raises InputError (device, memory) and ComputationError (divergence).
    """
    plan = prepare(problem, settings, tolerance=tolerance)
    reached = [(each.error.cpu().numpy(), each.loss) for each in trajectory(plan) if each.output is not None]
    return plan.history(np.stack([error for error, _ in reached]), np.array([value for _, value in reached]))


def _diverged(plan: Plan, step: int, what: str) -> ComputationError:
    size = plan.schedule.size(min(step, plan.schedule.steps - 1))
    if plan.settings.step == "auto":
        remedy = 'from step = "auto": give [training] a smaller step or tolerance, or [network] a larger width'
    else:
        remedy = 'use a smaller [training] step, or "auto"'
    return ComputationError(
        f"training diverged at step {step} of {plan.schedule.steps}, t = {plan.schedule.time(step):.6g}: {what}; "
        f"the step is {size:.3g}: {remedy}"
    )
