"""Draw the figure of frequency learning rates.

One panel shows the fitted rates in bands of |xi|, with standard errors, and the theory without diffusion as a thin
line. In one dimension, this panel also shows the fits at every frequency. In more dimensions, a second panel shows the
fits by direction. If there are too few times for a fit, the figure shows mean rates instead.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from freqbias.compare.kappa.rates import Kappa, Regions
from freqbias.compare.spectra import mesh_gaps
from freqbias.compare.style import (
    KERNELS,
    NN_COLOUR,
    PDE_COLOUR,
    STYLE,
    drawn_predictions,
    frequency_label,
    network_label,
    open_frame,
    round_ticks,
    save_figure,
)

OFFSET = 0.2  # between the markers of different sources, as a fraction of a band, so that no marker hides an error bar
HEADROOM = 1.08
MOST_OF_LINES = 1.5  # upper end of the axis relative to the rates in bands, if single frequencies have larger rates
# Colour, marker, line width and dashes, by source.
SOURCES: dict[str, tuple[str, str, float, Any]] = {
    "pde": (PDE_COLOUR, "s", 1.7, "-"),
    "nn": (NN_COLOUR, "x", 0.6, (0, (3, 1.5))),
    **{name: (kernel.colour, kernel.marker, 0.0, "none") for kernel in KERNELS for name in kernel.names},
}
MARKERS: dict[str, Any] = {"markersize": 3.2, "markerfacecolor": "none", "markeredgewidth": 0.7}
BARS: dict[str, Any] = {
    "elinewidth": 0.8,
    "capsize": 2.6,
    "capthick": 0.8,
    "barsabove": True,
}  # caps wider than markers
THEORY: dict[str, Any] = {"color": "#404040", "linewidth": 0.6, "zorder": 2.5}  # above the lines, below the markers


def draw_kappa(kappa: Kappa, *paths: Path) -> Figure:
    """Draw the rates over |xi| and by direction.

    Save the figure to `paths` (.png at 300 dpi, .pdf) and return it. Raises ValueError for rates without bands.
    """
    if not kappa.regions:
        raise ValueError("the figure needs rates in bands; measure with bands > 0")
    directions = kappa.regions[1:]
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(7.1 if directions else 3.5, 3.1))
        ratios = [2, 1][: len(kappa.regions)]
        panel, *others = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
        draw_rates(panel, kappa)
        panel.set_title("bands (side by side), ± standard error" if kappa.fitted else "bands (side by side)")
        for regions, other in zip(directions, others, strict=True):
            _draw_directions(other, kappa, regions)
        panel.set_ylim(rate_range(kappa))
        note_rates_outside(panel, kappa)
        figure.legend(handles=legend_handles(kappa), loc="outside upper center", ncols=2 + len(directions), fontsize=7)
        save_figure(figure, paths, kappa.name)
    return figure


def draw_rates(panel: Axes, kappa: Kappa) -> None:
    """Draw the rates over |xi|, up to the end of the last band.

    In one dimension, this end is the largest frequency with a rate. In more dimensions, the bands may reach into the
    corners of the Nyquist box, where |xi| exceeds the limit of each axis.
    """
    bands = kappa.regions[0]
    middle, width = (bands.low + bands.high) / 2, bands.high - bands.low
    if kappa.frequency.shape[1] == 1:
        _draw_frequencies(panel, kappa)
    else:
        panel.plot(middle, bands.theory.best, **THEORY)
    _draw_regions(panel, kappa, bands, middle, width)
    estimate = "fitted" if kappa.fitted else "mean"
    panel.set(
        xlim=(0, bands.high[-1]),
        xlabel=frequency_label(kappa.attributes.get("unit"), r"|\xi|"),
        ylabel="learning rate $\\kappa$ (1/time),\n"
        + rf"{estimate} over {kappa.time[0]:.4g} $\leq t \leq$ {kappa.time[-1]:.4g}",
    )
    round_ticks(panel.xaxis, 5)
    open_frame(panel)


def legend_handles(kappa: Kappa) -> list[Line2D]:
    """Return the entries of the legend: the theory, then the sources that are drawn."""
    two_layers = kappa.attributes.get("depth", 2) == 2 and "omega_0" not in kappa.attributes
    frozen = kappa.attributes.get("diffusion") == 0
    limit = r" ($\sigma_a \to 0$)" if two_layers and not frozen else ""  # other dampings depend on sigma_a
    weight = f"\ntimes $(1 + |\\xi|^2)^{{{order:g}}}$" if (order := kappa.attributes.get("order")) is not None else ""
    rate = r"$\kappa / (\kappa + \varepsilon)$, $\kappa$ =" "\n" if "shift" in kappa.attributes else ""
    theory = f"theory{'' if frozen else ' without diffusion'},\n{rate}damping / volume{limit}{weight}"
    handles = [Line2D([], [], **THEORY, label=theory)]
    for source, label in _drawn_sources(kappa):
        colour, marker, width, dashes = SOURCES[source]
        line = {"linestyle": dashes, "linewidth": width} if kappa.frequency.shape[1] == 1 else {"linestyle": "none"}
        handles.append(Line2D([], [], color=colour, marker=marker, label=label, **line, **MARKERS))
    return handles


def rate_range(*kappas: Kappa) -> tuple[float, float]:
    """Return the range of the rate axis.

    The range contains the theory, all rates in bands and directions, and their standard errors up to the size of these
    rates. The rates of single frequencies may be much larger where |v| is small, and lie outside this range.
    """
    values, errors, lines = [0.0], [0.0], [0.0]
    for kappa in kappas:
        drawn = [source for source, _ in _drawn_sources(kappa)]
        for regions in kappa.regions:
            values += regions.theory.best.tolist()
            for rates in (regions.measured[source] for source in drawn):
                values += rates.best.tolist()
                errors += [*(rates.best - rates.standard_error), *(rates.best + rates.standard_error)]
        lines += _line_rates(kappa).tolist()
    low, high = np.nanmin(values), np.nanmax(values)
    size = high - low
    low, high = max(low - size, np.nanmin([low, *errors])), min(high + size, np.nanmax([high, *errors]))
    size = high - low
    low = min(low, max(np.nanmin(lines), low - (MOST_OF_LINES - 1) * size))
    high = max(high, min(np.nanmax(lines), low + MOST_OF_LINES * size))
    if low == high:  # no rate is known
        return 0.0, 1.0
    margin = (HEADROOM - 1) * (high - low)
    return low - (margin if low < 0 else 0.0), high + margin


def note_rates_outside(panel: Axes, kappa: Kappa) -> None:
    """Add to the title of the panel, whose range is set, how large the rates of single frequencies outside it are."""
    low, high = panel.get_ylim()
    rates = _line_rates(kappa)
    ends = [f"{end:.2g}" for end in (rates.min(initial=0), rates.max(initial=0)) if not low <= end <= high]
    if ends:
        panel.set_title(f"{panel.get_title()}\nlines outside the axes reach {' and '.join(ends)}".strip())


def _line_rates(kappa: Kappa) -> np.ndarray:
    """Return all rates of single frequencies that are drawn as lines, which are those in one dimension."""
    if kappa.frequency.shape[1] > 1:
        return np.zeros(0)
    drawn = [kappa.measured[source].best for source, _ in _drawn_sources(kappa) if SOURCES[source][2]]
    rates = np.concatenate(drawn)
    return rates[np.isfinite(rates)]


def _draw_frequencies(panel: Axes, kappa: Kappa) -> None:
    """Draw curves over xi >= 0 in one dimension, broken at the gaps of the mesh.

    The error u is real, so |v| is the same at xi and -xi.
    """
    xi = kappa.frequency[:, 0]
    order = np.argsort(xi)
    order = order[(xi[order] >= 0) & (xi[order] <= kappa.regions[0].high[-1])]
    gaps = np.searchsorted(xi[order], mesh_gaps(kappa.frequency, kappa.cells), side="right")
    gaps = gaps[gaps > 0]

    def plot(values: np.ndarray, **line: Any) -> None:
        panel.plot(np.insert(xi[order], gaps, np.nan), np.insert(values[order], gaps, np.nan), **line)

    plot(kappa.theory, **THEORY)
    for source, _ in _drawn_sources(kappa):
        colour, _, width, dashes = SOURCES[source]
        if width:
            plot(kappa.measured[source].best, color=colour, linewidth=width, linestyle=dashes)


def _draw_directions(panel: Axes, kappa: Kappa, regions: Regions) -> None:
    middle = (regions.low + regions.high) / 2
    panel.plot(middle, regions.theory.best, **THEORY)
    _draw_regions(panel, kappa, regions, middle, np.full(len(middle), np.diff(middle).min()))
    if regions.kind == "sector":
        panel.set(title="sectors", xlabel=r"angle of $\xi$ to the $\xi_1$ axis (degrees)")
        panel.set_xticks(middle[:: 1 + len(middle) // 6])  # the sectors' own angles
    else:
        panel.set(title="around the axes", xlabel=r"the axis $\xi$ is nearest to", xlim=(0.5, 3.5))
        panel.xaxis.set_major_locator(MultipleLocator(1))
    open_frame(panel)


def _draw_regions(panel: Axes, kappa: Kappa, regions: Regions, middle: np.ndarray, width: np.ndarray) -> None:
    """Draw markers. Fitted rates have bars for the standard errors; mean rates have none."""
    sources = [source for source, _ in _drawn_sources(kappa)]
    for number, source in enumerate(sources):
        rates = regions.measured[source]
        colour, marker, *_ = SOURCES[source]
        x = middle + OFFSET * width * (number - (len(sources) - 1) / 2)
        panel.errorbar(
            x, rates.best, yerr=rates.standard_error, color=colour, fmt=marker, zorder=3, **BARS, **MARKERS
        )  # fmt: skip


def _drawn_sources(kappa: Kappa) -> Iterator[tuple[str, str]]:
    """Yield the name and the label of each source to draw."""
    yield "pde", "finite elements"
    if "nn" in kappa.measured and _has_rates(kappa, "nn"):
        yield "nn", network_label(kappa.attributes)
    for name, kernel in drawn_predictions(kappa.measured):
        yield name, kernel.label


def _has_rates(kappa: Kappa, source: str) -> bool:
    """Whether a rate is known. A network that learns all before the second output time has none."""
    rates = [kappa.measured[source], *(regions.measured[source] for regions in kappa.regions)]
    return any(np.isfinite(each.best).any() for each in rates)
