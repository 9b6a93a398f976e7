"""The picture and the movie of a view: |v| of the finite elements, of the network and of their difference, all on one
logarithmic scale.

A 1-D result is drawn as curves over the frequency, a 2-D result as maps, a 3-D result as the three planes through the
largest |v(0)|.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from PIL import Image

from freqbias.compare.spectra import signal_reach
from freqbias.compare.style import (
    DATA_UNIT,
    NN_COLOUR,
    PDE_COLOUR,
    STYLE,
    VERMILION,
    figure_metadata,
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
DECADES = 3  # of the logarithmic scale, below the largest |v|
FRAME_MILLISECONDS = 300
FRAME_DPI = 150


def draw_view(view: View, *paths: Path) -> Figure:
    """Draw |v| at up to four times, save the figure at each of the paths (.png at 300 dpi, .pdf), and return it."""
    shown = panel_times(np.sum(view.magnitudes["pde"] ** 2, axis=1))
    with matplotlib.style.context(STYLE):
        if view.dimension == 1:
            figure, _ = _curves(view, shown)
        else:
            scene = _scene(view)
            panels = [[(name, index) for index in shown] for name in view.spectra]
            columns, rows = [_time_title(view, index) for index in shown], [LABELS[name] for name in view.spectra]
            figure, _ = _maps(view, scene, panels, columns, rows)
            scene.close()
        figure.draw_without_rendering()  # the layout needs two passes
        save_figure(figure, paths, view.name)
    return figure


def animate_view(view: View, path: Path) -> None:
    """Write a GIF with one frame per time."""
    with matplotlib.style.context(STYLE):
        frames = list(_curve_frames(view) if view.dimension == 1 else _map_frames(view))
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0, optimize=False,
        comment=", ".join(figure_metadata(view.name, ".pdf").values()).encode(),
    )  # fmt: skip


def axis_limits(view: View) -> np.ndarray:
    """The largest |xi_i| on the axes, (d,) [cycles/length], just above the frequencies with signal."""
    magnitude = np.concatenate([values for name, values in view.magnitudes.items() if name != "difference"])
    return signal_reach(view.frequency, magnitude, view.limit, leakage=view.leakage)


def magnitude_range(view: View) -> tuple[float, float]:
    """Both ends of the logarithmic scale of |v|."""
    largest = max(float(values[:, view.inside].max()) for values in view.magnitudes.values())
    return 10.0**-DECADES * largest, largest


def _scene(view: View) -> Scene:
    return (Plane if view.dimension == 2 else Planes)(view, axis_limits(view), magnitude_range(view))


def _curves(view: View, shown: Sequence[int]) -> tuple[Figure, list[Line2D]]:
    figure = Figure(figsize=(7.1, 2.9))
    panels = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    (right,), (low, high) = axis_limits(view), magnitude_range(view)
    lines = []
    for panel, index in zip(panels, shown, strict=True):
        for name, (colour, width, dashes) in CURVES.items():
            if name in view.spectra:
                xi, magnitude = _polynomials(view, view.spectra[name][index])
                lines += panel.plot(xi, magnitude, color=colour, lw=width, linestyle=dashes, label=LABELS[name])
        panel.set(title=_time_title(view, index), xlim=(-right, right), ylim=(low, 1.3 * high), yscale="log")
        round_ticks(panel.xaxis, 5)
        open_frame(panel)
    panels[0].set_ylabel(_magnitude_label(view))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(view.spectra))
    figure.supxlabel(frequency_label(view.unit), fontsize=8)
    return figure, lines


def _polynomials(view: View, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """xi (m,) and |v| (m,) along the polynomials of the elements, for v (C, n); NaN where the mesh has a gap."""
    cells = LinearCells(view)
    xi, magnitude = cells.frequency[:, 0], np.linalg.norm(cells.evaluate(v), axis=0)
    covered = np.zeros(len(xi) - 1, dtype=bool)
    covered[cells.cells.min(axis=1)] = True
    gaps = np.flatnonzero(~covered) + 1
    return np.insert(xi, gaps, np.nan), np.insert(magnitude, gaps, np.nan)


def _maps(
    view: View, scene: Scene, spectra: list[list[tuple[str, int]]], columns: Sequence[str], rows: Sequence[str]
) -> tuple[Figure, list[AxesImage]]:
    """Maps of the spectra, given as name and time index by row and column, with titles of the columns and rows."""
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


def _map_frames(view: View) -> Iterator[Image.Image]:
    scene = _scene(view)
    names = list(view.spectra)
    figure, images = _maps(view, scene, [[(name, 0) for name in names]], [LABELS[name] for name in names], [""])
    title = figure.suptitle(_time_title(view, 0), fontsize=8)
    _fix_layout(figure)
    for index in range(len(view.time)):
        title.set_text(_time_title(view, index))
        for name, image in zip(names, images, strict=True):
            image.set_data(scene.image(name, index))
        yield _frame(figure)
    scene.close()


def _curve_frames(view: View) -> Iterator[Image.Image]:
    figure, lines = _curves(view, [0])
    _fix_layout(figure)
    for index in range(len(view.time)):
        figure.axes[0].set_title(_time_title(view, index))
        for name, line in zip(view.spectra, lines, strict=True):
            line.set_data(*_polynomials(view, view.spectra[name][index]))
        yield _frame(figure)


def _fix_layout(figure: Figure) -> None:
    """Fix the layout of the first frame for all frames, so that only the data and the time move."""
    figure.set_dpi(FRAME_DPI)
    for _ in range(2):  # the layout needs two passes
        figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _frame(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)


def _time_title(view: View, index: int) -> str:
    return f"$t$ = {view.time[index]:.6g}"


def _magnitude_label(view: View) -> str:
    return f"{magnitude_label(view.spectra['pde'].shape[1])} {DATA_UNIT}"
