"""Draw figure 4: |v| of the finite elements, of the network and of their difference at several times.

The figure also shows the predictions of the kernels that the comparison contains. A 1-D result is drawn as curves, with
the differences in panels below. Each panel has a scale of its own, so late times and small differences are as visible
as the start. A 2-D result is drawn as maps. With several channels, |v| is the root of sum_c |v_c|^2.
"""

from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.comparison.record import Comparison
from freqbias.compare.comparison.spectra_maps import draw_maps
from freqbias.compare.comparison.spectra_panels import (
    axes_reach,
    axis_label,
    label_frequency,
    magnitude,
    panel_title,
    smallest_error,
)
from freqbias.compare.spectra import inside_nyquist, lagrange_element, mesh_gaps
from freqbias.compare.style import (
    BAND_COLOUR,
    DATA_UNIT,
    NN_COLOUR,
    PDE_COLOUR,
    STYLE,
    drawn_predictions,
    network_label,
    open_frame,
    panel_times,
    round_ticks,
    save_figure,
)

MARKERS = 12  # number of markers of a prediction along the axis; lines would hide one another
HEADROOM = 1.08  # upper end of a magnitude axis, relative to the largest value


def draw_comparison(comparison: Comparison, *paths: Path) -> Figure:
    """Draw the comparison, save the figure to `paths` (.png at 300 dpi, .pdf) and return the figure.

    Raises ValueError for a comparison in three dimensions.
    """
    dimension = comparison.frequency.shape[1]
    if dimension > 2:
        raise ValueError("figure4 is drawn only in one and two dimensions; open fields.pvd in ParaView instead")
    with matplotlib.style.context(STYLE):
        figure = _curves(comparison) if dimension == 1 else draw_maps(comparison)
        save_figure(figure, paths, comparison.name)
    return figure


def _curves(comparison: Comparison) -> Figure:
    shown = panel_times(comparison.metrics["loss_nn"])
    kernels = list(drawn_predictions(comparison.predictions))
    band = [] if comparison.band is None else [comparison.band.magnitude.low, comparison.band.magnitude.high]
    extra = [comparison.predictions[name] for name, _ in kernels] + [each[:, None] for each in band]
    xi, *spectra = spectra_on_line(comparison, shown, extra)
    spectra, ends = spectra[: len(spectra) - len(band)], spectra[len(spectra) - len(band) :]
    pde, nn, *predicted = map(magnitude, spectra)
    difference, *predicted_differences = (magnitude(values - spectra[0]) for values in spectra[1:])
    node = np.isfinite(xi)  # the others are gaps of the mesh
    (reach,) = axes_reach(
        comparison, xi[node, None], np.maximum(pde, nn)[:, node],
        [values[:, node] for values in (difference, *predicted_differences)],
    )  # fmt: skip
    visible = np.abs(xi) <= reach
    every = 1 + np.count_nonzero(visible) // MARKERS

    figure = Figure(figsize=(7.1, 3.5))
    axes = figure.subplots(2, len(shown), sharex=True, squeeze=False, gridspec_kw={"height_ratios": [3, 2]})
    network = network_label(comparison.attributes)
    for k, (upper, lower) in enumerate(axes.T):
        if ends:
            low, high = (np.maximum(each[k, 0], 0) for each in ends)
            label = f"{100 * comparison.band.level:.0f} % of draws" if comparison.band else ""
            upper.fill_between(xi, low, high, color=BAND_COLOUR, linewidth=0, label=label)
        upper.plot(xi, pde[k], color=PDE_COLOUR, linewidth=1.7, label="finite elements")
        upper.plot(xi, nn[k], color=NN_COLOUR, linewidth=0.6, linestyle=(0, (3, 1.5)), label=network)
        upper.set_title(panel_title(comparison, shown[k]))
        lower.plot(xi, difference[k], color=NN_COLOUR, linewidth=0.8)
        for i, (_, kernel) in enumerate(kernels):
            line: dict[str, Any] = {
                "color": kernel.colour, "marker": kernel.marker, "markersize": 3, "markerfacecolor": "none",
                "markeredgewidth": 0.7, "linestyle": "none", "markevery": (i * every // 2, every),
                "label": kernel.label,
            }  # fmt: skip
            upper.plot(xi, predicted[i][k], **line)
            lower.plot(xi, predicted_differences[i][k], **line)
        highest = [values[k, visible] for values in (pde, nn, *predicted)] + [end[k, 0, visible] for end in ends[1:]]
        top = max(float(values.max()) for values in highest) or float(pde[0, visible].max())
        apart = max(float(values[k, visible].max()) for values in (difference, *predicted_differences))
        upper.set_ylim(0, HEADROOM * top)
        lower.set_ylim(0, HEADROOM * max(apart, smallest_error(comparison) * top))
        for panel, count in ((upper, 5), (lower, 3)):
            open_frame(panel)
            round_ticks(panel.yaxis, count)
    axes[0, 0].set_xlim(-reach, reach)
    round_ticks(axes[0, 0].xaxis, 4)
    for panel, symbol in zip(axes[:, 0], ("v", r"\Delta v"), strict=True):
        panel.set_ylabel(f"{axis_label(comparison, symbol)}\n{DATA_UNIT}", linespacing=1.4)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2 + len(kernels) + bool(ends)
    )
    label_frequency(
        figure, comparison, r"$\Delta v$: distance from the finite elements; each panel has a scale of its own"
    )
    return figure


def spectra_on_line(comparison: Comparison, shown: list[int], predictions: list[np.ndarray]) -> list[np.ndarray]:
    """Evaluate the spectra of finite elements, network and predictions at points between the nodes of a 1-D mesh.

    shown: the indices of S times. predictions: spectra (T, C, n).
    Return the points xi (m,) within the Nyquist limit, then each spectrum (S, C, m). Between the nodes, a spectrum is
    the polynomial of the element. NaN marks a gap of the mesh.
    """
    element = lagrange_element(comparison.cell_type, comparison.degree)
    points = np.linspace(0, 1, 3 * comparison.degree + 1)[:, None]
    basis = np.asarray(element.tabulate(0, points))[0, :, :, 0]
    xi = (comparison.frequency[comparison.cells, 0] @ basis.T).ravel()
    order = np.argsort(xi, kind="stable")
    order = order[inside_nyquist(xi[order, None], comparison.limit)]
    xi = xi[order]
    nodal = (comparison.pde, comparison.nn, *predictions)
    spectra = (values[shown][..., comparison.cells] @ basis.T for values in nodal)
    ordered = [values.reshape(*values.shape[:2], -1)[..., order] for values in spectra]
    gaps = np.searchsorted(xi, mesh_gaps(comparison.frequency, comparison.cells), side="right")
    return [np.insert(values, gaps, np.nan, axis=-1) for values in (xi, *ordered)]
