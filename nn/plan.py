"""A training, decided but not begun: its device, its steps, and the record it will leave."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nn.device import check_memory, choose_device
from nn.integrators import INTEGRATORS, Integrator, Schedule
from nn.ntk import InfiniteWidthKernel
from problem import ErrorHistory, InputError, Problem, Training
from runtime import log, version_of


@dataclass(frozen=True)
class Plan:
    """What `trajectory` follows.

    step: the longest step in gradient-flow time; lambda_max: the largest eigenvalue of the kernel at infinite width,
    from above; device_choice: a sentence on what was taken and why.
    """

    problem: Problem
    settings: Training
    device: torch.device
    device_choice: str
    lambda_max: float
    step: float
    schedule: Schedule

    @property
    def integrator(self) -> Integrator:
        return INTEGRATORS[self.settings.integrator]

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
            "freqbias": version_of("freqbias"),
        }
        return ErrorHistory(self.problem.times, self.problem.grid.positions(), errors, losses, attributes)


def prepare(
    problem: Problem, settings: Training | None = None, *, tolerance: float = 1e-3, step: float | None = None
) -> Plan:
    """Decide device and steps.

    The step is `step`, else settings.step, else ("auto") the largest that keeps the error of the time stepping within
    the tolerance of |u(0)| for every mode of the kernel at infinite width. The tolerance is settings.tolerance, else
    `tolerance`. Raises InputError where the device is absent or its memory too small.
    """
    settings = settings or Training()
    device, device_choice = choose_device(settings.device)
    check_memory(problem, precision=settings.precision, device=device)
    lambda_max = InfiniteWidthKernel(problem).largest_eigenvalue()
    integrator = INTEGRATORS[settings.integrator]
    if step is None and settings.step == "auto":
        step = integrator.largest_step(settings.tolerance or tolerance) / lambda_max
    elif step is None:
        step = float(settings.step)
    try:
        schedule = Schedule(problem.times, step)
    except OverflowError as failure:
        raise InputError(f'[training] step = {step:.3g} makes {failure}; use a larger step, or "auto"') from failure
    plan = Plan(problem, settings, device, device_choice, lambda_max, step, schedule)
    z = plan.schedule.longest * lambda_max
    if not integrator.damps(z):
        unstable = "nn: step * lambda_max = %.3g, where %s is unstable: expect divergence, or results far from the flow"
        log.warning(unstable, z, settings.integrator)
    return plan
