"""Draw figure 4: |v| of the finite elements, of the network and of their difference at several times.

The figure also shows the predictions of the kernels that the comparison contains. A 1-D result is drawn as curves, with
the differences in panels below that have a scale of their own. A 2-D result is drawn as maps on one logarithmic colour
scale. With several channels, |v| is the root of sum_c |v_c|^2.
"""

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation
from scipy.spatial import Delaunay

from freqbias.compare.comparison.record import Comparison
from freqbias.compare.spectra import inside_nyquist, lagrange_element, mesh_gaps, signal_reach
from freqbias.compare.style import (
    DATA_UNIT,
    NN_COLOUR,
    PDE_COLOUR,
    STYLE,
    drawn_predictions,
    frequency_label,
    magnitude_label,
    network_label,
    open_frame,
    panel_times,
    percent,
    round_ticks,
    save_figure,
)

FLOOR = 0.03  # fraction of the largest difference at which the colour scale begins
MIN_FLOOR, MAX_FLOOR = 1e-5, 1e-2  # bounds on the lower end of the colour scale, as fractions of the largest magnitude
MIN_ERROR = 1e-4  # the figure gives no digits of smaller relative errors, which contain rounding errors
MIN_MAP_SIDE = 1.4  # inches; a narrower map has no space for its title
MAPS_HEIGHT = 8.2  # inches; the largest height of all rows of maps together
NAME_WIDTH = 16  # letters in a line of a name beside a map; longer lines would overlap
MARKERS = 12  # number of markers of a prediction along the axis; lines would hide one another


def draw_comparison(comparison: Comparison, *paths: Path) -> Figure:
    """Draw the comparison, save the figure to `paths` (.png at 300 dpi, .pdf) and return the figure.

    Raises ValueError for a comparison in three dimensions.
    """
    dimension = comparison.frequency.shape[1]
    if dimension > 2:
        raise ValueError("figure4 is drawn only in one and two dimensions; open fields.pvd in ParaView instead")
    with matplotlib.style.context(STYLE):
        figure = _curves(comparison) if dimension == 1 else _maps(comparison)
        figure.draw_without_rendering()  # the layout needs two passes
        save_figure(figure, paths, comparison.name)
    return figure


def _curves(comparison: Comparison) -> Figure:
    shown = panel_times(comparison.metrics["loss_nn"])
    kernels = list(drawn_predictions(comparison.predictions))
    xi, *spectra = spectra_on_line(comparison, shown, [comparison.predictions[name] for name, _ in kernels])
    pde, nn, *predicted = map(_magnitude, spectra)
    difference, *predicted_differences = (_magnitude(values - spectra[0]) for values in spectra[1:])
    (reach,) = _reach(comparison, xi[:, None], np.maximum(pde, nn))
    every = 1 + np.count_nonzero(np.abs(xi) <= reach) // MARKERS

    figure = Figure(figsize=(7.1, 3.1))
    ratios = {"height_ratios": [2, 1]}
    axes = figure.subplots(2, len(shown), sharex=True, sharey="row", squeeze=False, gridspec_kw=ratios)
    network = network_label(comparison.attributes)
    for k, (upper, lower) in enumerate(axes.T):
        upper.plot(xi, pde[k], color=PDE_COLOUR, linewidth=1.7, label="finite elements")
        upper.plot(xi, nn[k], color=NN_COLOUR, linewidth=0.6, linestyle=(0, (3, 1.5)), label=network)
        upper.set_title(_title(comparison, shown[k]))
        lower.plot(xi, difference[k], color=NN_COLOUR, linewidth=0.8)
        for i, (_, kernel) in enumerate(kernels):
            line: dict[str, Any] = {
                "color": kernel.colour, "marker": kernel.marker, "markersize": 3, "markerfacecolor": "none",
                "markeredgewidth": 0.7, "linestyle": "none", "markevery": (i * every // 2, every),
                "label": kernel.label,
            }  # fmt: skip
            upper.plot(xi, predicted[i][k], **line)
            lower.plot(xi, predicted_differences[i][k], **line)
        round_ticks(lower.xaxis, 5)
        for panel in (upper, lower):
            open_frame(panel)
    axes[0, 0].set(xlim=(-reach, reach), ylim=(0, None))
    axes[1, 0].set(ylim=(0, None))
    for panel, symbol in zip(axes[:, 0], ("v", r"v - v_\mathrm{pde}"), strict=True):
        panel.set_ylabel(f"{_label(comparison, symbol)}\n{DATA_UNIT}", linespacing=1.4)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2 + len(kernels))
    _label_frequency(figure, comparison)
    return figure


