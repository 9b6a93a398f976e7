"""Draw figure 4 in two dimensions: maps of |v| at several times.

The maps of a time share one logarithmic colour scale. The map of the difference has a scale of its own, so late times
and small differences are as visible as the start. Colour bars show the scales.
"""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from matplotlib.tri import Triangulation

from freqbias.compare.comparison.band_profiles import draw_profiles
from freqbias.compare.comparison.record import Comparison
from freqbias.compare.comparison.spectra_panels import (
    axes_reach,
    axis_label,
    label_frequency,
    magnitude,
    panel_title,
    smallest_error,
)
from freqbias.compare.spectra import lagrange_element
from freqbias.compare.style import DATA_UNIT, drawn_predictions, network_label, panel_times, round_ticks

FLOOR = 0.01  # fraction of the largest value of a map at which its colour scale begins, if all maps have similar values
MIN_FLOOR, MAX_FLOOR = 1e-5, 1e-3  # bounds on the lower end of the colour scale, as fractions of the upper end
MIN_MAP_SIDE = 1.4  # inches; a narrower map has no space for its title
MAPS_HEIGHT = 8.2  # inches; the largest height of all rows of maps and colour bars together
BARS_HEIGHT = 0.9  # inches; two rows of colour bars
PROFILE_HEIGHT = 1.2  # inches; a row of profiles over |xi| with the band over draws
NAME_WIDTH = 16  # letters in a line of a name beside a map; longer lines would overlap


def draw_maps(comparison: Comparison) -> Figure:
    """Return the figure of a comparison in two dimensions."""
    shown = panel_times(comparison.metrics["loss_nn"])
    pde, nn = comparison.pde[shown], comparison.nn[shown]
    kernels = {
        kernel.label: magnitude(comparison.predictions[name][shown])
        for name, kernel in drawn_predictions(comparison.predictions)
    }
    rows = [magnitude(pde), *kernels.values(), magnitude(nn), magnitude(nn - pde)]
    names = ["finite elements", *kernels, network_label(comparison.attributes), "difference"]
    reach = axes_reach(comparison, comparison.frequency, np.maximum(rows[0], rows[-2]), rows[-1:])
    triangulation = _triangulation(comparison, reach)
    visible = np.unique(triangulation.triangles)

    aspect = min(1.6, reach[1] / reach[0])
    side = min(5.6 / len(shown), max(MIN_MAP_SIDE, (MAPS_HEIGHT - BARS_HEIGHT) / (len(rows) * aspect)))
    height = min(MAPS_HEIGHT, len(rows) * side * aspect + BARS_HEIGHT)
    profile = None if comparison.band is None else comparison.band.profile
    more = 0.0 if profile is None else PROFILE_HEIGHT
    figure = Figure(figsize=(1.1 + len(shown) * side, 0.9 + height + more))
    ratios = [(height - BARS_HEIGHT) / len(rows)] * len(rows) + [more] * bool(more)
    grid = figure.add_gridspec(len(ratios), len(shown), height_ratios=ratios)
    axes = grid[: len(rows), :].subgridspec(len(rows), len(shown)).subplots(sharex=True, sharey=True, squeeze=False)
    if profile is not None:
        draw_profiles(
            comparison, profile, shown, float(reach.max()), [figure.add_subplot(grid[-1, k]) for k in range(len(shown))]
        )
    for k, panels in enumerate(axes.T):
        values = [row[k] for row in rows]
        largest = [float(value[visible].max()) for value in values]
        start = float(rows[0][0].max())  # of the finite elements at the first time; more than 0
        top = max(*largest[:-1], np.finfo(float).tiny / MIN_FLOOR, MIN_FLOOR * smallest_error(comparison) * start)
        floor = float(np.clip(FLOOR * min(largest[:-1]), MIN_FLOOR * top, MAX_FLOOR * top))
        difference = max(largest[-1], smallest_error(comparison) * top)
        _draw_column(triangulation, values[:-1], panels[:-1], (floor, top))
        _draw_column(triangulation, values[-1:], panels[-1:], (FLOOR * difference, difference))
        panels[0].set_title(panel_title(comparison, shown[k]))
        panels[-1].set_xlabel(r"$\xi_1$")
    axes[0, 0].set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]))
    round_ticks(axes[0, 0].xaxis, 4)
    round_ticks(axes[0, 0].yaxis, 4)
    for panel, name in zip(axes[:, 0], names, strict=True):
        panel.set_ylabel(fill(name, NAME_WIDTH) + "\n" + r"$\xi_2$")
    labels = [axis_label(comparison, symbol) for symbol in ("v", r"\Delta v")]
    label_frequency(
        figure,
        comparison,
        f"colours: {labels[0]}, and {labels[1]} for the difference {DATA_UNIT},",
        "with scales of their own at each time",
    )
    return figure


def _draw_column(
    triangulation: Triangulation, values: Sequence[np.ndarray], panels: Sequence[Axes], limits: tuple[float, float]
) -> None:
    """Draw maps on one colour scale with these limits, and the colour bar of this scale below the maps."""
    norm = LogNorm(*limits)
    for value, panel in zip(values, panels, strict=True):
        image = panel.tripcolor(
            triangulation, np.maximum(value, limits[0]), norm=norm, shading="gouraud", rasterized=True
        )
        panel.set_aspect("equal")
    bar = panels[-1].figure.colorbar(image, ax=list(panels), location="bottom", extend="min", aspect=18, pad=0.01)
    bar.ax.xaxis.set_major_locator(LogLocator(numticks=4))
    bar.ax.tick_params(labelsize=6.5)


def _triangulation(comparison: Comparison, reach: np.ndarray) -> Triangulation:
    """Divide the cells into triangles between their nodes. Keep the triangles within the axes and the Nyquist box."""
    from scipy.spatial import Delaunay  # slow to import

    points = np.asarray(lagrange_element(comparison.cell_type, comparison.degree).points)
    pieces = Delaunay(points).simplices
    edges = points[pieces[:, 1:]] - points[pieces[:, :1]]
    pieces = pieces[np.abs(np.linalg.det(edges)) > 1e-9]
    triangles = comparison.cells[:, pieces].reshape(-1, 3)
    corners = np.abs(comparison.frequency[triangles])
    visible = (corners.min(axis=1) <= reach).all(axis=1) & (corners.mean(axis=1) <= comparison.limit).all(axis=1)
    return Triangulation(comparison.frequency[:, 0], comparison.frequency[:, 1], triangles[visible])
