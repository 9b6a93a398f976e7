"""The step size of a training as its kernel changes.

The step size follows from lambda_max, the largest eigenvalue of the network's own kernel. If the target is large for
the width, the weights move far and lambda_max moves with them; a factor of 30 was observed. So lambda_max is measured
again during training. The first measurement comes after one step. The interval to the next doubles while lambda_max
changes by less than STEADY_CHANGE, and halves otherwise. With step = "auto" the remaining steps follow lambda_max, and
a step that turns out far too long is rejected and repeated.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from freqbias.nn.eigenvalue import largest_eigenpair, random_start
from freqbias.numerics import Apply, Schedule

STEADY_CHANGE = 0.02  # relative change between two measurements, below which the interval doubles
SHORTEN_ABOVE, LENGTHEN_BELOW = 1.05, 0.8  # bounds of step * expected lambda_max / z_max, beyond which the step changes
REJECT_ABOVE = 1.2  # bound of step * lambda_max / z_max at the end of a step, above which the step is repeated
PRODUCTS = 3  # kernel products a measurement: from the last eigenvector they came within 0.5 %
PERTURBATION = 0.3  # norm of the random vector added to the unit eigenvector, so that another mode can overtake it


@dataclass(frozen=True)
class StepControl:
    """The step sizes so far, and the measurement of lambda_max that they follow.

    step_limits: pairs (s, h); from step s on, no step is longer than h in gradient-flow time.
    lambda_max: the last measurement, from above. eigenvector (C N,): approximately the one that belongs to it.
    z_max: the step * lambda_max that the tolerance allows, None for a fixed step.
    next_measurement: the step at which to measure again. interval: steps between the last measurement and the next.
    """

    step_limits: tuple[tuple[int, float], ...]
    lambda_max: float
    eigenvector: np.ndarray
    z_max: float | None
    next_measurement: int = 1
    interval: int = 1

    @property
    def max_step(self) -> float:
        """The longest step from now on, in gradient-flow time."""
        return self.step_limits[-1][1]

    @property
    def adaptive(self) -> bool:
        return self.z_max is not None

    def schedule(self, times: np.ndarray) -> Schedule:
        """The steps to all output times (T,)."""
        schedule = Schedule(times, self.step_limits[0][1])
        for step, max_step in self.step_limits[1:]:
            schedule = schedule.replan(step, max_step)
        return schedule

    def measured(self, step: int, kernel: Apply) -> "StepControl":
        """Measure lambda_max of `kernel`, the one after `step` steps, and adapt the steps that follow.

        A rise of lambda_max by a factor g is expected to repeat until the next measurement. The new step size is
        z_max / (lambda_max max(1, g)), if the present one is too long or too short for that.
        """
        lambda_max, eigenvector = largest_eigenpair(kernel, _perturbed(self.eigenvector), products=PRODUCTS)
        growth = lambda_max / self.lambda_max
        interval = 2 * self.interval if abs(growth - 1) < STEADY_CHANGE else max(1, self.interval // 2)
        control = replace(
            self, lambda_max=lambda_max, eigenvector=eigenvector, next_measurement=step + interval, interval=interval
        )
        expected = lambda_max * max(1.0, growth)
        if self.z_max is None or LENGTHEN_BELOW <= expected * self.max_step / self.z_max <= SHORTEN_ABOVE:
            return control
        return control.limited(step, self.z_max / expected)

    def limited(self, step: int, max_step: float) -> "StepControl":
        """From `step` on, take steps of at most `max_step`."""
        return replace(self, step_limits=(*(each for each in self.step_limits if each[0] < step), (step, max_step)))

    def rejects(self, size: float) -> bool:
        """Whether a step of this size was too long for the lambda_max at its end."""
        return self.z_max is not None and size * self.lambda_max > REJECT_ABOVE * self.z_max

    def after_rejection(self, step: int) -> "StepControl":
        """Repeat the step after `step` with size z_max / lambda_max, and measure again at its end."""
        assert self.z_max is not None
        return replace(self.limited(step, self.z_max / self.lambda_max), next_measurement=step + 1, interval=1)

    def to_checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The arrays and the JSON values that `from_checkpoint` reads."""
        meta = {
            "changes": self.step_limits, "lambda_max": self.lambda_max, "z": self.z_max,
            "due": self.next_measurement, "wait": self.interval,
        }  # fmt: skip
        return {"eigenvector": self.eigenvector}, meta

    @classmethod
    def from_checkpoint(cls, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> "StepControl":
        limits = tuple((step, max_step) for step, max_step in meta["changes"])
        return cls(limits, meta["lambda_max"], arrays["eigenvector"], meta["z"], meta["due"], meta["wait"])


def _perturbed(eigenvector: np.ndarray) -> np.ndarray:
    noise = random_start(eigenvector.size)
    return eigenvector / np.linalg.norm(eigenvector) + PERTURBATION * noise / np.linalg.norm(noise)
