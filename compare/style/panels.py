"""The panels of a figure: frames, ticks, and the output times to show."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

PANELS = 4


def open_frame(panel: Axes) -> None:
    """Remove the top and right sides of a panel's frame."""
    panel.spines[["top", "right"]].set_visible(False)


def round_ticks(axis: Axis, count: int) -> None:
    """Divide an axis into at most `count` intervals, with ticks at multiples of 1, 2 or 5 times a power of ten."""
    axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 5, 10]))


def panel_times(loss: np.ndarray, count: int = PANELS) -> list[int]:
    """Return the indices of up to `count` times to show: the first time, the last time, and times between them.

    The times are chosen so that the loss (T,) falls by nearly the same factor from each to the next.
    """
    log_loss = np.log(np.maximum(loss, np.finfo(float).tiny))
    levels = np.linspace(log_loss[0], log_loss[-1], count)
    nearest = [int(np.abs(log_loss - level).argmin()) for level in levels[1:-1]]
    return sorted({0, *nearest, len(loss) - 1})
