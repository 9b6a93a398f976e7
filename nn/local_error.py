"""The control of the local error of a training step.

Let e be the estimate of the error of u that a step of size h adds (`runge_kutta`), and |Du| the change of u in this
step. The step is accepted if

    e <= scale * tolerance * max(|Du|, |u(0)| h / t_end) + rounding * |u(0)|.

So the sum of e over all steps is at most scale * tolerance * (length of the path of u + |u(0)|), apart from rounding.
The factor `scale` is a property of the method. The estimate is larger than the error that remains, because the estimate
of Runge-Kutta 4 is that of a method of order 3, and because errors decay like the modes of u.
"""

from dataclasses import dataclass
from math import inf

AIM = 0.9  # the next step is this fraction of the step that would be just accepted
MOST_SHRINKAGE = 0.1  # smallest ratio of a step to the step before


@dataclass(frozen=True)
class LocalErrorControl:
    """The rule by which steps are accepted, and the step size that follows.

    tolerance: the tolerance of the training, relative to |u(0)|. scale, order: properties of the method; the estimate
    is proportional to h^order. rounding: the rounding error of u, relative to |u(0)|. start: |u(0)|. end: t_end, the
    last output time.
    """

    tolerance: float
    scale: float
    order: int
    rounding: float
    start: float
    end: float

    def excess(self, estimate: float, change: float, size: float) -> float:
        """Return the estimate over the largest accepted estimate. A step is accepted if this ratio is at most 1.

        estimate: e. change: |Du|. size: h.
        """
        progress = max(change, self.start * size / self.end)
        return estimate / (self.scale * self.tolerance * progress + self.rounding * self.start)

    def accurate_step(self, size: float, excess: float) -> float:
        """Return the step size for which the excess would be AIM^(order - 1). size: the size of the last step.

        Both |Du| and h are proportional to h, so the excess is proportional to h^(order - 1).
        """
        if excess == 0:
            return inf
        return size * max(MOST_SHRINKAGE, AIM * excess ** (-1 / (self.order - 1)))
