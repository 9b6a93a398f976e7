"""Draw several trainings and the equation: the amplitudes of bands of |xi| at a few times."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from freqbias.compare.comparison.trainings import Trainings
from freqbias.compare.style import (
    BLUE,
    GREEN,
    ORANGE,
    PDE_COLOUR,
    PURPLE,
    STYLE,
    VERMILION,
    frequency_label,
    magnitude_label,
    open_frame,
    panel_times,
    save_figure,
)

LINES = [(VERMILION, "o"), (BLUE, "s"), (GREEN, "^"), (PURPLE, "D"), (ORANGE, "v")]  # in turn
PANELS = 3
RANGE = 1e-4  # the axis begins at this fraction of the largest amplitude


def draw_trainings(trainings: Trainings, *paths: Path) -> Figure:
    """Draw a panel for each of up to three times after the start of the first comparison, with the start in grey.

    A training without a partner at one of these times is left out of its panel. Save the figure to `paths` (.png at 300
    dpi, .pdf) and return it.
    """
    first, edges = trainings.first, trainings.edges
    middle, start = (edges[1:] + edges[:-1]) / 2, trainings.start
    later = np.flatnonzero(first.time > 0)
    shown = later[panel_times(first.metrics["loss_pde"][later], PANELS)]
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(2.3 * len(shown), 2.9))
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for panel, k in zip(panels, shown, strict=True):
            time = first.time[k]
            panel.plot(middle, start, color="0.6", linewidth=0.9, label="start")
            equation = next(iter(trainings.amplitudes.values()))[0][k]
            panel.plot(middle, equation, color=PDE_COLOUR, linewidth=2.4, label="finite elements")
            for index, (name, comparison) in enumerate(trainings.comparisons.items()):
                colour, marker = LINES[index % len(LINES)]
                for own in np.flatnonzero(comparison.time == time):
                    values = trainings.amplitudes[name][1][own]
                    panel.plot(middle, values, color=colour, linewidth=0.8, marker=marker, markersize=2.5, label=name)
            top = float(np.nanmax(start))
            panel.set(yscale="log", ylim=(max(RANGE * top, 0.5 * _least(trainings)), 2 * top))
            panel.set_title(f"$t$ = {time:.3g}\nloss {first.metrics['loss_pde'][k]:.3g}")
            open_frame(panel)
        panels[0].set_ylabel(f"{magnitude_label(first.pde.shape[1])} in bands,\nroot mean square", linespacing=1.4)
        figure.supxlabel(frequency_label(first.attributes.get("unit"), r"|\xi|"), fontsize="medium")
        figure.legend(*_drawn_lines(panels), loc="outside upper center", ncols=3)
        save_figure(figure, paths, first.name)
    return figure


def _least(trainings: Trainings) -> float:
    """Return the least positive amplitude of the equation and the trainings, or 0 without one."""
    values = np.concatenate([part.ravel() for pair in trainings.amplitudes.values() for part in pair])
    positive = values[np.isfinite(values) & (values > 0)]
    return float(positive.min()) if positive.size else 0.0


def _drawn_lines(panels: Sequence[Axes]) -> tuple[list[Line2D], list[str]]:
    """Return a line of each training in any of the panels, and its name.

    A panel leaves out trainings without a partner. By itself a legend leaves out names that begin with an underscore.
    """
    lines = {str(line.get_label()): line for panel in reversed(panels) for line in panel.lines}
    order = [str(line.get_label()) for panel in panels for line in panel.lines]
    names = list(dict.fromkeys(order))
    return [lines[name] for name in names], names
