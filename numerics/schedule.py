"""Steps in time that land on every output time."""

import numpy as np

MOST_STEPS = 1e12


class Schedule:
    """Steps that land on every output time: each interval between two is cut into ceil(interval / longest) equal steps.

    counts, sizes (T - 1,): how many steps each interval takes, and their length in time. Raises OverflowError where
    that makes more than `MOST_STEPS`.
    """

    def __init__(self, times: np.ndarray, longest: float) -> None:
        self._times, intervals = times, np.diff(times)
        counts = np.maximum(1, np.ceil(intervals / longest * (1 - 1e-12)))
        if not counts.sum() <= MOST_STEPS:
            raise OverflowError(f"{counts.sum():.3g} steps")
        self.counts = counts.astype(int)
        self.sizes = intervals / self.counts
        self.outputs = np.concatenate([[0], np.cumsum(self.counts)])  # the step at which each output time is reached

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
        return float(self._times[interval] + (step - self.outputs[interval]) * self.size(step))

    def output(self, step: int) -> int | None:
        """The index of the output time that is reached after `step` steps, if one is."""
        index = int(np.searchsorted(self.outputs, step))
        return index if self.outputs[index] == step else None

    def _interval(self, step: int) -> int:
        return int(np.searchsorted(self.outputs, step, side="right")) - 1
