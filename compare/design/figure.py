"""Draw the predicted loss over the scale of the density, with a curve for each budget, or the predicted rates."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from freqbias.compare.design.candidates import ANNULUS, FAMILIES, Candidate
from freqbias.compare.design.prediction import Prediction, first_draw
from freqbias.compare.design.result import DesignResult
from freqbias.compare.design.words import NAMES, rate_unit
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
PANELS = 4  # most widths and most kinds of densities
REACH = 30.0  # times the best rate or number of steps, which are drawn


class _Curve(NamedTuple):
    """label: in the legend. amount: the budget. of: the number that a prediction contributes. row: of the limit."""

    label: str
    amount: float
    of: Callable[[Prediction], float]
    row: int


def draw_design(result: DesignResult, *paths: Path) -> Figure:
    """Draw a panel for each width and kind of density: the prediction over the scale, a curve for each budget.

    For the purposes "balanced" and "order", the curves are the slowest and the fastest learning rate in the band.
    A band shows the range over draws, a dashed line the kernel at infinite width. Filled markers are as good as the
    best of this width and budget up to the noise of a draw, and a star is the best. The best kind comes first.
    Save the figure to all paths (.png at 300 dpi, .pdf) and return the figure.
    """
    widths = sorted({each.candidate.width for each in result.predictions})[-PANELS:]
    kinds, joint = _kinds(result), ", " if len(widths) > 1 else "\n"
    with matplotlib.style.context(STYLE):
        if len(widths) == 1:  # in one row
            figure = Figure(figsize=(1.0 + 2.1 * max(len(kinds), 1.5), 3.0))
            axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False).T
        else:
            figure = Figure(figsize=(0.9 + 2.5 * len(widths), 0.9 + 2.1 * len(kinds)))
            axes = figure.subplots(len(kinds), len(widths), sharey=True, sharex="row", squeeze=False)
        for row, candidate in zip(axes, kinds, strict=True):
            for panel, width in zip(row, widths, strict=True):
                _draw_panel(panel, result, candidate, width)
                training = f"\n{candidate.training}" if candidate.training else ""
                panel.set_title(f"{_name(candidate)}{training}{joint}width {width:,}")
                panel.set_xlabel(f"{_parameter(candidate)} ({frequency_unit(result.problem.unit)})")
        for panel in axes[:1, 0] if len(widths) == 1 else axes[:, 0]:
            panel.set_ylabel(_value(result))
        axes[0, 0].set_ylim(*_limits(result))
        handles, labels = axes[0, 0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(handles)))
        save_figure(figure, paths, result.problem.name)
    return figure


def _kinds(result: DesignResult) -> list[Candidate]:
    """Return a candidate of each kind with the sigma_a of the winner, the best kinds first."""
    found = {result.winner.kind: result.winner}
    for each in sorted(result.predictions, key=lambda each: each.value):
        if each.candidate.sigma_a == result.winner.sigma_a:
            found.setdefault(each.candidate.kind, each.candidate)
    return list(found.values())[:PANELS]


def _limits(result: DesignResult) -> tuple[float | None, float | None]:
    """Return the ends of the y axis, None for all that is drawn. Rates far from the best are of no interest."""
    if result.band is None:
        return None, None
    if result.criterion == "band":
        return None, REACH * result.best.value
    return result.best.slowest / REACH, None


def _name(candidate: Candidate) -> str:
    if candidate.family == ANNULUS:
        return f"annulus from {candidate.shape[0]:.2g} radius"
    if candidate.shape:
        return f"{candidate.family}\n({candidate.shape[1]:g} at {candidate.shape[0]:g} times the scale)"
    return candidate.family


def _parameter(candidate: Candidate) -> str:
    return "radius" if candidate.family == ANNULUS else FAMILIES[candidate.parts[0][0]].key


def _value(result: DesignResult) -> str:
    if result.band is None:
        return f"predicted {NAMES[result.criterion]}"
    return (
        "predicted steps to half\nthe error in the band"
        if result.criterion == "band"
        else f"predicted learning rate ({rate_unit(result)})"
    )


def _curves(result: DesignResult) -> list[_Curve]:
    amounts = sorted({each.amount for each in result.predictions})
    if result.criterion in ("balanced", "order"):
        return [
            _Curve("slowest rate in the band", amounts[0], lambda each: each.slowest, 0),
            _Curve("fastest rate in the band", amounts[0], lambda each: each.fastest, 0),
        ]
    if result.criterion == "band":
        return [_Curve("_", amounts[0], lambda each: each.value, 0)]
    names = [f"{amount:g} steps" if result.in_steps else f"$t$ = {amount:g}" for amount in amounts]
    return [
        _Curve(name, amount, lambda each: each.value, index)
        for index, (name, amount) in enumerate(zip(names, amounts, strict=True))
    ]


def _draw_panel(panel: Axes, result: DesignResult, like: Candidate, width: int) -> None:
    """Draw the candidates of this width that differ from the given one in scale only."""
    group = [each for each in result.predictions if (each.candidate.kind, each.candidate.width) == (like.kind, width)]
    limit = None if like.shape or like.training != result.winner.training else result.limits.get(like.family)
    for curve, colour in zip(_curves(result), COLOURS * 20, strict=False):
        best, equal = result.choices[width, curve.amount]
        draws: dict[float, list[float]] = {}
        for each in group:
            if each.amount == curve.amount:
                draws.setdefault(each.candidate.scale, []).append(curve.of(each))
        scales = np.array(sorted(draws))
        mean, low, high = (np.array([f(draws[scale]) for scale in scales]) for f in (np.mean, np.min, np.max))
        panel.plot(scales, mean, color=colour, linewidth=1.1, label=curve.label, zorder=3)
        panel.fill_between(scales, low, high, color=colour, alpha=0.25, linewidth=0)
        good = {each.scale for each, same in equal.items() if same and each.kind == like.kind}
        filled = np.array([scale in good for scale in scales])
        panel.plot(scales[~filled], mean[~filled], "o", color=colour, markerfacecolor="white", markersize=3, zorder=4)
        panel.plot(scales[filled], mean[filled], "o", color=colour, markersize=3, zorder=4)
        if first_draw(best).kind == like.kind:
            panel.plot(best.scale, mean[scales == best.scale], "*", color=colour, markersize=9, zorder=5)
        if limit is not None:
            panel.plot(limit[0], limit[1][curve.row], color=colour, linestyle=(0, (4, 2)), linewidth=0.8)
    if limit is not None:
        panel.plot([], [], color="black", linestyle=(0, (4, 2)), linewidth=0.8, label="infinite width")
    panel.set(xscale="log", yscale="log")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    open_frame(panel)
