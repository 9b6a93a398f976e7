"""Learning rates that change during a training: warm-up, cosine and steps."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import brentq

from freqbias.numerics.schedule import MAX_STEPS, Schedule


@dataclass(frozen=True)
class RateShape:
    """The learning rate as a function of the progress p, the share of the steps that are done, relative to the largest:

        r(p) = p / a                       during the warm-up, p < a,
        r(p) = g(q),  q = (p - a)/(1 - a)  after it, with
        g(q) = 1                           "constant",
        g(q) = (1 + cos(pi q)) / 2         "cosine" (Loshchilov and Hutter, ICLR 2017),
        g(q) = factor^j                    "steps", after j of the milestones.

    warm_up: a, 0 <= a < 1. milestones: values of p, ascending, between a and 1.
    """

    kind: Literal["constant", "cosine", "steps"] = "constant"
    warm_up: float = 0.0
    milestones: tuple[float, ...] = ()
    factor: float = 0.1

    @property
    def is_constant(self) -> bool:
        return self.kind == "constant" and self.warm_up == 0

    def integral(self, progress: Any) -> np.ndarray:
        """Return the integral of r from 0 to p."""
        p, a = np.asarray(progress, dtype=float), self.warm_up
        later = np.maximum(p - a, 0.0)
        match self.kind:
            case "cosine":
                after = 0.5 * (later + (1 - a) * np.sin(np.pi * later / (1 - a)) / np.pi)
            case "steps":
                knots = np.array([a, *self.milestones, 1.0])
                rates = self.factor ** np.arange(len(knots) - 1)
                after = np.interp(p, knots, np.concatenate([[0.0], np.cumsum(rates * np.diff(knots))]))
            case _:
                after = later
        return np.asarray(after if a == 0 else np.minimum(p, a) ** 2 / (2 * a) + after)

    def schedule(self, times: np.ndarray, max_step_size: float) -> Schedule:
        """Return the steps to all output times, of which the largest is at most `max_step_size`.

        Each interval between two output times has a whole number of steps. So the shape is stretched by less than one
        step in each interval. Raises OverflowError if there are too many steps.
        """
        if self.is_constant:
            return Schedule(times, max_step_size)
        whole = float(self.integral(1.0))
        steps = (times[-1] - times[0]) / (max_step_size * whole)
        if not steps <= MAX_STEPS:
            raise OverflowError(f"{steps:.3g} steps")
        shares = (times - times[0]) / (times[-1] - times[0]) * whole
        knots = [0.0, *(self._progress(share) for share in shares[1:-1]), 1.0]
        step_times = [np.array(times[:1])]
        for start, end, time in zip(knots[:-1], knots[1:], times[1:], strict=True):
            count = max(1, int(np.ceil(steps * (end - start) * (1 - 1e-12))))
            inner = np.linspace(start, end, count + 1)[1:-1]
            step_times += [times[0] + (times[-1] - times[0]) * self.integral(inner) / whole, np.array([time])]
        return Schedule.through(np.concatenate(step_times), times)

    def _progress(self, share: float) -> float:
        return float(brentq(lambda p: self.integral(p) - share, 0.0, 1.0, xtol=1e-15))


CONSTANT_RATE = RateShape()