def _maps(comparison: Comparison) -> Figure:
    shown = panel_times(comparison.metrics["loss_nn"])
    pde, nn = comparison.pde[shown], comparison.nn[shown]
    kernels = {
        kernel.label: _magnitude(comparison.predictions[name][shown])
        for name, kernel in drawn_predictions(comparison.predictions)
    }
    rows = [_magnitude(pde), *kernels.values(), _magnitude(nn), _magnitude(nn - pde)]
    names = ["finite elements", *kernels, network_label(comparison.attributes), "difference"]
    largest = max(row.max() for row in rows)
    reach = _reach(comparison, comparison.frequency, np.maximum(rows[0], rows[-2]))
    triangulation = _triangulation(comparison, reach)
    floor = float(np.clip(FLOOR * rows[-1].max(), MIN_FLOOR * largest, MAX_FLOOR * largest))
    norm = LogNorm(floor, largest)

    aspect = min(1.6, reach[1] / reach[0])
    side = min(5.6 / len(shown), max(MIN_MAP_SIDE, MAPS_HEIGHT / (len(rows) * aspect)))
    figure = Figure(figsize=(1.5 + len(shown) * side, 0.9 + min(MAPS_HEIGHT, len(rows) * side * aspect)))
    axes = figure.subplots(len(rows), len(shown), sharex=True, sharey=True, squeeze=False)
    for values, panels, name in zip(rows, axes, names, strict=True):
        for value, panel in zip(values, panels, strict=True):
            image = panel.tripcolor(
                triangulation, np.maximum(value, floor), norm=norm, shading="gouraud", rasterized=True
            )
            panel.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]), aspect="equal")
            round_ticks(panel.xaxis, 4)
            round_ticks(panel.yaxis, 4)
        panels[0].set_ylabel(fill(name, NAME_WIDTH) + "\n" + r"$\xi_2$")
    for panel, index in zip(axes[0], shown, strict=True):
        panel.set_title(_title(comparison, index))
    for panel in axes[-1]:
        panel.set_xlabel(r"$\xi_1$")
    bar = figure.colorbar(image, ax=axes, extend="min", shrink=0.7, aspect=35, pad=0.02)
    labels = [_label(comparison, symbol) for symbol in ("v", r"v_\mathrm{nn} - v_\mathrm{pde}")]
    bar.set_label(f"{labels[0]} and {labels[1]} {DATA_UNIT}")
    _label_frequency(figure, comparison)
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


def _triangulation(comparison: Comparison, reach: np.ndarray) -> Triangulation:
    """Divide the cells into triangles between their nodes. Keep the triangles within the axes and the Nyquist box."""
    points = np.asarray(lagrange_element(comparison.cell_type, comparison.degree).points)
    pieces = Delaunay(points).simplices
    edges = points[pieces[:, 1:]] - points[pieces[:, :1]]
    pieces = pieces[np.abs(np.linalg.det(edges)) > 1e-9]
    triangles = comparison.cells[:, pieces].reshape(-1, 3)
    corners = np.abs(comparison.frequency[triangles])
    visible = (corners.min(axis=1) <= reach).all(axis=1) & (corners.mean(axis=1) <= comparison.limit).all(axis=1)
    return Triangulation(comparison.frequency[:, 0], comparison.frequency[:, 1], triangles[visible])


def _reach(comparison: Comparison, xi: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    return signal_reach(xi, magnitude, comparison.limit, leakage=comparison.attributes.get("leakage", 0.0))


def _magnitude(v: np.ndarray) -> np.ndarray:
    """Return |v|, (T, C, n) -> (T, n)."""
    return np.linalg.norm(v, axis=1)


def _title(comparison: Comparison, index: int) -> str:
    error = comparison.metrics["relative_l2_error"][index]
    words = f"relative error {percent(error)}" if error >= MIN_ERROR else f"relative error < {percent(MIN_ERROR)}"
    return f"$t$ = {comparison.time[index]:.4g}\n" + ("no error left" if np.isnan(error) else words)


def _label(comparison: Comparison, symbol: str) -> str:
    return magnitude_label(comparison.pde.shape[1], symbol)


def _label_frequency(figure: Figure, comparison: Comparison) -> None:
    label = frequency_label(comparison.attributes.get("unit"), limit=comparison.limit)
    figure.supxlabel(label, fontsize=8)
