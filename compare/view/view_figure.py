"""Draw the picture of a view: |v| of finite elements, network and their difference, on one logarithmic scale.

A 1-D result is drawn as curves over the frequency, and a 2-D result as maps. A 3-D result is drawn on three planes
through the frequency with the largest |v(0)|.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from freqbias.compare.spectra import signal_reach
from freqbias.compare.style import (
    DATA_UNIT,
    NN_COLOUR,
    PDE_COLOUR,
    STYLE,
    VERMILION,
    frequency_label,
    magnitude_label,
    open_frame,
    panel_times,
    round_ticks,
    save_figure,
)
from freqbias.compare.view.linear_cells import LinearCells
from freqbias.compare.view.record import View
from freqbias.compare.view.scene import Plane, Planes, Scene, peak

LABELS = {"pde": "finite elements", "nn": "network", "difference": "difference"}
CURVES = {  # colour, line width and dashes
    "pde": (PDE_COLOUR, 2.0, "-"),
    "nn": (NN_COLOUR, 0.7, (0, (3, 1.5))),
    "difference": (VERMILION, 0.9, (0, (1, 1))),
}
DECADES, MOST_DECADES = 3, 6  # the logarithmic scale covers so many decades below the largest |v|
LATE = 0.03  # fraction of the smallest spectrum's largest |v| down to which the scale reaches, up to MOST_DECADES


def draw_view(view: View, *paths: Path) -> Figure:
    """Draw |v| at up to four times. Save the figure to all paths (.png at 300 dpi, .pdf) and return the figure."""
    shown = panel_times(np.sum(view.magnitudes["pde"] ** 2, axis=1))
    with matplotlib.style.context(STYLE):
        if view.dimension == 1:
            figure, _ = draw_curves(view, shown)
        else:
            scene = make_scene(view)
            panels = [[(name, index) for index in shown] for name in view.spectra]
            columns, rows = [time_title(view, index) for index in shown], [LABELS[name] for name in view.spectra]
            figure, _ = draw_maps(view, scene, panels, columns, rows)
            scene.close()
        save_figure(figure, paths, view.name)
    return figure


def axis_limits(view: View) -> np.ndarray:
    """Return the largest |xi_i| on the axes, (d,) [cycles/length], just above the frequencies with signal."""
    magnitude = np.concatenate([values for name, values in view.magnitudes.items() if name != "difference"])
    return signal_reach(view.frequency, magnitude, view.limit, leakage=view.leakage)


def magnitude_range(view: View) -> tuple[float, float]:
    """Return both ends of the logarithmic scale of |v|, which shows network and finite elements at all times."""
    largest = max(float(values[:, view.inside].max()) for values in view.magnitudes.values())
    late = min(
        float(values[:, view.inside].max(axis=1).min())
        for name, values in view.magnitudes.items()
        if name != "difference"
    )
    low = float(np.clip(LATE * late, 10.0**-MOST_DECADES * largest, 10.0**-DECADES * largest))
    return low, largest


def make_scene(view: View) -> Scene:
    """Return the renderer of a 2-D or 3-D view. The caller must close the renderer."""
    return (Plane if view.dimension == 2 else Planes)(view, axis_limits(view), magnitude_range(view))


def draw_curves(view: View, shown: Sequence[int]) -> tuple[Figure, list[Line2D]]:
    """Draw a 1-D view at the time indices `shown`. Return the figure, and the lines of all panels in order."""
    figure = Figure(figsize=(7.1, 2.9))
    panels = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    (right,), (low, high) = axis_limits(view), magnitude_range(view)
    lines = []
    for panel, index in zip(panels, shown, strict=True):
        for name, (colour, width, dashes) in CURVES.items():
            if name in view.spectra:
                xi, magnitude = polynomials(view, view.spectra[name][index])
                lines += panel.plot(xi, magnitude, color=colour, lw=width, linestyle=dashes, label=LABELS[name])
        panel.set(title=time_title(view, index), xlim=(-right, right), ylim=(low, 1.3 * high), yscale="log")
        round_ticks(panel.xaxis, 5)
        open_frame(panel)
    panels[0].set_ylabel(_magnitude_label(view))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(view.spectra))
    figure.supxlabel(frequency_label(view.unit), fontsize=8)
    return figure, lines


def polynomials(view: View, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points xi (m,) and |v| (m,), evaluated from the nodal values v (C, n). NaN marks a gap of the mesh."""
    cells = LinearCells(view)
    xi, magnitude = cells.frequency[:, 0], np.linalg.norm(cells.evaluate(v), axis=0)
    covered = np.zeros(len(xi) - 1, dtype=bool)
    covered[cells.cells.min(axis=1)] = True
    gaps = np.flatnonzero(~covered) + 1
    return np.insert(xi, gaps, np.nan), np.insert(magnitude, gaps, np.nan)


