"""A training, decided but not begun: its device, its steps, and the record it will leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from freqbias.errors import InputError
from freqbias.nn.backends import choose_backend
from freqbias.nn.device import check_training_memory, choose_device
from freqbias.nn.ntk import EmpiricalKernel, largest_eigenvalue
from freqbias.nn.optimisers import Adam, Batches, Momentum, batch_weights, optimiser
from freqbias.nn.runge_kutta import RUNGE_KUTTA, RungeKutta
from freqbias.nn.sharding import Shards
from freqbias.nn.step_control import StepControl
from freqbias.numerics import Schedule
from freqbias.problem import ErrorHistory, Problem, Training
from freqbias.runtime import log, on_root, version_of

TIME = {
    "momentum": "gradient-flow time: t = s step, step = rate / (1 - momentum)",
    "adam": "t = s step, step = rate; no gradient-flow time",
}


DRAWN = {"width", "depth", "hidden_width", "activation", "sampling"}


@dataclass(frozen=True)
class TrainingPlan:
    """What `trajectory` follows.

    step: the longest step in gradient-flow time, at first; lambda_max: the largest eigenvalue, from above, of the
    kernel at infinite width or of the drawn network's own at its start, whichever is larger; pace, schedule: the steps
    as planned, which the training may change; device_choice, backend_choice: sentences on what was taken and why;
    shards: which neurons are whose.
    """

    problem: Problem
    settings: Training
    device: torch.device
    device_choice: str
    backend: str
    backend_choice: str
    shards: Shards
    lambda_max: float
    step: float
    step_control: StepControl
    schedule: Schedule

    @property
    def integrator(self) -> RungeKutta | Momentum | Batches | Adam:
        return _integrator(self.settings)

    def weights(self, step: int) -> np.ndarray | None:
        """Those of the samples (N,) in the gradient after `step` steps; None where all count the same."""
        batch, samples = self.settings.batch, self.problem.samples.values.shape[1]
        return None if batch is None else batch_weights(samples, batch, seed=self.problem.seed, step=step)

    def warn(self) -> None:
        """Say aloud what may surprise in the results."""
        z = self.schedule.max_step_size * self.lambda_max
        if not self.integrator.damps(z):
            unstable = (
                "nn: step * lambda_max = %.3g, where %s is unstable: expect divergence, or to be far from the flow"
            )
            log.warning(unstable, z, self.settings.integrator)
        if self.settings.integrator == "adam":
            log.warning(
                "nn: adam is no gradient flow: t = s * step counts its steps, and the equation does not describe it"
            )

    def history(
        self, reached: Sequence[Mapping[str, np.ndarray]], losses: np.ndarray, step_control: StepControl
    ) -> ErrorHistory:
        """The record of a training: `Snapshot.errors` and losses (T,) at the output times, and the pace at its end."""
        network, settings = self.problem.network, self.settings
        attributes: dict[str, Any] = {
            **network.model_dump(include=DRAWN, exclude_none=True),
            "seed": self.problem.seed,
            "integrator": settings.integrator,
            "step": self.step,
            "first_step": step_control.changes[0][
                1
            ],  # another where it proved too long, or diverged and was given anew
            "last_step": step_control.longest,
            "steps": step_control.schedule(self.problem.times).steps,
            "lambda_max": self.lambda_max,
            "last_lambda_max": step_control.lambda_max,
            "time_definition": TIME.get(settings.integrator, "gradient-flow time: t = s step"),
            "precision": settings.precision,
            "device": str(self.device),
            "backend": self.backend,
            "freqbias": version_of("freqbias"),
        }
        errors = {name: np.stack([each[name] for each in reached]) for name in reached[0]}
        if self.problem.held_out is not None:
            errors["held_out_position"] = self.problem.held_out.sites.positions()
        return ErrorHistory(
            self.problem.times, self.problem.sites.positions(), loss=losses, attributes=attributes, **errors
        )


def plan_training(
    problem: Problem, settings: Training | None = None, *, tolerance: float = 1e-3, shards: Shards | None = None
) -> TrainingPlan:
    """Decide device, backend and steps; collective where `shards` shares the neurons out.

    The step is settings.step, or with "auto" the largest that keeps the error of the time stepping within the tolerance
    of |u(0)| for every mode of the flow at its start: those of the kernel at infinite width, and those of the drawn
    network's own, whose eigenvalues may be many times larger where it is narrow. The tolerance is settings.tolerance,
    else `tolerance`. Raises InputError where TensorBoard is asked for and absent, the device is absent or its memory
    too small, the backend cannot serve, the steps are too many, or there are fewer neurons than processes.
    """
    settings = settings or Training()
    if settings.tensorboard and find_spec("tensorboard") is None:
        raise InputError(
            "[training] tensorboard = true: TensorBoard is not installed; install it, with `uv sync --extra "
            "tensorboard` or `pip install tensorboard`, or leave the key out"
        )
    samples, network = problem.samples.values.shape[1], problem.network
    if settings.batch is not None and settings.batch > samples:
        raise InputError(f"[training] batch = {settings.batch}: there are {samples} samples; use at most as many")
    shards = shards or Shards()
    if network.depth > 2 and shards.comm.size > 1:
        raise InputError(
            f"[network] depth = {network.depth}: hidden layers cannot be shared out, and there are {shards.comm.size} "
            "processes; leave --shard out"
        )
    if network.width < shards.comm.size:
        raise InputError(
            f"[network] width = {network.width}: {shards.comm.size} processes cannot share out so few neurons; "
            "start fewer, or leave --shard out"
        )
    device, device_choice = choose_device(settings.device, settings.backend)
    device, precision = shards.device(device), settings.precision
    share = shards.share(device)
    check_training_memory(
        problem, precision=precision, device=device, share=share
    )  # before the costs, which need the draw
    backend, backend_choice = choose_backend(problem, settings.backend, precision=precision, device=device)
    check_training_memory(problem, precision=precision, device=device, backend=backend, share=share)
    kernel = EmpiricalKernel(problem, device=device, backend=backend, shards=shards)
    drawn, eigenvector = shards.comm.bcast(kernel.leading_mode())
    lambda_max = max(on_root(largest_eigenvalue, problem, comm=shards.comm), drawn)
    integrator = _integrator(settings)
    if settings.step == "auto":
        step = integrator.largest_step(settings.tolerance or tolerance) / lambda_max
        remedy = "use a shorter [time] end, a larger tolerance or a smaller [network] sigma_a"
    else:
        step, remedy = float(settings.step), 'use a larger step, or "auto"'
    step_control = StepControl(((0, step),), drawn, eigenvector, step * lambda_max if settings.step == "auto" else None)
    try:
        schedule = step_control.schedule(problem.times)
    except OverflowError as failure:
        raise InputError(f"[training] step = {step:.3g} makes {failure}; {remedy}") from failure
    choices = device, device_choice, backend, backend_choice
    return TrainingPlan(problem, settings, *choices, shards, lambda_max, step, step_control, schedule)


def _integrator(settings: Training) -> RungeKutta | Momentum | Batches | Adam:
    return RUNGE_KUTTA.get(settings.integrator) or optimiser(settings)
