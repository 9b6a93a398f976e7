"""Time steps between output times."""

import numpy as np

MAX_STEPS = 1e12
SAME_SIZE = 1e-9  # relative difference of step sizes that is rounding


class Schedule:
    """Time steps that reach every output time exactly.

    Each interval between two output times is cut into ceil(interval / max_step_size) equal steps.
    times (T,): the output times, ascending. step_counts, step_sizes (I,): the number and the size of the steps in each
    of I intervals. `replan` adds intervals. output_intervals, output_steps (T,): the numbers of intervals and of steps
    before each output time.
    Raises OverflowError if there are more than `MAX_STEPS` steps.
    """

    def __init__(self, times: np.ndarray, max_step_size: float) -> None:
        self._times = times
        self._cut(times, _step_counts(times, max_step_size))

    @classmethod
    def through(cls, step_times: np.ndarray, times: np.ndarray) -> "Schedule":
        """Return the schedule of given steps. step_times: the time before and after each step, ascending, (S + 1,).

        times: the output times, (T,), each of them in `step_times`. Raises ValueError if one of them is not.
        """
        if not np.isin(times, step_times).all():
            raise ValueError("an output time is not the end of a step")
        sizes = np.diff(step_times)
        changes = np.abs(np.diff(sizes)) > SAME_SIZE * sizes[1:]
        is_knot = np.concatenate([[True], changes | np.isin(step_times[1:-1], times), [True]])
        schedule = cls.__new__(cls)
        schedule._times = times
        schedule._cut(step_times[is_knot], np.diff(np.flatnonzero(is_knot)))
        return schedule

    def replan(self, step: int, max_step_size: float) -> "Schedule":
        """Return a schedule with the same first `step` steps, and later steps of at most `max_step_size`."""
        now, begun = self.time(step), int(np.searchsorted(self._knot_steps, step))
        remaining = np.concatenate([[now], self._times[self._times > now]])
        knots = np.concatenate([self._knots[:begun], remaining])
        counts_before = np.diff(self._knot_steps[:begun], append=step)  # the current interval ends at `now`
        replanned = Schedule.__new__(Schedule)
        replanned._times = self._times
        replanned._cut(knots, np.concatenate([counts_before, _step_counts(remaining, max_step_size)]))
        return replanned

    def _cut(self, knots: np.ndarray, step_counts: np.ndarray) -> None:
        if not step_counts.sum() <= MAX_STEPS:
            raise OverflowError(f"{step_counts.sum():.3g} steps")
        self._knots = knots  # the ends of all intervals
        self.step_counts = step_counts.astype(int)
        self.step_sizes = np.diff(knots) / self.step_counts
        self._knot_steps = np.concatenate([[0], np.cumsum(self.step_counts)])  # number of steps before each knot
        self.output_intervals = np.searchsorted(knots, self._times)
        self.output_steps = self._knot_steps[self.output_intervals]

    @property
    def steps(self) -> int:
        """The total number of steps."""
        return int(self.output_steps[-1])

    @property
    def max_step_size(self) -> float:
        return float(self.step_sizes.max())

    def step_size(self, step: int) -> float:
        """The size of the step that follows `step` steps."""
        return float(self.step_sizes[self._interval(step)])

    def time(self, step: int) -> float:
        """The time after `step` steps."""
        output = self.output_index(step)
        if output is not None:
            return float(self._times[output])
        interval = self._interval(step)
        return float(self._knots[interval] + (step - self._knot_steps[interval]) * self.step_size(step))

    def step_times(self) -> np.ndarray:
        """The time before and after each step, (steps + 1,)."""
        pieces = [
            knot + size * np.arange(count)
            for knot, size, count in zip(self._knots[:-1], self.step_sizes, self.step_counts, strict=True)
        ]
        return np.concatenate([*pieces, self._knots[-1:]])

    def output_index(self, step: int) -> int | None:
        """The index of the output time after `step` steps, or None if no output time is there."""
        index = int(np.searchsorted(self.output_steps, step))
        return index if self.output_steps[index] == step else None

    def _interval(self, step: int) -> int:
        return int(np.searchsorted(self._knot_steps, step, side="right")) - 1


def _step_counts(knots: np.ndarray, max_step_size: float) -> np.ndarray:
    """The number of steps in each interval, as floats, because the number may exceed any integer type."""
    return np.maximum(1, np.ceil(np.diff(knots) / max_step_size * (1 - 1e-12)))
