"""Training in gradient-flow time: plan it, then walk its trajectory.

    plan = prepare(problem, settings)          device, step, schedule: nothing is trained yet
    for snapshot in trajectory(plan): ...      every step, the output times among them
    history = train(problem, settings)         the output times, collected
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from nn.device import check_memory, choose_device, one_torch_thread, out_of_memory
from nn.integrators import INTEGRATORS, Schedule
from nn.network import FourierNetwork, loss
from nn.ntk import InfiniteWidthKernel
from nn.transforms import NufftTransforms, SeparableTransforms, Transforms
from problem import ComputationError, ErrorHistory, Problem, Training
from runtime import Progress, log, threads_alone

DIVERGED = 2.0  # times the loss at the start, which the exact flow never increases


@dataclass(frozen=True)
class Plan:
    """A training, decided but not begun.

    step: the longest step in gradient-flow time; lambda_max: the largest eigenvalue of the kernel at infinite width, from above.
    """

    problem: Problem
    settings: Training
    device: torch.device
    device_choice: str
    lambda_max: float
    step: float
    schedule: Schedule

    def history(self, errors: np.ndarray, losses: np.ndarray) -> ErrorHistory:
        """The record of a training: errors (T, C, N) and losses (T,) at the output times."""
        network, settings = self.problem.network, self.settings
        attributes: dict[str, Any] = {
            "width": network.width,
            "sampling": network.sampling,
            "seed": self.problem.seed,
            "integrator": settings.integrator,
            "step": self.step,
            "steps": self.schedule.steps,
            "lambda_max": self.lambda_max,
            "precision": settings.precision,
            "device": str(self.device),
            "freqbias": _version(),
        }
        return ErrorHistory(self.problem.times, self.problem.grid.positions(), errors, losses, attributes)


@dataclass(frozen=True)
class Snapshot:
    """The training after `step` steps: state (see `nn.network`), error u (C, N), loss. output: the index of the output time it is at, or None."""

    step: int
    time: float
    output: int | None
    state: torch.Tensor
    error: torch.Tensor
    loss: float


def prepare(problem: Problem, settings: Training = Training(), *, tolerance: float = 1e-3, step: float | None = None) -> Plan:
    """Decide device and steps. The step is `step`, else settings.step, else the largest that keeps the error of the time stepping within
    the tolerance of |u(0)| (settings.tolerance, else `tolerance`) for every mode of the kernel at infinite width.

    Raises InputError where the device is absent or its memory too small.
    """
    device, device_choice = choose_device(settings.device)
    check_memory(problem, precision=settings.precision, device=device)
    lambda_max = InfiniteWidthKernel(problem).largest_eigenvalue()
    if step is None:
        wanted = tolerance if settings.tolerance is None else settings.tolerance
        step = INTEGRATORS[settings.integrator].largest_step(wanted) / lambda_max if settings.step == "auto" else settings.step
    schedule = Schedule(problem.times, step)
    if not INTEGRATORS[settings.integrator].damps(longest := schedule.longest * lambda_max):
        log.warning("nn: step * lambda_max = %.3g, where %s is unstable: expect divergence, or results far from the flow", longest, settings.integrator)
    return Plan(problem, settings, device, device_choice, lambda_max, step, schedule)


def trajectory(plan: Plan, *, step: int = 0, state: np.ndarray | None = None) -> Iterator[Snapshot]:
    """Every step of the training, from its start, or from the state after `step` steps of an earlier session.

    Raises ComputationError where it diverges, naming step, time, loss and remedy, and InputError where memory runs out.
    """
    schedule, advance = plan.schedule, INTEGRATORS[plan.settings.integrator].advance
    log.info("nn: device %s", plan.device_choice)
    log.info("nn: %s, %d steps of at most %.3g, lambda_max %.4g", plan.settings.integrator, schedule.steps, plan.step, plan.lambda_max)
    first_step, first_loss, began = step, None, time.monotonic()
    try:
        with one_torch_thread(), Progress("training", total=schedule.steps, unit="steps", done=step) as progress:
            network = FourierNetwork(plan.problem, _transforms(plan), device=plan.device)
            theta = network.start if state is None else torch.from_numpy(state).to(plan.device)
            while True:
                error, slope = network.flow(theta)
                current = loss(error)
                if not current <= DIVERGED * network.start_loss:  # NaN too
                    raise _diverged(plan, step, f"the loss is {current:.3g}, and that of the target {network.start_loss:.3g}")
                first_loss = current if first_loss is None else first_loss
                yield Snapshot(step, schedule.time(step), schedule.output(step), theta, error, current)
                if step == schedule.steps:
                    break
                theta = advance(network.slope, theta, schedule.size(step), slope)
                step += 1
                progress.advance(note=f"loss {current:.3g}")
    except torch.OutOfMemoryError as failure:
        raise out_of_memory(plan.problem, plan.device) from failure
    except FloatingPointError as failure:
        raise _diverged(plan, step, str(failure)) from failure
    seconds = (time.monotonic() - began) / max(1, step - first_step)
    log.info("nn: trained %d neurons, %d steps, %.3g s a step, loss %.3g -> %.3g", plan.problem.network.width, step - first_step, seconds, first_loss, current)


def train(problem: Problem, settings: Training = Training(), *, tolerance: float = 1e-3) -> ErrorHistory:
    """Train the network that `problem` draws, and return its errors at the output times.

    tolerance: of the time stepping, relative to |u(0)|, where settings.tolerance is None.
    Raises InputError (device, memory) and ComputationError (divergence).
    """
    plan = prepare(problem, settings, tolerance=tolerance)
    reached = [(snapshot.error.cpu().numpy(), snapshot.loss) for snapshot in trajectory(plan) if snapshot.output is not None]
    return plan.history(np.stack([error for error, _ in reached]), np.array([value for _, value in reached]))


def _transforms(plan: Plan) -> Transforms:
    grid, precision = plan.problem.grid, plan.settings.precision
    if plan.device.type == "cuda":
        return SeparableTransforms(grid, precision=precision, device=plan.device)
    return NufftTransforms(grid, precision=precision, threads=threads_alone())


def _diverged(plan: Plan, step: int, what: str) -> ComputationError:
    size = plan.schedule.size(min(step, plan.schedule.steps - 1))
    return ComputationError(
        f"training diverged at step {step} of {plan.schedule.steps}, t = {plan.schedule.time(step):.6g}: {what}; "
        f'the step is {size:.3g}: use a smaller [training] step, or "auto"'
    )


def _version() -> str:
    try:
        return version("freqbias")
    except PackageNotFoundError:
        return "unknown"
