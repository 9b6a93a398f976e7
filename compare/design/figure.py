"""Draw the predicted loss over the scale of the density, with a curve for each budget."""

from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from freqbias.compare.design.candidates import FAMILIES
from freqbias.compare.design.prediction import criterion_value, first_draw
from freqbias.compare.design.result import DesignResult
from freqbias.compare.design.words import NAMES
from freqbias.compare.style import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY_BLUE,
    STYLE,
    VERMILION,
    frequency_unit,
    open_frame,
    save_figure,
)

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILION)
PANELS = 4  # most columns (widths) and most rows (families)


def draw_design(result: DesignResult, *paths: Path) -> Figure:
    """Draw a panel for each width and family: the predicted loss over the scale, a curve for each budget.

    A band shows the range over draws, a dashed line the kernel at infinite width. Filled markers are as good as the
    best of this width and budget up to the noise of a draw, and a star is the best. The best family comes first.
    Save the figure to all paths (.png at 300 dpi, .pdf) and return the figure.
    """
    widths = sorted({each.candidate.width for each in result.predictions})[-PANELS:]
    tried = [each.candidate.family for each in result.predictions]
    families = list(dict.fromkeys([result.winner.family, *tried]))[:PANELS]
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(0.9 + 2.5 * len(widths) + 0.8 * (len(widths) == 1), 0.9 + 2.1 * len(families)))
        axes = figure.subplots(len(families), len(widths), sharey=True, sharex="row", squeeze=False)
        for row, family in zip(axes, families, strict=True):
            for panel, width in zip(row, widths, strict=True):
                _draw_panel(panel, result, family, width)
                panel.set_title(f"{family}, width {width:,}")
                panel.set_xlabel(f"{FAMILIES[family].key} ({frequency_unit(result.problem.unit)})")
            row[0].set_ylabel(f"predicted {NAMES[result.criterion]}")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(handles)))
        save_figure(figure, paths, result.problem.name)
    return figure


def _draw_panel(panel: Axes, result: DesignResult, family: str, width: int) -> None:
    """Draw the sigma_a of the winner."""
    group = [
        each for each in result.predictions
        if (each.candidate.family, each.candidate.width) == (family, width)
        and each.candidate.sigma_a == result.winner.sigma_a
    ]  # fmt: skip
    unit = "steps" if result.in_steps else "time"
    for index, amount in enumerate(sorted({each.amount for each in group})):
        colour = COLOURS[index % len(COLOURS)]
        best, equal = result.choices[width, amount]
        draws: dict[float, list[float]] = {}
        for each in group:
            if each.amount == amount:
                draws.setdefault(each.candidate.scale, []).append(criterion_value(each, result.criterion))
        scales = np.array(sorted(draws))
        mean, low, high = (np.array([f(draws[scale]) for scale in scales]) for f in (np.mean, np.min, np.max))
        label = f"{amount:g} {unit}" if result.in_steps else f"$t$ = {amount:g}"
        panel.plot(scales, mean, color=colour, linewidth=1.1, label=label, zorder=3)
        panel.fill_between(scales, low, high, color=colour, alpha=0.25, linewidth=0)
        good = {each.scale for each, same in equal.items() if same and each.family == family}
        filled = np.array([scale in good for scale in scales])
        panel.plot(scales[~filled], mean[~filled], "o", color=colour, markerfacecolor="white", markersize=3, zorder=4)
        panel.plot(scales[filled], mean[filled], "o", color=colour, markersize=3, zorder=4)
        if first_draw(best).family == family:
            panel.plot(best.scale, mean[scales == best.scale], "*", color=colour, markersize=9, zorder=5)
        if family in result.limits:
            x, losses = result.limits[family]
            panel.plot(x, losses[index], color=colour, linestyle=(0, (4, 2)), linewidth=0.8)
    if family in result.limits:
        panel.plot([], [], color="black", linestyle=(0, (4, 2)), linewidth=0.8, label="infinite width")
    panel.set(xscale="log", yscale="log")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    open_frame(panel)
