"""The steps of a training as its kernel changes.

The step follows from lambda_max, the largest eigenvalue of the network's own kernel. Where the target is large for the
width, the weights move far, and lambda_max with them: by a factor of 30 was met. So it is measured again as training
goes: after one step, then after twice as many as before while it stays within `STEADY`, and half as many where it does
not. With step = "auto" the steps of what is left follow it, and a step that proves far too long is taken again.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from freqbias.nn.eigenvalue import leading_mode, random_vector
from freqbias.numerics import Apply, Schedule

STEADY = 0.02  # relative change from one measurement to the next at which the next one can wait
RISE, FALL = 1.05, 0.8  # of lambda_max over the one that the step is for, beyond which it is adapted
TOO_LONG = 1.2  # step * lambda_max at the end of a step, over what the tolerance allows, at which it is taken again
PRODUCTS = 3  # with the kernel, a measurement: from the last eigenvector they came within 0.5 %
CHANCE = 0.3  # of a random vector, over the last eigenvector, so that another mode may overtake it


@dataclass(frozen=True)
class StepControl:
    """changes: (step, longest) pairs, from that step on no step is longer; lambda_max: as it was measured last, from
    above, and eigenvector (C N,), about the one that belongs to it; z: step * lambda_max that the tolerance allows,
    None where the step is fixed; due: the step at which lambda_max is measured next; wait: the steps between."""

    changes: tuple[tuple[int, float], ...]
    lambda_max: float
    eigenvector: np.ndarray
    z: float | None
    due: int = 1
    wait: int = 1

    @property
    def longest(self) -> float:
        """The longest step from now on, in gradient-flow time."""
        return self.changes[-1][1]

    def schedule(self, times: np.ndarray) -> Schedule:
        """The steps to all output times (T,)."""
        schedule = Schedule(times, self.changes[0][1])
        for step, longest in self.changes[1:]:
            schedule = schedule.replan(step, longest)
        return schedule

    def checked(self, step: int, kernel: Apply) -> "StepControl":
        """The same with lambda_max of `kernel`, that after `step` steps, and the step z / lambda_max from now on where
        the one taken has become too long or too short.

        Where lambda_max rises, it is expected to rise as much until it is measured again.
        """
        lambda_max, eigenvector = leading_mode(kernel, _near(self.eigenvector), products=PRODUCTS)
        growth = lambda_max / self.lambda_max
        wait = 2 * self.wait if abs(growth - 1) < STEADY else max(1, self.wait // 2)
        step_control = replace(self, lambda_max=lambda_max, eigenvector=eigenvector, due=step + wait, wait=wait)
        expected = lambda_max * max(1.0, growth)
        if self.z is None or FALL <= expected * self.longest / self.z <= RISE:
            return step_control
        return step_control.changed(step, self.z / expected)

    def changed(self, step: int, longest: float) -> "StepControl":
        """The same with steps of at most `longest` from now on."""
        return replace(self, changes=(*(each for each in self.changes if each[0] < step), (step, longest)))

    def overstepped(self, size: float) -> bool:
        """Whether a step of this size was too long for the kernel that it led to."""
        return self.z is not None and size * self.lambda_max > TOO_LONG * self.z

    def back(self, step: int) -> "StepControl":
        """The same for the step after `step` taken again, as lambda_max at its end asks for; then it is measured."""
        assert self.z is not None
        return replace(self.changed(step, self.z / self.lambda_max), due=step + 1, wait=1)

    def kept(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The arrays and the JSON values to restore it from."""
        meta = {"changes": self.changes, "lambda_max": self.lambda_max, "z": self.z, "due": self.due, "wait": self.wait}
        return {"eigenvector": self.eigenvector}, meta

    @classmethod
    def restored(cls, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> "StepControl":
        changes = tuple((step, longest) for step, longest in meta["changes"])
        return cls(changes, meta["lambda_max"], arrays["eigenvector"], meta["z"], meta["due"], meta["wait"])


def _near(eigenvector: np.ndarray) -> np.ndarray:
    chance = random_vector(eigenvector.size)
    return eigenvector / np.linalg.norm(eigenvector) + CHANCE * chance / np.linalg.norm(chance)
