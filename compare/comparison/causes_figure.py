"""Draw the causes of the distance between network and finite elements over time."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.comparison.causes import cause_title
from freqbias.compare.comparison.record import Comparison
from freqbias.compare.style import BLUE, GREEN, NN_COLOUR, ORANGE, PURPLE, STYLE, open_frame, save_figure

LINES = {  # colour, dashes and marker, by the first part of a cause's name
    "feature_learning": (BLUE, "-", "o"),
    "step_size": (ORANGE, (0, (5, 1.5)), "s"),
    "finite_width": (GREEN, (0, (3, 1, 1, 1)), "^"),
    "mesh": (PURPLE, (0, (1, 1.2)), "D"),
}
RANGE = 1e-3  # the axis begins at this fraction of the largest distance; smaller causes do not matter
LOG_TIME_RATIO = 30.0  # last output time / first one after 0; the time axis is logarithmic if the ratio is larger


def draw_causes(comparison: Comparison, *paths: Path) -> Figure:
    """Draw each cause of the distance relative to ||v_pde(0)||, as a curve over time.

    The axis begins at 1e-3 of the largest distance, or at the smallest distance if that is smaller and still larger
    than the tolerance of the equation. The legend names causes that are below the axis at all times.
    Save the figure to `paths` (.png at 300 dpi, .pdf) and return it. Raises ValueError if the comparison has no
    predictions, and so no causes.
    """
    if not comparison.causes:
        raise ValueError("the causes of the distance need predictions of the stage ntk, but this comparison has none")
    later = comparison.time > 0
    time, metrics = comparison.time[later], {name: values[later] for name, values in comparison.metrics.items()}
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.5, 3.0))
        panel = figure.subplots()
        low, high = _range(metrics["error_over_initial"], [metrics[cause] for cause in comparison.causes], comparison)
        panel.plot(time, metrics["error_over_initial"], color=NN_COLOUR, linewidth=2, label="the whole distance")
        for cause in comparison.causes:
            colour, dashes, marker = LINES[cause.partition("_and_")[0]]
            panel.plot(
                time, metrics[cause], color=colour, linestyle=dashes, linewidth=0.9, marker=marker, markersize=3,
                label=fill(cause_title(cause) + (f" (below {low:.0e})" if (metrics[cause] < low).all() else ""), 32),
            )  # fmt: skip
        panel.set(yscale="log", ylim=(low, high), xlabel="gradient-flow time $t$")
        panel.set_ylabel(r"distance relative to $\Vert v(0)\Vert$")
        if time[-1] > LOG_TIME_RATIO * time[0]:
            panel.set_xscale("log")
        open_frame(panel)
        figure.legend(loc="outside upper center", ncols=2)
        save_figure(figure, paths, comparison.name)
    return figure


def _range(distance: np.ndarray, causes: Sequence[np.ndarray], comparison: Comparison) -> tuple[float, float]:
    """Return the range of the axis: the lower end is a power of ten, or 2 or 5 times a power of ten."""
    largest = max(float(values.max()) for values in (distance, *causes)) or float(np.finfo(float).eps)
    tolerance = comparison.attributes.get("tolerance", largest)
    low = min(RANGE * largest, max(float(distance.min()), tolerance))
    power = 10.0 ** np.floor(np.log10(low))
    low = float(max(digit for digit in (1, 2, 5) if digit * power <= low * (1 + 1e-9)) * power)
    return low, 1.5 * largest
