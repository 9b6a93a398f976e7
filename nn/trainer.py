"""The parts of the training loop: start or resumption, step-size control, checks, progress and logging."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from freqbias.errors import ComputationError
from freqbias.nn.cuda_graph import inner_slope
from freqbias.nn.device import report_out_of_memory, torch_threads
from freqbias.nn.gauss_newton import GaussNewton
from freqbias.nn.local_error import MOST_SHRINKAGE
from freqbias.nn.loss_watch import LossWatch
from freqbias.nn.network_choice import make_network
from freqbias.nn.optimisers import Adam
from freqbias.nn.runge_kutta import LocalError, Step
from freqbias.nn.snapshot import TrainingCheckpoint, TrainingSnapshot
from freqbias.nn.step_control import StepControl
from freqbias.nn.trainable import TrainableNetwork, loss
from freqbias.nn.training_plan import TrainingPlan
from freqbias.problem import Rates, network_size
from freqbias.runtime import Progress, log

MOST_REJECTIONS = 20  # in a row; after that, the training has diverged


class Trainer:
    """The state of the training loop.

    step: the number of steps done. theta: the parameters of the network after these steps, on the network's device.
    schedule: the steps to all output times. It is replanned when step_control changes the step size. stepper: the
    integrator, or the optimiser with its buffers. accepted: the last snapshot. If a step is rejected, the training
    returns to this snapshot. network: created by `running`.
    """

    network: TrainableNetwork
    theta: torch.Tensor

    def __init__(self, plan: TrainingPlan, last: TrainingCheckpoint | None) -> None:
        """last: the checkpoint to continue from, needed on rank 0 only, or None to start at t = 0.

        Collective over the processes of the plan.
        """
        self._plan, self._last = plan, last
        self.step, self.step_control = 0, plan.step_control
        self._buffer_names: list[str] | None = None
        resumed = None if last is None else (last.step, last.step_control, list(last.buffers))
        if (resumed := plan.shards.comm.bcast(resumed)) is not None:
            self.step, self.step_control, self._buffer_names = resumed
        self.schedule = self.step_control.schedule(plan.problem.times)
        self.stepper = plan.integrator.make_stepper()
        self.accepted: TrainingSnapshot | None = None
        self._first_step = self.step
        self._local_error: LocalError | None = None
        self._rejections = 0  # of the step that follows the accepted snapshot
        self._warned_unstable = not self._is_stable()  # then the plan warns in `running`

    @contextmanager
    def running(self) -> Iterator[None]:
        """Log the plan, and create the network.

        Inside the context, a lack of memory becomes InputError, and FloatingPointError becomes ComputationError.
        """
        plan, self._began = self._plan, time.monotonic()
        self._log_plan()
        try:
            with (
                report_out_of_memory(plan.problem, plan.device),
                torch_threads(plan.problem, plan.backend, plan.shards.threads),
                Progress("training", total=self.schedule.steps, unit="steps", done=self.step) as self._progress,
            ):
                self.network = make_network(
                    plan.problem, plan.backend,
                    precision=plan.settings.precision, device=plan.device, shards=plan.shards,
                )  # fmt: skip
                self.theta = self.network.start
                self._watch = LossWatch(plan, self.network)
                self._inner_slope = inner_slope(plan, self.network)
                self._load_checkpoint()
                yield
        except FloatingPointError as failure:
            raise self._divergence(str(failure)) from failure

    def _load_checkpoint(self) -> None:
        """Distribute state and buffers of the checkpoint on rank 0 to the processes, if there is a checkpoint."""
        if self._buffer_names is None:
            return
        last = self._last
        self.theta = self.network.scatter(None if last is None else last.state)
        buffers = {} if last is None else last.buffers
        self.stepper.load_buffers({name: self.network.scatter(buffers.get(name)) for name in self._buffer_names})

    @property
    def _scales_steps(self) -> bool:
        """True for Adam, whose step hardly depends on the size of the gradient: R multiplies the step instead."""
        return isinstance(self._plan.integrator, Adam)

    def error_and_negative_gradient(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return u, (C, N), and -R dL/d(theta) at theta. For Adam, the gradient is not multiplied by R."""
        weights = self._plan.sample_weights(self.step)
        return self.network.error_and_negative_gradient(self.theta, weights, scaled=not self._scales_steps)

    def rejects_step(self, error: torch.Tensor, slope: torch.Tensor) -> bool:
        """Adapt the step size. Return True if the last step was too long. Then theta is that before this step.

        error, slope: u and -R dL/d(theta) at theta. The last evaluation of the network must be at theta. Raises
        ComputationError if the training has diverged.
        """
        if (reason := self._watch.observe(error)) is not None:
            self.repeat_or_fail(reason)
            return True
        if self.repeating:
            return False
        self._watch.warn_if_it_rises(self.step, self.schedule.time(self.step))
        self._watch.warn_if_nonlinear(error, self.step, self.schedule.time(self.step))
        return self._local_error_rejects(error, slope) or (self._measurement_due and self._lambda_max_rejects())

    def repeat_or_fail(self, reason: str) -> None:
        """Return to the accepted snapshot, to try a much shorter step. Raise ComputationError if this does not help."""
        if self._plan.local_error is None or self.accepted is None or self._rejections == MOST_REJECTIONS:
            raise self._divergence(reason)
        size = self.schedule.step_size(self.accepted.step)
        self._go_back(self.step_control.after_rejection(self.accepted.step, MOST_SHRINKAGE * size))

    def _local_error_rejects(self, error: torch.Tensor, slope: torch.Tensor) -> bool:
        """Adapt the step size to the local error of the last step. Return True if the step must be repeated."""
        rule = self._plan.local_error
        if rule is None or self._local_error is None:
            return False
        assert self.accepted is not None
        size = self.schedule.step_size(self.step - 1)
        estimate = self.network.norm(self.network.jvp(self.theta, self._local_error(slope)))
        excess = rule.excess(estimate, self.network.norm(error - self.accepted.error), size)
        longest = rule.accurate_step(size, excess)
        if not excess <= 1:  # true for NaN
            self._go_back(self.step_control.after_rejection(self.accepted.step, longest))
            return True
        self._follow(self.step_control.with_accurate_step(self.step, longest))
        return False

    @property
    def _measurement_due(self) -> bool:
        """True if lambda_max must be measured now. A fixed step needs no measurement after the last step."""
        control = self.step_control
        return self.step >= control.next_measurement and (self.step < self.schedule.steps or control.adaptive)

    def _lambda_max_rejects(self) -> bool:
        """Measure lambda_max of the kernel at theta. The last evaluation of the network must be at theta.

        With step = "auto", adapt the remaining steps to lambda_max. With a fixed step, warn once if the step has become
        unstable. Return True if the last step was too long and must be repeated.
        """
        plan, before = self._plan, self.step_control
        last_size = self.schedule.step_size(self.step - 1)
        kernel, metric = self.network.kernel_at(self.theta), plan.problem.loss.metric
        control = plan.shards.comm.bcast(before.measured(self.step, kernel, metric, decay=plan.problem.decay.rate))
        now = f"nn: at t = {self.schedule.time(self.step):.4g} lambda_max is {control.lambda_max:.4g}"
        self._follow(control)
        if control.step_limits != before.step_limits:
            octaves = [int(np.log2(each.lambda_max / plan.lambda_max)) for each in (before, control)]
            level = logging.INFO if octaves[0] != octaves[1] else logging.DEBUG
            message = "%s, previously %.4g: steps of at most %.3g from now on, %d steps in all"
            log.log(level, message, now, before.lambda_max, control.max_step, self.schedule.steps)
        elif not self._warned_unstable and not self._is_stable():
            unstable = (
                "%s, so step * lambda_max = %.3g, for which %s is unstable; "
                'use a smaller [training] step, or step = "auto"'
            )
            log.warning(unstable, now, control.max_step * control.lambda_max, plan.settings.integrator)
        self._warned_unstable = self._warned_unstable or not self._is_stable()
        if self.accepted is None or not control.rejects(last_size):
            return False
        self._go_back(control.after_rejection(self.accepted.step))
        return True

    def _follow(self, control: StepControl) -> None:
        """Take over a new step control."""
        if control.step_limits != self.step_control.step_limits:
            self._replan(control.max_step)
        self.step_control = control

    def _replan(self, max_step: float) -> None:
        try:
            self.schedule = self.schedule.replan(self.step, max_step)
        except OverflowError as failure:
            raise self._divergence(f"the remaining time needs {failure}") from failure

    def _go_back(self, control: StepControl) -> None:
        """Return to the accepted snapshot, to repeat the last step with another step control."""
        assert self.accepted is not None
        self.step, self.theta = self.accepted.step, self.accepted.state
        self.stepper = self._plan.integrator.make_stepper()
        self.stepper.load_buffers(self.accepted.buffers)
        self.step_control, self._local_error = control, None
        self._replan(control.max_step)
        self._rejections += 1

    @property
    def repeating(self) -> bool:
        """True if theta belongs to the accepted snapshot, which has already been yielded."""
        return self.accepted is not None and self.accepted.step == self.step

    def snapshot(self, error: torch.Tensor) -> TrainingSnapshot:
        """Accept the state after `step` steps, and return its snapshot. error: u at this state, (C, N)."""
        output = self.schedule.output_index(self.step)
        targets = {} if output is None else self._plan.problem.targets
        at_targets = {name: self.network.values_at(self.theta, sites) for name, sites in targets.items()}
        self.accepted = TrainingSnapshot(
            self.step, self.schedule.time(self.step), output, self.theta, error, self._watch.mean_square,
            self.step_control, self.stepper.buffers(), self.network, at_targets,
        )  # fmt: skip
        self._watch.accept()
        self._rejections, self._local_error = 0, None
        return self.accepted

    def show_progress(self) -> None:
        self._progress.total = self.schedule.steps
        self._progress.advance(self.step - self._progress.done, note=f"loss {self._watch.mean_square:.3g}")

    def advance(self, negative_gradient: torch.Tensor) -> None:
        """Do one step of the integrator. negative_gradient: the result of `error_and_negative_gradient`."""
        if isinstance(self._plan.integrator, GaussNewton):
            assert self.accepted is not None
            error = self.accepted.error
            negative_gradient, slope = self._plan.integrator.slope(self.network, self.theta, error)
            self._watch.expect(error, self.schedule.step_size(self.step) * slope)
        size, estimate = self.schedule.step_size(self.step), self._plan.local_error is not None
        try:
            step = self.stepper.advance(self._inner_slope, self.theta, size, negative_gradient, estimate=estimate)
        except FloatingPointError as failure:
            self.repeat_or_fail(str(failure))
            return
        if self._scales_steps and self._plan.problem.rates != Rates():
            step = Step(self.theta + self.network.scale(step.state - self.theta))
        self.theta, self._local_error = step.state, step.local_error
        self.step += 1

    def _is_stable(self) -> bool:
        return self._plan.integrator.is_stable(self.step_control.max_step * self.step_control.lambda_max)

    def _next_step_size(self) -> float:
        """Return the size of the next step, or of the last if there is none: a stop may follow the last step."""
        return self.schedule.step_size(min(self.step, self.schedule.steps - 1))

    def _log_plan(self) -> None:
        plan, method = self._plan, self._plan.settings.integrator
        log.info("nn: device %s", plan.device_choice)
        log.info("nn: backend %s", plan.backend_choice)
        if plan.local_error is not None:
            message = "nn: %s, first step %.3g, later steps as long as the error allows, lambda_max %.4g"
            log.info(message, method, self._next_step_size(), plan.lambda_max)
        else:
            message = "nn: %s, %d steps of at most %.3g, lambda_max %.4g"
            log.info(message, method, self.schedule.steps, self.schedule.max_step_size, plan.lambda_max)
        for warning in plan.warnings:
            log.warning("nn: %s", warning)

    def log_outcome(self) -> None:
        assert self.accepted is not None
        network, start = self._plan.problem.network, self.network.start_loss
        seconds = (time.monotonic() - self._began) / max(1, self.step - self._first_step)
        outcome = "nn: trained %s: %d steps, %.3g s for each step, loss %.3g -> %.3g"
        size = network_size(network.width, network.depth, siren=network.omega_0 is not None)
        log.info(outcome, size, self.step, seconds, start, self.accepted.loss)
        held_out = self._plan.problem.held_out
        if held_out is not None and "held_out" in self.accepted.at_targets:
            error = self.accepted.at_targets["held_out"] - held_out.values
            log.info("nn: loss %.3g on the held-out samples", loss(torch.from_numpy(error)))

    def _divergence(self, reason: str) -> ComputationError:
        """Return a ComputationError that names the step, the time, the reason, the step size and a remedy."""
        settings, schedule, step = self._plan.settings, self.schedule, self.step
        size = self._next_step_size()
        if settings.step == "auto":
            origin = ', chosen by step = "auto"'
            remedy = "use a smaller [training] step or tolerance, or a larger [network] width"
        else:
            origin = ""
            remedy = "use a smaller [training] step" + (', or step = "auto"' if settings.integrator != "adam" else "")
        if settings.gauss_newton is not None:
            remedy = "use a larger [training] damping, a larger [network] width, or a smaller [training] step"
        return ComputationError(
            f"training diverged at step {step} of {schedule.steps}, t = {schedule.time(step):.6g}: {reason}; "
            f"the step is {size:.3g}{origin}; {remedy}"
        )
