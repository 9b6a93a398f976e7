"""The plan of a training: device, backend, step size and schedule. A plan also creates the record of the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import inf, sqrt
from typing import Any

import numpy as np
import torch

from freqbias.errors import InputError
from freqbias.nn.backends import choose_backend
from freqbias.nn.device import check_training_memory, choose_device
from freqbias.nn.gauss_newton import SOLVE_SHARE, GaussNewton
from freqbias.nn.local_error import LocalErrorControl
from freqbias.nn.ntk import EmpiricalKernel, gauss_newton_shift, largest_eigenvalue
from freqbias.nn.optimisers import Adam, MinibatchDescent, Momentum, batch_weights, make_optimiser
from freqbias.nn.runge_kutta import RUNGE_KUTTA, RungeKutta
from freqbias.nn.sharding import Shards
from freqbias.nn.step_control import StepControl
from freqbias.numerics import RateShape, Schedule, check_kind
from freqbias.problem import NO_DECAY, ErrorHistory, MeanSquare, Problem, Rates, Training, WeightDecay
from freqbias.runtime import announced, on_root, version_of

TIME_DEFINITION = {
    "momentum": "gradient-flow time: t = s step, step = rate / (1 - momentum)",
    "gauss-newton": "t = s step, in which the modes of the kernel decay as exp(-t lambda / (lambda + eps))",
    "adam": "t = s step, step = rate; no gradient-flow time",
}
# Where the local error is controlled: the largest step * lambda_max over the stability limit, and the first step over
# the step for a kernel that does not change. With a first step ten times as long, the error of 100 sin(6 pi x) was 14
# tolerances, because the estimate of the local error is right only for steps in which the network changes little.
STABLE_SHARE, FIRST_SHARE = 0.9, 0.1
ROUNDING = {"single": 1e-6, "double": 1e-12}  # error of u by rounding, over |u(0)|; the accuracy of `NufftTransforms`
RATE_FACTOR = 0.1  # default of [training] rate_factor
SHORTENED = 0.1  # relative shortening of a step above which users are warned
NETWORK_ATTRIBUTES = {"width", "depth", "hidden_width", "activation", "omega_0", "sampling"}


@dataclass(frozen=True)
class TrainingPlan:
    """The plan that `trajectory` follows.

    device_choice and backend_choice: texts that name the choice and the reason. shards: the distribution of the neurons
    over the processes. lambda_max: an upper estimate of the largest eigenvalue of two kernels, the kernel at infinite
    width and the kernel of the drawn network at t = 0. step: the longest step at t = 0, in gradient-flow time.
    step_control and schedule: the steps that begin the training, which may change during the training. integrator: with
    the numbers that it needs. local_error: the control of the local error, None if the local error is not controlled.
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
    integrator: RungeKutta | GaussNewton | Momentum | MinibatchDescent | Adam
    local_error: LocalErrorControl | None = None

    def sample_weights(self, step: int) -> np.ndarray | None:
        """Return the weights of the samples in the gradient after `step` steps, (N,), or None if all weights are 1."""
        batch, samples = self.settings.batch, self.problem.samples.values.shape[1]
        return None if batch is None else batch_weights(samples, batch, seed=self.problem.seed, step=step)

    @property
    def warnings(self) -> list[str]:
        """Warnings about the steps of the training."""
        found, shortest = [], float(self.schedule.step_sizes.min())
        constant = self.settings.step != "auto" and self.step_control.shape.is_constant
        if constant and shortest < (1 - SHORTENED) * self.step:
            found.append(
                f"[training] step = {self.step:.6g}: steps are as short as {shortest:.6g}, because a step ends at each "
                "output time; use a step that divides the intervals between the output times"
            )
        z, decay = self.schedule.max_step_size * self.lambda_max, self.problem.decay.rate
        if not self.integrator.is_stable(z):
            rate = f"lambda_max, with [training] decay = {decay:g}, = {z:.3g}" if decay else f"lambda_max = {z:.3g}"
            found.append(
                f"step * {rate}, for which {self.settings.integrator} is unstable; the training may diverge, or differ "
                "from the gradient flow"
            )
        if self.settings.integrator == "adam":
            found.append(
                "Adam does not follow the gradient flow, so the equation does not describe this training; time is the "
                "number of steps times the step size"
            )
        return found

    def history(
        self, reached: Sequence[Mapping[str, np.ndarray]], losses: np.ndarray, step_control: StepControl
    ) -> ErrorHistory:
        """Return the record of a finished training.

        reached: `TrainingSnapshot.errors()` at each of the T output times. losses: (T,). step_control: the last step
        control.
        """
        network, settings = self.problem.network, self.settings
        schedule = step_control.schedule(self.problem.times)
        attributes: dict[str, Any] = {
            **network.model_dump(include=NETWORK_ATTRIBUTES, exclude_none=True),
            "seed": self.problem.seed,
            "integrator": settings.integrator,
            **({} if settings.gauss_newton is None else {"damping": settings.gauss_newton}),
            "step": self.step,
            # The first step is shorter than "step" if it was rejected, or if an output time follows earlier. It is
            # longer if a diverged run was resumed with a shorter step.
            "first_step": schedule.step_size(0),
            "last_step": schedule.step_size(schedule.steps - 1),
            "steps": schedule.steps,
            "lambda_max": self.lambda_max,
            "last_lambda_max": step_control.lambda_max,
            "time_definition": TIME_DEFINITION.get(settings.integrator, "gradient-flow time: t = s step"),
            "precision": settings.precision,
            "device": str(self.device),
            "backend": self.backend,
            "unit": self.problem.unit,
            "freqbias": version_of("freqbias"),
        }
        errors = {name: np.stack([each[name] for each in reached]) for name in reached[0]}
        history = ErrorHistory(
            self.problem.times, self.problem.sites.positions(), errors.pop("error"), losses, attributes,
            step_time=schedule.step_times(), normalisation=self.problem.samples.normalisation,
        )  # fmt: skip
        return history.with_targets(errors, held_out=self.problem.held_out, predict_at=self.problem.predict_at)


