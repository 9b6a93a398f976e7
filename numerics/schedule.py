"""Steps in time that land on every output time."""

import numpy as np

MOST_STEPS = 1e12


class Schedule:
    """Steps that land on every output time: each interval between two is cut into ceil(interval / longest) equal steps.

    counts, sizes (T - 1,): how many steps each interval takes, and their length in time; after `recut` there are more
    intervals. outputs (T,): the step at which each output time is reached. Raises OverflowError where that makes more
    than `MOST_STEPS`.
    """

    def __init__(self, times: np.ndarray, longest: float) -> None:
        self._times = times
        self._cut(times, _counts(times, longest))

    def replan(self, step: int, longest: float) -> "Schedule":
        """The same until after `step` steps, and what is left of it in steps of at most `longest`."""
        now, begun = self.time(step), int(np.searchsorted(self._reached, step))
        left = np.concatenate([[now], self._times[self._times > now]])
        knots = np.concatenate([self._knots[:begun], left])
        whole = np.diff(self._reached[:begun], append=step)  # the interval that `now` cuts ends there
        replan = Schedule.__new__(Schedule)
        replan._times = self._times
        replan._cut(knots, np.concatenate([whole, _counts(left, longest)]))
        return replan

    def _cut(self, knots: np.ndarray, counts: np.ndarray) -> None:
        if not counts.sum() <= MOST_STEPS:
            raise OverflowError(f"{counts.sum():.3g} steps")
        self._knots = knots
        self.counts = counts.astype(int)
        self.sizes = np.diff(knots) / self.counts
        self._reached = np.concatenate([[0], np.cumsum(self.counts)])  # the step at which each knot is reached
        self.outputs = self._reached[np.searchsorted(knots, self._times)]

    @property
    def steps(self) -> int:
        return int(self.outputs[-1])

    @property
    def longest(self) -> float:
        """The length in time of the longest step."""
        return float(self.sizes.max())

    def size(self, step: int) -> float:
        """The length in time of the step after `step` steps."""
        return float(self.sizes[self._interval(step)])

    def time(self, step: int) -> float:
        """The time after `step` steps."""
        output = self.output(step)
        if output is not None:
            return float(self._times[output])
        interval = self._interval(step)
        return float(self._knots[interval] + (step - self._reached[interval]) * self.size(step))

    def output(self, step: int) -> int | None:
        """The index of the output time that is reached after `step` steps, if one is."""
        index = int(np.searchsorted(self.outputs, step))
        return index if self.outputs[index] == step else None

    def _interval(self, step: int) -> int:
        return int(np.searchsorted(self._reached, step, side="right")) - 1


def _counts(knots: np.ndarray, longest: float) -> np.ndarray:
    """How many steps of at most `longest` each interval takes."""
    return np.maximum(1, np.ceil(np.diff(knots) / longest * (1 - 1e-12)))
