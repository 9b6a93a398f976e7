"""The frequency learning rates of a result (`freqbias.compare.kappa.measurement`): fits in bands of |xi| with their standard error, theory
as a thin line, in one dimension fits at every frequency too; beside it those by direction. With too few times for a
fit, means."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, MultipleLocator

from freqbias.compare.comparison import gaps, network_words, per_unit, provenance
from freqbias.compare.kappa.estimators import LEAST_TIMES
from freqbias.compare.kappa.measurement import Kappa, Regions
from freqbias.compare.style import KERNELS, NN_COLOUR, PDE_COLOUR, STYLE, TICKS

APART = 0.12  # of a band: the markers of different sources, where there is no line that they would seem to miss
HEADROOM = 1.08
SOURCES: dict[str, tuple[str, str, float, float, Any]] = {  # colour, marker and its size; width and dashes of each line
    "pde": (PDE_COLOUR, "s", 6.0, 1.7, "-"),
    "nn": (NN_COLOUR, "x", 3.0, 0.6, (0, (3, 1.5))),
    **{
        name: (colour, marker, size, 0.0, "none")
        for (names, colour, marker, _), size in zip(KERNELS, (4.0, 5.5), strict=True)
        for name in names
    },
}  # of sizes that leave them legible where they lie on one another
MARKERS: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 0.7}
THEORY: dict[str, Any] = {"color": "#404040", "linewidth": 0.6, "zorder": 2.5}  # above the lines, below the markers


def draw_kappa(kappa: Kappa, *paths: Path) -> Figure:
    """Draw the rates over |xi|, and by direction where there are any, save that at each of paths (.png at 300 dpi,
    .pdf), and return the figure. Raises ValueError for rates without bands."""
    if not kappa.regions:
        raise ValueError("there are no bands to draw")
    others = kappa.regions[1:]
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.5 if not others else 7.1, 3.1))
        ratios = [2, 1][: len(kappa.regions)]
        panel, *more = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
        draw_rates(panel, kappa)
        panel.set_title("bands, ± standard error" if len(kappa.time) >= LEAST_TIMES else "bands")
        for regions, beside in zip(others, more, strict=True):
            _by_direction(beside, kappa, regions)
        panel.set_ylim(range_of(kappa))
        figure.legend(handles=handles(kappa), loc="outside upper center", ncols=2 + len(others), fontsize=7)
        for path in paths:
            figure.savefig(path, metadata=provenance(kappa, path.suffix))
    return figure


def draw_rates(panel: Axes, kappa: Kappa) -> None:
    """The rates over |xi|, as far as bands go: in one dimension to the largest frequency that has a rate, in more into
    the corners of the Nyquist box, whose |xi| is beyond the limit of each axis."""
    bands = kappa.regions[0]
    middle, width = (bands.low + bands.high) / 2, bands.high - bands.low
    if kappa.frequency.shape[1] == 1:
        _at_every_frequency(panel, kappa)
        width = np.zeros_like(width)
    else:
        panel.plot(middle, bands.theory.best, **THEORY)
    _in_regions(panel, kappa, bands, middle, width)
    how = "mean" if len(kappa.time) < LEAST_TIMES else "fitted"
    panel.set(
        xlim=(0, bands.high[-1]),
        xlabel=rf"frequency $|\xi|$ ({per_unit(kappa)})",
        ylabel="learning rate $\\kappa$ (1/time),\n"
        + rf"{how} over ${kappa.time[0]:.4g} \leq t \leq {kappa.time[-1]:.4g}$",
    )
    panel.xaxis.set_major_locator(MaxNLocator(5, steps=TICKS))
    panel.spines[["top", "right"]].set_visible(False)


def handles(kappa: Kappa) -> list[Line2D]:
    """For the legend: theory, then the sources that are drawn."""
    found = [Line2D([], [], **THEORY, label="theory: damping / volume")]
    for source, words in _shown(kappa):
        colour, marker, size, width, dashes = SOURCES[source]
        line = {"linestyle": dashes, "linewidth": width} if kappa.frequency.shape[1] == 1 else {"linestyle": "none"}
        found.append(Line2D([], [], color=colour, marker=marker, markersize=size, label=words, **line, **MARKERS))
    return found


def range_of(*kappas: Kappa) -> tuple[float, float]:
    """Of the vertical axis: what is drawn of these, of standard errors what there is room for."""
    values = [0.0]
    for kappa in kappas:
        drawn = [source for source, _ in _shown(kappa)]
        for regions in kappa.regions:
            values += [*regions.theory.best, *(rate for source in drawn for rate in regions.measured[source].best)]
        if kappa.frequency.shape[1] == 1:
            values += [rate for source in drawn if SOURCES[source][3] for rate in kappa.measured[source].best]
    low, high = np.nanmin(values), np.nanmax(values)
    margin = (HEADROOM - 1) * (high - low)
    return low - (margin if low < 0 else 0.0), high + margin


def _at_every_frequency(panel: Axes, kappa: Kappa) -> None:
    """In one dimension: at xi >= 0, since a real error has the same |v| at -xi; no line crosses a hole of the mesh."""
    xi = kappa.frequency[:, 0]
    order = np.argsort(xi)
    order = order[(xi[order] >= 0) & (xi[order] <= kappa.regions[0].high[-1])]
    holes = np.searchsorted(xi[order], gaps(kappa.frequency, kappa.cells), side="right")
    holes = holes[holes > 0]

    def plot(values: np.ndarray, **how: Any) -> None:
        panel.plot(np.insert(xi[order], holes, np.nan), np.insert(values[order], holes, np.nan), **how)

    plot(kappa.theory, **THEORY)
    for source, _ in _shown(kappa):
        colour, _, _, width, dashes = SOURCES[source]
        if width:
            plot(kappa.measured[source].best, color=colour, linewidth=width, linestyle=dashes)


def _by_direction(panel: Axes, kappa: Kappa, regions: Regions) -> None:
    middle = (regions.low + regions.high) / 2
    panel.plot(middle, regions.theory.best, **THEORY)
    _in_regions(panel, kappa, regions, middle, np.full(len(middle), np.diff(middle).min()))
    if regions.kind == "sector":
        panel.set(title="sectors", xlabel=r"angle of $\xi$ to the $\xi_1$ axis (degrees)")
        panel.set_xticks(middle[:: 1 + len(middle) // 6])  # the sectors' own angles
    else:
        panel.set(title="around the axes", xlabel=r"the axis $\xi$ is nearest to", xlim=(0.5, 3.5))
        panel.xaxis.set_major_locator(MultipleLocator(1))
    panel.spines[["top", "right"]].set_visible(False)


def _in_regions(panel: Axes, kappa: Kappa, regions: Regions, middle: np.ndarray, width: np.ndarray) -> None:
    """With their standard errors; means have none."""
    sources = [source for source, _ in _shown(kappa)]
    for number, source in enumerate(sources):
        rates = regions.measured[source]
        colour, marker, size, *_ = SOURCES[source]
        place = middle + APART * width * (number - (len(sources) - 1) / 2)
        how: dict[str, Any] = {"color": colour, "fmt": marker, "markersize": size, "zorder": 3, **MARKERS}
        how |= {"elinewidth": 0.8, "capsize": 1.5}
        panel.errorbar(place, rates.best, yerr=rates.standard_error, **how)


def _shown(kappa: Kappa) -> Iterator[tuple[str, str]]:
    """The sources that are drawn, and their words; of each kernel the first that is there."""
    yield "pde", "finite elements"
    if "nn" in kappa.measured:
        yield "nn", network_words(kappa)
    for names, _, _, words in KERNELS:
        for name in [name for name in names if name in kappa.measured][:1]:
            yield name, words
