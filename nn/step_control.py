"""The control of the step size of a training.

Two quantities limit the step size h.

Stability: h lambda_max <= z_max, where lambda_max is the largest eigenvalue of the network's kernel. If the target is
large compared with the width, the weights change much and lambda_max changes too. A change by a factor of 500 was
observed. So lambda_max is measured again during the training, for the first time after one step. If lambda_max has
changed by less than STEADY_CHANGE, the interval to the next measurement doubles. Otherwise the interval halves. If a
measurement shows that the last step was much too long, that step is rejected and repeated.

Accuracy: with step = "auto", methods that estimate the local error of a step control this error (`local_error`). For
methods without an estimate, z_max bounds the error of every mode of a kernel that does not change. Then the tolerance
holds only as far as lambda_max alone describes the change of the kernel.
"""

from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any

import numpy as np

from freqbias.nn.eigenvalue import largest_eigenpair, random_start
from freqbias.numerics import CONSTANT_RATE, EUCLIDEAN, Apply, Metric, RateShape, Schedule

STEADY_CHANGE = 0.02  # the interval doubles if the relative change between two measurements is smaller
SHORTEN_ABOVE, LENGTHEN_BELOW = 1.05, 0.8  # the step changes if its ratio to the wanted step is outside
REJECT_ABOVE = 1.2  # a step is repeated if step * lambda_max / z_max at the end of the step is larger
PRODUCTS = 3  # kernel products for each measurement: in tests, 3 products from the last eigenvector came within 0.5 %
PERTURBATION = 0.3  # norm of the random vector added to the unit eigenvector; it lets another mode become the largest
MOST_GROWTH = 2.0  # largest ratio of a step to the step before


@dataclass(frozen=True)
class StepControl:
    """The limits of the step sizes, and the last measurement of lambda_max.

    step_limits: pairs (s, h). From step s on, no step is longer than h in gradient-flow time.
    lambda_max: an upper estimate, from the last measurement. eigenvector: an approximate eigenvector of lambda_max,
    (C N,). z_max: the largest allowed step * lambda_max, None for a fixed step. next_measurement: the number of steps
    after which lambda_max is measured again. interval: the number of steps between the last and the next measurement.
    accurate_step: the longest step that the local error allows, infinite for methods without an estimate of the error.
    shape: of the learning rate, only for steps of a fixed largest size.
    """

    step_limits: tuple[tuple[int, float], ...]
    lambda_max: float
    eigenvector: np.ndarray
    z_max: float | None
    next_measurement: int = 1
    interval: int = 1
    accurate_step: float = inf
    shape: RateShape = CONSTANT_RATE

    @property
    def max_step(self) -> float:
        """The upper limit of the remaining steps, in gradient-flow time."""
        return self.step_limits[-1][1]

    @property
    def adaptive(self) -> bool:
        return self.z_max is not None

    def schedule(self, times: np.ndarray) -> Schedule:
        """Return the steps to all output times. times: (T,)."""
        schedule = self.shape.schedule(times, self.step_limits[0][1])
        for step, max_step in self.step_limits[1:]:
            schedule = schedule.replan(step, max_step)
        return schedule

    def measured(self, step: int, kernel: Apply, metric: Metric = EUCLIDEAN, *, decay: float = 0.0) -> "StepControl":
        """Measure lambda_max of K P, with the kernel K after `step` steps, and return the step control that follows.

        metric: the inner product of P, by default P = 1. decay: the rate of the weight decay, which is added.

        If lambda_max has risen by a factor g, it is expected to rise by g again until the next measurement. So the
        longest stable step is z_max / (lambda_max max(1, g)).
        """
        lambda_max, eigenvector = largest_eigenpair(
            kernel, _perturbed(self.eigenvector), metric=metric, products=PRODUCTS
        )
        lambda_max += decay
        growth = lambda_max / self.lambda_max
        interval = 2 * self.interval if abs(growth - 1) < STEADY_CHANGE else max(1, self.interval // 2)
        control = replace(
            self, lambda_max=lambda_max, eigenvector=eigenvector, next_measurement=step + interval, interval=interval
        )
        if self.z_max is None:
            return control
        return control._with_wanted_step(step, self.z_max / (lambda_max * max(1.0, growth)))

    def with_accurate_step(self, step: int, accurate_step: float) -> "StepControl":
        """Return the step control after `step` steps. accurate_step: the longest step that the local error allows."""
        assert self.z_max is not None
        control = replace(self, accurate_step=min(accurate_step, MOST_GROWTH * self.max_step))
        return control._with_wanted_step(step, self.z_max / self.lambda_max)

    def _with_wanted_step(self, step: int, stable_step: float) -> "StepControl":
        """Change the step size from step number `step` on, if it is too long or too short."""
        wanted = min(stable_step, self.accurate_step)
        if LENGTHEN_BELOW <= self.max_step / wanted <= SHORTEN_ABOVE:
            return self
        return self.limited(step, wanted)

    def limited(self, step: int, max_step: float) -> "StepControl":
        """Return a step control in which steps from number `step` on are at most `max_step` long."""
        return replace(self, step_limits=(*(each for each in self.step_limits if each[0] < step), (step, max_step)))

    def rejects(self, size: float) -> bool:
        """Return True if the last step, of the given size, was too long for the lambda_max at the end of the step."""
        return self.z_max is not None and size * self.lambda_max > REJECT_ABOVE * self.z_max

    def after_rejection(self, step: int, accurate_step: float | None = None) -> "StepControl":
        """Return the step control for a shorter repetition of the step that follows `step` steps.

        accurate_step: the longest step that the local error allows, by default as before. lambda_max is measured again
        at the end of the repeated step.
        """
        assert self.z_max is not None
        accurate_step = self.accurate_step if accurate_step is None else accurate_step
        control = replace(self, next_measurement=step + 1, interval=1, accurate_step=accurate_step)
        return control.limited(step, min(self.z_max / self.lambda_max, accurate_step))

    def to_checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays and the JSON values that `from_checkpoint` reads."""
        meta = {
            "changes": self.step_limits, "lambda_max": self.lambda_max, "z": self.z_max,
            "due": self.next_measurement, "wait": self.interval,
        }  # fmt: skip
        if self.accurate_step < inf:
            meta["accurate"] = self.accurate_step
        if not self.shape.is_constant:
            meta["shape"] = asdict(self.shape)
        return {"eigenvector": self.eigenvector}, meta

    @classmethod
    def from_checkpoint(cls, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> "StepControl":
        limits = tuple((step, max_step) for step, max_step in meta["changes"])
        return cls(
            limits, meta["lambda_max"], arrays["eigenvector"], meta["z"], meta["due"], meta["wait"],
            meta.get("accurate", inf), RateShape(**meta.get("shape", {})),
        )  # fmt: skip


def _perturbed(eigenvector: np.ndarray) -> np.ndarray:
    noise = random_start(eigenvector.size)
    return eigenvector / np.linalg.norm(eigenvector) + PERTURBATION * noise / np.linalg.norm(noise)
