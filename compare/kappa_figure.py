"""The frequency learning rates of a result (`compare.rates`): fits in bands of |xi| with their standard error, theory
as a thin line, in one dimension the mean at every frequency too; beside it those by direction."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from compare.figures import (
    KERNELS,
    MARKERS,
    NN_COLOUR,
    PDE_COLOUR,
    STYLE,
    TICKS,
    along_the_axis,
    limits,
    network_words,
    per_unit,
    provenance,
    shown_kernels,
)  # fmt: skip
from compare.kappa import FLOOR, LEAST_TIMES, mean_rate
from compare.metrics import Comparison
from compare.rates import Kappa, Regions

APART = 0.12  # of a band: the markers of different sources
SOURCES = {  # colour, marker, width and dashes of each line
    "pde": (PDE_COLOUR, "s", 1.7, "-"),
    "nn": (NN_COLOUR, "x", 0.6, (0, (3, 1.5))),
    **{name: (colour, marker, 0.0, "none") for names, colour, marker, _ in KERNELS for name in names},
}
THEORY: dict[str, Any] = {"color": "#595959", "linewidth": 0.5, "label": "theory"}


def draw_kappa(kappa: Kappa, *paths: Path) -> Figure:
    """Draw the rates over |xi|, and by direction where there are any, save that at each of paths (.png at 300 dpi,
    .pdf), and return the figure. Raises ValueError for rates without bands."""
    if not kappa.regions:
        raise ValueError("there are no bands to draw")
    bands, *others = kappa.regions
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.5 if not others else 7.1, 3.1))
        ratios = [2, 1][: len(kappa.regions)]
        ratios = [2, 1][: len(kappa.regions)]
        panel, *more = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
        _over_frequency(panel, kappa, bands)
        for regions, beside in zip(others, more, strict=True):
            _by_direction(beside, kappa, regions)
        panel.set_ylim(min(0.0, panel.get_ylim()[0]), None)
        for each in (panel, *more):
            each.spines[["top", "right"]].set_visible(False)
        figure.legend(*panel.get_legend_handles_labels(), loc="outside upper center", ncols=2 + len(others), fontsize=7)
        for path in paths:
            figure.savefig(path, metadata=provenance(kappa, path.suffix))
    return figure


def _over_frequency(panel: Axes, kappa: Kappa, bands: Regions) -> None:
    if kappa.frequency.shape[1] == 1:
        xi = kappa.frequency[:, 0]
        positive = np.argsort(xi)[np.count_nonzero(xi < 0) :]
        shown = positive[xi[positive] <= bands.high[-1]]
        panel.plot(xi[shown], kappa.theory[shown], **THEORY)
        for source, _ in _shown(kappa):
            colour, _, width, dashes = SOURCES[source]
            if width:
                mean = kappa.measured[source].mean[shown]
                panel.plot(xi[shown], mean, color=colour, linewidth=width, linestyle=dashes)
    else:
        panel.plot((bands.low + bands.high) / 2, bands.theory, **THEORY)
    _fits(panel, kappa, bands, (bands.low + bands.high) / 2, bands.high - bands.low)
    fits = "means in bands" if len(kappa.time) < LEAST_TIMES else "fits in bands, standard error"
    panel.set(
        title=fits + ("; lines: means" if kappa.frequency.shape[1] == 1 else ""),
        xlim=(0, bands.high[-1]),
        xlabel=rf"frequency $|\xi|$ ({per_unit(kappa)}{limits(kappa)})",
        ylabel=rf"learning rate $\kappa$ (1/time), ${kappa.time[0]:.4g} \leq t \leq {kappa.time[-1]:.4g}$",
    )
    panel.xaxis.set_major_locator(MaxNLocator(5, steps=TICKS))


def _by_direction(panel: Axes, kappa: Kappa, regions: Regions) -> None:
    middle = (regions.low + regions.high) / 2
    panel.plot(middle, regions.theory, **THEORY)
    _fits(panel, kappa, regions, middle, np.full(len(middle), np.diff(middle).min()))
    if regions.kind == "sector":
        panel.set(title="fits in sectors", xlabel=r"angle of $\xi$ to the $\xi_1$ axis (degrees)")
        panel.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 3, 4.5, 9, 10]))
    else:
        panel.set(title="fits around the axes", xlabel=r"the axis $\xi$ is nearest to", xlim=(0.5, 3.5))
        panel.xaxis.set_major_locator(MultipleLocator(1))


def _fits(panel: Axes, kappa: Kappa, regions: Regions, middle: np.ndarray, width: np.ndarray) -> None:
    """With their standard errors; of less than three times the means, which have none."""
    sources = list(_shown(kappa))
    for number, (source, words) in enumerate(sources):
        rates = regions.measured[source]
        colour, marker, *_ = SOURCES[source]
        place = middle + APART * width * (number - (len(sources) - 1) / 2)
        how: dict[str, Any] = {"color": colour, "fmt": marker, "markersize": 3.5, "markerfacecolor": "none"}
        how |= {"markeredgewidth": 0.8, "elinewidth": 0.8, "capsize": 1.5}
        if len(kappa.time) < LEAST_TIMES:
            panel.errorbar(place, rates.mean, label=words, **how)
        else:
            panel.errorbar(place, rates.fit, yerr=rates.standard_error, label=words, **how)


def _shown(kappa: Kappa) -> Iterator[tuple[str, str]]:
    """The sources that are drawn, and their words; of each kernel the first that is there."""
    yield "pde", "finite elements"
    if "nn" in kappa.measured:
        yield "nn", network_words(kappa)
    for names, _, _, words in KERNELS:
        for name in [name for name in names if name in kappa.measured][:1]:
            yield name, words


def draw_rates(panel: Axes, comparison: Comparison, *, floor: float = FLOOR) -> np.ndarray:
    """kappa of the finite elements, the network and its kernels over the frequency, in one dimension, where |v(0)|
    is at least the floor times its largest, with labels for a legend. Returns the frequencies that are drawn, (n,), in
    order, NaN in gaps of the mesh."""
    kernels = shown_kernels(comparison)
    xi, pde, *others = along_the_axis(comparison, [0, -1], [values for values, *_ in kernels])
    start = np.linalg.norm(pde[0], axis=0)
    least = floor * np.nanmax(start)
    rates = [
        np.where(start >= least, mean_rate(comparison.time[[0, -1]], values, floor=least), np.nan)
        for values in (pde, *others)
    ]
    reach = 1.05 * np.abs(xi[np.isfinite(rates[0])]).max()
    every = 1 + np.count_nonzero(np.abs(xi) <= reach) // (2 * MARKERS)
    panel.plot(xi, rates[0], color=PDE_COLOUR, linewidth=1.7, label="finite elements")
    panel.plot(xi, rates[1], color=NN_COLOUR, linewidth=0.6, linestyle=(0, (3, 1.5)), label=network_words(comparison))
    for i, (rate, (_, colour, marker, words)) in enumerate(zip(rates[2:], kernels, strict=True)):
        how: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3, "markerfacecolor": "none"}
        how |= {"markeredgewidth": 0.7, "linestyle": "none", "markevery": (i * every // 2, every)}
        panel.plot(xi, rate, label=words, **how)
    panel.set(
        xlim=(-reach, reach),
        ylim=(min(0.0, *(np.nanmin(rate) for rate in rates)), None),
        xlabel=rf"frequency $\xi$ ({per_unit(comparison)}{limits(comparison)})",
        ylabel=rf"mean learning rate $\kappa$ (1/time), $t \leq$ {comparison.time[-1]:.4g}",
    )
    panel.xaxis.set_major_locator(MaxNLocator(5, steps=TICKS))
    panel.spines[["top", "right"]].set_visible(False)
    return xi
