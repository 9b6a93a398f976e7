"""Figure 4: the finite-element solution against the network, |v| of both and of their difference at several times,
and of what the network's kernels predict, where that is there.

In one dimension curves, the differences below on a scale of their own; in two dimensions maps, all on one logarithmic
colour scale. Several channels are shown as the root of the sum over channels of |v_c|^2.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import Any, Protocol

import matplotlib.style
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import Triangulation
from scipy.spatial import Delaunay

from freqbias.compare.comparison.metrics import Comparison
from freqbias.compare.kappa import least_signal
from freqbias.compare.spectra import lagrange_element
from freqbias.compare.style import KERNELS, NN_COLOUR, PDE_COLOUR, STYLE, TICKS, UNIT, percent

PANELS = 4
FLOOR = 0.03  # of the largest difference: there the colour scale begins,
LOWEST, HIGHEST = 1e-5, 1e-2  # but not below or above these shares of the largest magnitude
SIGNAL = 0.02  # of the largest magnitude: the axes reach as far as there is that much
LEAST_ERROR = 1e-4  # below it a title does not give the digits, which are those of rounding
LEAST_SIDE = 1.4  # inches of a map, which its title takes
PAGE = 8.2  # inches that all rows of maps may take
LINE = 16  # letters in a line of a name beside a map: longer lines would meet
MARKERS = 12  # along the axis: the curves lie on one another


class Described(Protocol):
    """What says of itself where it comes from."""

    @property
    def attributes(self) -> Mapping[str, Any]: ...
    @property
    def limit(self) -> np.ndarray: ...


def draw_comparison(comparison: Comparison, *paths: Path) -> Figure:
    """Draw the comparison, save it at each of paths (.png at 300 dpi, .pdf), and return the figure.

    Raises ValueError for a comparison in three dimensions, which is for ParaView.
    """
    dimension = comparison.frequency.shape[1]
    if dimension > 2:
        raise ValueError("figure4 is drawn in one and two dimensions; look at fields.pvd in ParaView")
    with matplotlib.style.context(STYLE):
        figure = _curves(comparison) if dimension == 1 else _maps(comparison)
        figure.draw_without_rendering()  # the layout takes two passes
        for path in paths:
            figure.savefig(path, metadata=provenance(comparison, path.suffix))
    return figure


def panel_times(loss: np.ndarray, count: int = PANELS) -> list[int]:
    """Indices of the times to show: the first, the last, and between them equal factors of the loss."""
    log_loss = np.log(np.maximum(loss, np.finfo(float).tiny))
    levels = np.linspace(log_loss[0], log_loss[-1], count)
    nearest = [int(np.abs(log_loss - level).argmin()) for level in levels[1:-1]]
    return sorted({0, *nearest, len(loss) - 1})


def _curves(comparison: Comparison) -> Figure:
    shown = panel_times(comparison.metrics["loss_nn"])
    kernels = shown_kernels(comparison)
    xi, *spectra = along_the_axis(comparison, shown, [values for values, *_ in kernels])
    pde, nn, *predicted = map(_magnitude, spectra)
    difference, *predicted_differences = (_magnitude(values - spectra[0]) for values in spectra[1:])
    (reach,) = _reach(comparison, xi[:, None], np.maximum(pde, nn))
    every = 1 + np.count_nonzero(np.abs(xi) <= reach) // MARKERS

    figure = Figure(figsize=(7.1, 3.1))
    ratios = {"height_ratios": [2, 1]}
    axes = figure.subplots(2, len(shown), sharex=True, sharey="row", squeeze=False, gridspec_kw=ratios)
    for k, (upper, lower) in enumerate(axes.T):
        upper.plot(xi, pde[k], color=PDE_COLOUR, linewidth=1.7, label="finite elements")
        upper.plot(xi, nn[k], color=NN_COLOUR, linewidth=0.6, linestyle=(0, (3, 1.5)), label=network_words(comparison))
        upper.set_title(_title(comparison, shown[k]))
        lower.plot(xi, difference[k], color=NN_COLOUR, linewidth=0.8)
        for i, (_, colour, marker, words) in enumerate(kernels):
            how: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3, "markerfacecolor": "none"}
            how |= {"markeredgewidth": 0.7, "linestyle": "none", "markevery": (i * every // 2, every), "label": words}
            upper.plot(xi, predicted[i][k], **how)
            lower.plot(xi, predicted_differences[i][k], **how)
        lower.xaxis.set_major_locator(MaxNLocator(5, steps=TICKS))
        for panel in (upper, lower):
            panel.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set(xlim=(-reach, reach), ylim=(0, None))
    axes[1, 0].set(ylim=(0, None))
    for panel, what in zip(axes[:, 0], ("v", r"v - v_\mathrm{pde}"), strict=True):
        panel.set_ylabel(f"{_label(comparison, what)}\n{UNIT}", linespacing=1.4)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2 + len(kernels))
    figure.supxlabel(rf"frequency $\xi$ ({per_unit(comparison)}{limits(comparison)})", fontsize=8)
    return figure


def _maps(comparison: Comparison) -> Figure:
    shown = panel_times(comparison.metrics["loss_nn"])
    pde, nn = comparison.pde[shown], comparison.nn[shown]
    kernels = {words: _magnitude(values[shown]) for values, *_, words in shown_kernels(comparison)}
    rows = [_magnitude(pde), *kernels.values(), _magnitude(nn), _magnitude(nn - pde)]
    names = ["finite elements", *kernels, network_words(comparison), "difference"]
    largest = max(row.max() for row in rows)
    reach = _reach(comparison, comparison.frequency, np.maximum(rows[0], rows[-2]))
    triangulation = _triangles(comparison, reach)
    floor = float(np.clip(FLOOR * rows[-1].max(), LOWEST * largest, HIGHEST * largest))
    norm = LogNorm(floor, largest)

    aspect = min(1.6, reach[1] / reach[0])
    side = min(5.6 / len(shown), max(LEAST_SIDE, PAGE / (len(rows) * aspect)))
    figure = Figure(figsize=(1.5 + len(shown) * side, 0.9 + min(PAGE, len(rows) * side * aspect)))
    axes = figure.subplots(len(rows), len(shown), sharex=True, sharey=True, squeeze=False)
    for values, panels, name in zip(rows, axes, names, strict=True):
        for value, panel in zip(values, panels, strict=True):
            image = panel.tripcolor(
                triangulation, np.maximum(value, floor), norm=norm, shading="gouraud", rasterized=True
            )
            panel.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]), aspect="equal")
            panel.xaxis.set_major_locator(MaxNLocator(4, steps=TICKS))
            panel.yaxis.set_major_locator(MaxNLocator(4, steps=TICKS))
        panels[0].set_ylabel(fill(name, LINE) + "\n" + r"$\xi_2$")
    for panel, index in zip(axes[0], shown, strict=True):
        panel.set_title(_title(comparison, index))
    for panel in axes[-1]:
        panel.set_xlabel(r"$\xi_1$")
    bar = figure.colorbar(image, ax=axes, extend="min", shrink=0.7, aspect=35, pad=0.02)
    labels = [_label(comparison, what) for what in ("v", r"v_\mathrm{nn} - v_\mathrm{pde}")]
    bar.set_label(f"{labels[0]} and {labels[1]} {UNIT}")
    figure.supxlabel(rf"frequency $\xi$ ({per_unit(comparison)}{limits(comparison)})", fontsize=8)
    return figure


def along_the_axis(comparison: Comparison, shown: list[int], others: list[np.ndarray]) -> list[np.ndarray]:
    """xi (n,), both spectra and the others (T, C, n), the elements' polynomials drawn out at several points between
    their nodes; NaN where the mesh has a gap."""
    element = lagrange_element(comparison.cell_type, comparison.degree)
    points = np.linspace(0, 1, 3 * comparison.degree + 1)[:, None]
    basis = np.asarray(element.tabulate(0, points))[0, :, :, 0]
    xi = (comparison.frequency[comparison.cells, 0] @ basis.T).ravel()
    order = np.argsort(xi, kind="stable")
    order = order[np.abs(xi[order]) <= comparison.limit[0] * (1 + 1e-12)]
    xi = xi[order]
    spectra = (values[shown][..., comparison.cells] @ basis.T for values in (comparison.pde, comparison.nn, *others))
    drawn = [values.reshape(*values.shape[:2], -1)[..., order] for values in spectra]
    holes = np.searchsorted(xi, gaps(comparison.frequency, comparison.cells), side="right")
    return [np.insert(values, holes, np.nan, axis=-1) for values in (xi, *drawn)]


def gaps(frequency: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Where the holes of a mesh in one dimension begin, (g,) [cycles/length]."""
    ends = np.sort(frequency[cells, 0], axis=1)[:, [0, -1]]
    left, right = ends[np.argsort(ends[:, 0])].T
    return right[:-1][left[1:] - right[:-1] > 1e-9 * np.ptp(ends)]


