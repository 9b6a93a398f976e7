"""Checks that the loss falls during the training."""

import torch

from freqbias.nn.runge_kutta import RungeKutta
from freqbias.nn.trainable import TrainableNetwork, loss
from freqbias.nn.training_plan import TrainingPlan
from freqbias.runtime import log

DIVERGED = 2.0  # largest training loss, relative to that at t = 0; the exact flow never increases the training loss
RISE = 1e-3  # relative rise of the training loss that is not rounding


class LossWatch:
    """The losses at the present state, at the last accepted one, and at t = 0.

    mean_square: 1/2 mean_q sum_c u_cq^2. objective: the loss that the training makes small (`problem.TrainingLoss`).
    """

    def __init__(self, plan: TrainingPlan, network: TrainableNetwork) -> None:
        self._plan, self._network = plan, network
        self._start = network.objective(network.values(network.start) - network.target)
        self.mean_square = self.objective = self._accepted = float("nan")
        self._warned = False

    def observe(self, error: torch.Tensor) -> str | None:
        """Take over the error u, (C, N), of the present state. Return why the training has diverged, or None."""
        self.mean_square, self.objective = loss(error), self._network.objective(error)
        if self.objective <= DIVERGED * self._start:  # false for NaN
            return None
        return f"the loss is {self.objective:.3g}, but was {self._start:.3g} at t = 0"

    def accept(self) -> None:
        self._accepted = self.objective

    def warn_if_it_rises(self, step: int, time: float) -> None:
        """Warn once if the loss rises although every step of a stable method decreases the loss of a fixed kernel."""
        plan = self._plan
        if self._warned or plan.step_control.adaptive or not isinstance(plan.integrator, RungeKutta):
            return
        if plan.problem.decay.rate and plan.problem.decay.towards == "zero":  # this pulls f away from the target
            return
        if self.objective - self._accepted > max(RISE * self._accepted, RISE**2 * self._start):  # false for NaN
            log.warning(
                "nn: the loss rose from %.3g to %.3g in step %d, at t = %.4g: the kernel of the network has changed, "
                "and the steps no longer follow the gradient flow; use a smaller [training] step",
                self._accepted, self.objective, step, time,
            )  # fmt: skip
            self._warned = True
