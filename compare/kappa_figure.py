"""The mean frequency learning rate over a run (`compare.kappa`), by frequency, in one dimension."""

from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from compare.figures import (
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
)
from compare.kappa import FLOOR, mean_rate
from compare.metrics import Comparison


def draw_kappa(comparison: Comparison, *paths: Path) -> Figure:
    """Draw kappa of the finite elements, the network and its kernels over the frequency, save that at each of paths
    (.png at 300 dpi, .pdf), and return the figure.

    Raises ValueError for a comparison in two or three dimensions, or with a single time.
    """
    if comparison.frequency.shape[1] > 1:
        raise ValueError("kappa is drawn in one dimension; kappa.csv holds it in any")
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.5, 3.0))
        draw_rates(figure.subplots(), comparison)
        figure.legend(loc="outside upper center", ncols=2, fontsize=7)
        for path in paths:
            figure.savefig(path, metadata=provenance(comparison, path.suffix))
    return figure


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