def shown_kernels(comparison: Comparison) -> list[tuple[np.ndarray, str, str, str]]:
    """Spectra (T, C, n), colour, marker and words of each prediction that is shown."""
    found = []
    for names, colour, marker, words in KERNELS:
        there = [comparison.predictions[name] for name in names if name in comparison.predictions]
        found += [(values, colour, marker, words) for values in there[:1]]
    return found


def _triangles(comparison: Comparison, reach: np.ndarray) -> Triangulation:
    """Triangles between the nodes of each cell, where the axes reach and within the Nyquist box."""
    points = np.asarray(lagrange_element(comparison.cell_type, comparison.degree).points)
    pieces = Delaunay(points).simplices
    edges = points[pieces[:, 1:]] - points[pieces[:, :1]]
    pieces = pieces[np.abs(np.linalg.det(edges)) > 1e-9]
    triangles = comparison.cells[:, pieces].reshape(-1, 3)
    corners = np.abs(comparison.frequency[triangles])
    seen = (corners.min(axis=1) <= reach).all(axis=1) & (corners.mean(axis=1) <= comparison.limit).all(axis=1)
    return Triangulation(comparison.frequency[:, 0], comparison.frequency[:, 1], triangles[seen])


def reach_of(xi: np.ndarray, magnitude: np.ndarray, limit: np.ndarray, *, leakage: float) -> np.ndarray:
    """How far the axes go, (d,): a little further than the signal, but not beyond the mesh or the Nyquist box
    |xi_i| <= limit_i. What samples at random places leave at every frequency, `leakage`, is none, unless there is
    nothing else. xi (n, d); magnitude (T, n)."""
    inside = (np.abs(xi) <= limit * (1 + 1e-12)).all(axis=1)
    signal = inside & (magnitude.max(axis=0) > least_signal(magnitude[:, inside].max(), leakage, SIGNAL))
    return np.minimum((1.5 if leakage else 1.15) * np.abs(xi[signal]).max(axis=0), np.abs(xi[inside]).max(axis=0))