def draw_maps(
    view: View, scene: Scene, spectra: list[list[tuple[str, int]]], columns: Sequence[str], rows: Sequence[str]
) -> tuple[Figure, list[AxesImage]]:
    """Draw maps of a 2-D or 3-D view. Return the figure, and the images of all panels row by row.

    spectra: the name and the time index of each map, by row and column. columns, rows: the titles of columns and rows.
    """
    _, right, _, up = scene.extent
    side = min(5.4 / len(columns), 3.2)
    figure = Figure(figsize=(1.7 + side * len(columns), 0.8 + len(rows) * (0.1 + side * up / right)))
    panels = figure.subplots(len(rows), len(columns), sharex=True, sharey=True, squeeze=False)
    images = []
    for panel_row, title, spectrum_row in zip(panels, rows, spectra, strict=True):
        for panel, spectrum in zip(panel_row, spectrum_row, strict=True):
            images.append(panel.imshow(scene.image(*spectrum), extent=scene.extent, interpolation="antialiased"))
            if view.dimension == 2:
                round_ticks(panel.xaxis, 4)
                round_ticks(panel.yaxis, 4)
            else:
                _label_edges(panel, scene)
        panel_row[0].set_ylabel("\n".join(filter(None, [title, r"$\xi_2$" if view.dimension == 2 else ""])))
    for panel, title in zip(panels[0], columns, strict=True):
        panel.set_title(title)
    colours = ScalarMappable(LogNorm(*magnitude_range(view)), "viridis")
    figure.colorbar(colours, ax=panels, extend="min", shrink=0.8, aspect=30, pad=0.02).set_label(_magnitude_label(view))
    if view.dimension == 2:
        for panel in panels[-1]:
            panel.set_xlabel(r"$\xi_1$")
        axis_label = frequency_label(view.unit)
    else:
        box, through = (", ".join(f"{r:.3g}" for r in values) for values in (scene.limits, peak(view)))
        axis_label = rf"planes through $\xi$ = ({through}) in the box $|\xi_i| \leq$ {box} {view.per_unit}"
    figure.supxlabel(axis_label, fontsize=8)
    return figure, images


def _label_edges(panel: Axes, scene: Scene) -> None:
    """Label each axis near its positive end, outside the box."""
    panel.set(xticks=[], yticks=[], xlim=1.1 * np.array(scene.extent[:2]), ylim=1.1 * np.array(scene.extent[2:]))
    panel.spines[:].set_visible(False)
    panel.yaxis.labelpad = 8
    for axis, edge in enumerate(([0.6, 1, -1], [1, 0.6, -1], [1, -1, 0.6])):
        x, y = scene.to_page(scene.limits * edge)
        side, height = "left" if x > 0 else "right", "top" if axis < 2 else "center"
        panel.text(x, y, rf"$\xi_{axis + 1}$ ", fontsize=7, ha=side, va=height)


def time_title(view: View, index: int) -> str:
    """Return the title of the time with this index."""
    return f"t = {view.time[index]:.6g}"


def _magnitude_label(view: View) -> str:
    return f"{magnitude_label(view.spectra['pde'].shape[1])} {DATA_UNIT}"
