"""Checks that the loss falls, and that a step of Gauss-Newton does what it would do in a linear network."""

import torch

from freqbias.nn.runge_kutta import RungeKutta
from freqbias.nn.trainable import TrainableNetwork, loss
from freqbias.nn.training_plan import TrainingPlan
from freqbias.runtime import log

DIVERGED = 2.0  # largest training loss, relative to that at t = 0; the exact flow never increases the training loss
NONLINEAR = 0.2  # largest distance of a step of Gauss-Newton from that of the linear network, relative to this step
LEAST_CHANGE = 1e-3  # of u in a step, relative to |u(0)|, below which rounding may decide
RISE = 1e-3  # relative rise of the training loss that is not rounding


class LossWatch:
    """The losses at the present state, at the last accepted one, and at t = 0.

    mean_square: 1/2 mean_q sum_c u_cq^2. objective: the loss that the training makes small (`problem.TrainingLoss`).
    """

    def __init__(self, plan: TrainingPlan, network: TrainableNetwork) -> None:
        self._plan, self._network = plan, network
        self._start = network.objective(network.values(network.start) - network.target)
        self.mean_square = self.objective = self._accepted = float("nan")
        self._warned, self._warned_nonlinear = False, False
        self._expected: tuple[torch.Tensor, torch.Tensor] | None = None

    def observe(self, error: torch.Tensor) -> str | None:
        """Take over the error u, (C, N), of the present state. Return why the training has diverged, or None."""
        self.mean_square, self.objective = loss(error), self._network.objective(error)
        if self.objective <= DIVERGED * self._start:  # false for NaN
            return None
        return f"the loss is {self.objective:.3g}, but was {self._start:.3g} at t = 0"

    def accept(self) -> None:
        self._accepted = self.objective

    def expect(self, error: torch.Tensor, change: torch.Tensor) -> None:
        """Take over the change of u in the next step of a linear network, (C, N). error: u before this step."""
        self._expected = error, change

    def warn_if_nonlinear(self, error: torch.Tensor, step: int, time: float) -> None:
        """Warn once if the last step was far from that of a linear network, because the kernel changed in the step.

        Steps of Gauss-Newton move the weights far, because they learn modes with small eigenvalues.
        """
        if self._expected is None or self._warned_nonlinear:
            return
        before, change = self._expected
        size = self._network.norm(change)
        missed = self._network.norm(error - before - change)
        self._expected = None
        if missed > NONLINEAR * size > NONLINEAR * LEAST_CHANGE * (2 * error.shape[1] * self._start) ** 0.5:
            log.warning(
                "nn: step %d, at t = %.4g, missed that of a linear network by %.2g of its size: the network learns "
                "features, and the predictions do not hold; use a larger [training] damping or [network] width, or a "
                "smaller step", step, time, missed / size,
            )  # fmt: skip
            self._warned_nonlinear = True

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