def _reach(comparison: Comparison, xi: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    return reach_of(xi, magnitude, comparison.limit, leakage=comparison.attributes.get("leakage", 0.0))


def _magnitude(v: np.ndarray) -> np.ndarray:
    """(T, C, n) -> (T, n)."""
    return np.linalg.norm(v, axis=1)


def _title(comparison: Comparison, index: int) -> str:
    error = comparison.metrics["relative_l2_error"][index]
    shown = f"relative error {percent(error)}" if error >= LEAST_ERROR else f"relative error < {percent(LEAST_ERROR)}"
    return f"$t$ = {comparison.time[index]:.4g}\n" + ("no error left" if np.isnan(error) else shown)


def _label(comparison: Comparison, what: str) -> str:
    if comparison.pde.shape[1] == 1:
        return f"$|{what}|$"
    return rf"$(\sum_c |{what}|_c^2)^{{1/2}}$" if len(what) > 1 else rf"$(\sum_c |{what}_c|^2)^{{1/2}}$"


def network_words(comparison: Described) -> str:
    width, depth = comparison.attributes.get("width"), comparison.attributes.get("depth", 2)
    if width is None:
        return "network"
    return f"network, {width:,} neurons" if depth == 2 else f"network of {depth} layers, width {width:,}"


def per_unit(comparison: Described) -> str:
    return f"cycles/{comparison.attributes.get('unit') or 'unit length'}"


def limits(comparison: Described) -> str:
    """Of the data; scattered samples have none."""
    if not np.isfinite(comparison.limit).all():
        return ""
    return "; Nyquist limit " + ", ".join(f"±{float(f'{limit:.4g}'):g}" for limit in comparison.limit)


def provenance(comparison: Described, suffix: str) -> dict[str, str]:
    """What a figure's file says of itself."""
    program = f"freqbias {version('freqbias')}"
    name = str(comparison.attributes.get("name", ""))
    if suffix == ".png":
        return {"Title": name, "Software": program}
    return {"Title": name, "Creator": program}
