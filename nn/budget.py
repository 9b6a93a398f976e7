"""An amount of training, and how much of each mode it leaves."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from freqbias.nn.step_rules import GRADIENT_DESCENT, StepRule

Decay = Callable[[np.ndarray], np.ndarray]  # eigenvalues (m,) -> q, (m,)


@dataclass(frozen=True)
class Budget:
    """An amount of training: evaluations of the gradient by an optimiser, or a time of the flow.

    steps: the number of evaluations, which for gradient descent and momentum is that of steps. factor: the learning
    rate times lambda_max.
    """

    steps: int | None = None
    time: float | None = None
    factor: float = 1.0
    rule: StepRule = GRADIENT_DESCENT

    @property
    def amount(self) -> float:
        """The number of steps, or the time."""
        return float(self.steps if self.time is None else self.time)  # type: ignore[arg-type]  # one of them is given

    def decay(self, largest: float, cost: int = 1) -> Decay:
        """Return q for the largest eigenvalue lambda_max. cost: the evaluations in a step (`KrylovCurve.cost`)."""
        if self.steps is not None:
            scale = (1.0 if self.rule.damping else self.factor) / largest
            rule, steps = self.rule, self.steps // cost
            return lambda eigenvalues: rule.remaining(scale * eigenvalues, steps)
        assert self.time is not None
        time = self.time
        return lambda eigenvalues: np.exp(-time * eigenvalues)

    def up_to(self, count: int) -> "list[Budget]":
        """Return about `count` budgets, evenly spaced on a logarithmic scale, up to this one."""
        if self.steps is not None:
            steps = np.unique(np.geomspace(1, self.steps, count).round().astype(int))
            return [replace(self, steps=int(each)) for each in steps]
        assert self.time is not None
        return [Budget(time=float(each)) for each in self.time * np.geomspace(1e-3, 1, count)]