def plan_training(
    problem: Problem, settings: Training | None = None, *, tolerance: float = 1e-3, shards: Shards | None = None
) -> TrainingPlan:
    """Choose device, backend and step size. Collective over the processes of `shards`.

    The step size is settings.step. If settings.step is "auto", the step size follows from the tolerance, which is
    settings.tolerance if given, else `tolerance`: it is the largest for which the error of the time stepping is at most
    the tolerance times |u(0)|, for every mode of the flow at t = 0. The modes are those of two kernels: the kernel at
    infinite width, and the kernel of the drawn network. For narrow networks the eigenvalues of the second kernel can be
    many times larger. Methods that control the local error begin with shorter steps.

    Raises InputError if TensorBoard or the device is missing, if the rates are not those of the problem, if the memory
    is too small, if the backend does not fit the problem, if there are too many steps, if the batch is larger than the
    number of samples, or if the processes cannot share the neurons.
    """
    check_kind("train: problem", problem, Problem, remedy='a Problem, for example freqbias.load("RUN.toml")')
    remedy = "settings of [training], for example Training(step=0.1)"
    check_kind("train: settings", settings, Training, type(None), remedy=remedy)
    settings = settings or Training()
    if settings.rates not in (Rates(), problem.rates):
        raise InputError(
            f"[training] rates = {settings.rates}, but the problem has rates = {problem.rates}; give the rates to the "
            "problem, as Problem(..., rates=...), because the equation depends on them too"
        )
    decay = WeightDecay(settings.decay, settings.decay_towards)
    if decay not in (NO_DECAY, problem.decay):
        raise InputError(
            f"[training] decay = {settings.decay}, but the problem has decay = {problem.decay.rate}; give the decay to "
            "the problem, as Problem(..., decay=WeightDecay(...)), because the equation depends on it too"
        )
    if settings.gauss_newton != problem.gauss_newton:
        raise InputError(
            f'[training] integrator = "{settings.integrator}" with damping = {settings.gauss_newton}, but the problem '
            f"has gauss_newton = {problem.gauss_newton}, on which the equation depends too; give the same damping to "
            f"both, for example by dataclasses.replace(problem, gauss_newton={settings.gauss_newton})"
        )
    if settings.tensorboard and find_spec("tensorboard") is None:
        raise InputError(
            "[training] tensorboard = true: TensorBoard is not installed; install TensorBoard with `uv sync --extra "
            "tensorboard` or `pip install tensorboard`, or leave the key out"
        )
    shards, samples, network = shards or Shards(), problem.samples.values.shape[1], problem.network
    if settings.gauss_newton is not None and shards.comm.size > 1:
        raise InputError(
            f'[training] integrator = "gauss-newton": {shards.comm.size} processes cannot share the neurons; leave '
            "--shard out"
        )
    if settings.batch is not None and settings.batch > samples:
        raise InputError(
            f"[training] batch = {settings.batch}: the batch is larger than the number of samples, {samples}; use "
            f"batch = {samples} or less"
        )
    if settings.batch is not None and not isinstance(problem.loss, MeanSquare):
        raise InputError(f"[training] batch = {settings.batch} is for the mean square; leave batch out")
    if not network.fourier_sum and shards.comm.size > 1:
        key, kind = ("depth", "a network with hidden layers") if network.omega_0 is None else ("omega_0", "SIREN")
        raise InputError(
            f"[network] {key} = {getattr(network, key)}: {shards.comm.size} processes cannot share the neurons of "
            f"{kind}; leave --shard out"
        )
    if network.width < shards.comm.size:
        raise InputError(
            f"[network] width = {network.width}: {shards.comm.size} processes need at least one neuron each; "
            "start fewer processes, or leave --shard out"
        )
    device, device_choice = choose_device(settings.device, settings.backend)
    device, precision = shards.local_device(device), settings.precision
    fraction = shards.fraction_on(device)
    # Check the network alone first, because the choice of a backend draws the network, which may be too large.
    check_training_memory(problem, precision=precision, device=device, fraction=fraction)
    backend, backend_choice = choose_backend(problem, settings.backend, precision=precision, device=device)
    check_training_memory(problem, precision=precision, device=device, backend=backend, fraction=fraction)
    with announced("nn: computing the largest eigenvalue of the kernels"):
        kernel = EmpiricalKernel(problem, device=device, backend=backend, shards=shards)
        drawn, eigenvector = shards.comm.bcast(kernel.largest_eigenpair())
        drawn += problem.decay.rate
        lambda_max = max(on_root(largest_eigenvalue, problem, comm=shards.comm) + problem.decay.rate, drawn)
    tolerance = settings.tolerance or tolerance
    integrator = _make_integrator(problem, settings, tolerance)
    local_error, z_max, accurate = None, None, inf
    if settings.step == "auto":
        z_max = integrator.largest_step(tolerance)
        step = z_max / lambda_max
        if isinstance(integrator, GaussNewton):  # lambda_max does not limit its steps
            step, z_max = z_max, None
        slower = "sigma_a" if network.omega_0 is None else "width"  # makes the kernel smaller
        faster = "smaller [training] rates" if problem.rates.largest > 1 else f"a smaller [network] {slower}"
        remedy = f"use a smaller [time] end, a larger tolerance, or {faster}"
        # The gradient of a relu network jumps. At a jump no step is short enough for a small tolerance.
        smooth = network.activation != "relu"
        if smooth and isinstance(integrator, RungeKutta) and (estimate := integrator.estimate) is not None:
            step *= FIRST_SHARE
            z_max, accurate = STABLE_SHARE * integrator.stability_limit, step
            local_error = LocalErrorControl(
                tolerance, estimate.scale, estimate.order, ROUNDING[precision],
                sqrt(2 * kernel.start.shape[1] * problem.loss.value(kernel.start)), problem.times[-1],
            )  # fmt: skip
    else:
        step, remedy = float(settings.step), 'use a larger step, or step = "auto"'
    step_control = StepControl(
        ((0, step),), drawn, eigenvector, z_max, accurate_step=accurate, shape=_rate_shape(settings)
    )
    try:
        schedule = step_control.schedule(problem.times)
    except OverflowError as failure:
        raise InputError(f"[training] step = {step:.3g} needs {failure}, which is too many; {remedy}") from failure
    choices = device, device_choice, backend, backend_choice
    return TrainingPlan(
        problem, settings, *choices, shards, lambda_max, step, step_control, schedule, integrator, local_error
    )


def _make_integrator(
    problem: Problem, settings: Training, tolerance: float
) -> RungeKutta | GaussNewton | Momentum | MinibatchDescent | Adam:
    if problem.gauss_newton is not None:
        accuracy = SOLVE_SHARE * tolerance / max(1.0, problem.times[-1])
        return GaussNewton(gauss_newton_shift(problem), accuracy)
    return RUNGE_KUTTA.get(settings.integrator) or make_optimiser(settings)


def _rate_shape(settings: Training) -> RateShape:
    milestones, factor = tuple(settings.milestones or ()), settings.rate_factor
    return RateShape(settings.rate_schedule, settings.warm_up, milestones, RATE_FACTOR if factor is None else factor)
