"""Draw a sweep: the loss over the swept keys, and over time. What is drawn follows from what was swept."""

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from freqbias.compare.style import STYLE, open_frame, save_figure
from freqbias.compare.sweep.losses import TITLES, last_value, ordering_loss

if TYPE_CHECKING:
    import xarray as xr

MOST_CURVES = 12
MOST_NUMBERS = 60  # cells of a heat map in which the numbers are written
NOT_KEYS = ("time", "output", "band", "stage")


def draw_sweep(data: "xr.Dataset", *paths: Path, title: str = "sweep") -> Figure | None:
    """Draw the loss that orders the runs, save the figure to `paths` (.png, .pdf) and return it.

    Left: the loss at the last time, over one key as a curve, or over two keys as a heat map. More keys are shown at
    their best values. Right: the loss over time, a curve for each value of the first keys. Bands and curves contain all
    seeds: the line is the median, the band reaches from the lowest to the highest loss.
    Return None if no run has a loss.
    """
    loss = ordering_loss(data)
    if loss is None:
        return None
    values = data[loss]
    along = str(values.dims[-1])
    keys = [str(name) for name in values.dims if name not in (*NOT_KEYS, "seed") and data.sizes[name] > 1]
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(7.1, 3.0) if keys else (3.5, 2.8))
        panels = figure.subplots(1, 2 if keys else 1, squeeze=False)[0]
        if keys:
            kept, note = _at_best(last_value(values), keys)
            if len(kept.dims) - ("seed" in kept.dims) == 1:
                _draw_curve(panels[0], kept)
            else:
                _draw_map(figure, panels[0], kept, TITLES[loss])
            panels[0].set_title(note)
            if len(kept.dims) - ("seed" in kept.dims) == 1:
                panels[0].set_ylabel(f"{TITLES[loss]} at the end")
        _draw_times(panels[-1], data, values, keys, along)
        panels[-1].set_ylabel(TITLES[loss])
        save_figure(figure, paths, title)
    return figure


def _at_best(values: "xr.DataArray", keys: list[str]) -> "tuple[xr.DataArray, str]":
    """Return the values over the first two keys, with the others where the lowest loss is, and a note that says so."""
    squeezed = values.squeeze([name for name in values.dims if values.sizes[name] == 1], drop=True)
    mean = squeezed.mean("seed") if "seed" in squeezed.dims else squeezed
    best = mean.argmin(list(mean.dims)) if mean.dims else {}
    others = keys[2:]
    where = {key: int(best[key]) for key in others}
    note = ", ".join(f"{key} = {_value(values, key, index)}" for key, index in where.items())
    return squeezed.isel(where), note


def _value(values: "xr.DataArray", key: str, index: int) -> str:
    if key not in values.coords:
        return str(index)
    value = values[key].values[index]
    return f"{value:g}" if np.issubdtype(values[key].dtype, np.number) else str(value)


def _axis(values: "xr.DataArray", key: str) -> np.ndarray:
    return values[key].values if key in values.coords else np.arange(values.sizes[key])


def _draw_curve(panel: Axes, values: "xr.DataArray") -> None:
    """Draw the loss over one key, and mark the lowest loss."""
    key = next(str(name) for name in values.dims if name != "seed")
    axis = _axis(values, key)
    numbers = np.issubdtype(axis.dtype, np.number)
    x = axis if numbers else np.arange(axis.size)
    low, middle, high = _spread(values)
    panel.fill_between(x, low, high, alpha=0.25, linewidth=0)
    panel.plot(x, middle, marker="o", markersize=3, linewidth=1)
    best = int(np.nanargmin(middle))
    panel.plot(x[best], middle[best], marker="*", markersize=9, color="black", linestyle="none")
    panel.set_yscale("log")
    if numbers and (x > 0).all() and x.max() >= 8 * x.min():
        panel.set_xscale("log", base=2)
    panel.set_xticks(x if x.size <= 10 else x[:: -(-x.size // 8)])
    panel.set_xticks([], minor=True)
    panel.set_xticklabels([_value(values, key, int(np.flatnonzero(x == tick)[0])) for tick in panel.get_xticks()])
    panel.set_xlabel(key)
    open_frame(panel)


def _draw_map(figure: Figure, panel: Axes, values: "xr.DataArray", title: str) -> None:
    """Draw the loss over two keys, with the numbers in the cells, and mark the lowest loss."""
    mean = values.mean("seed") if "seed" in values.dims else values
    first, second = map(str, mean.dims)
    table = mean.values
    positive = table[np.isfinite(table) & (table > 0)]
    norm = LogNorm(positive.min(), positive.max()) if positive.size and positive.max() > 1.5 * positive.min() else None
    image = panel.imshow(table, aspect="auto", origin="lower", norm=norm, cmap="viridis_r")
    for axis, key, count in ((panel.yaxis, first, table.shape[0]), (panel.xaxis, second, table.shape[1])):
        shown = range(0, count, -(-count // 10))
        axis.set_ticks(list(shown), [_value(mean, key, index) for index in shown])
    panel.set(xlabel=second, ylabel=first)
    if table.size <= MOST_NUMBERS and positive.size:
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                shade = float(np.asarray(image.norm(value)))
                panel.text(
                    column, row, f"{value:.2g}", ha="center", va="center", fontsize=6.5,
                    color="black" if shade < 0.55 else "white",
                )  # fmt: skip
    if positive.size:
        row, column = np.unravel_index(np.nanargmin(table), table.shape)
        panel.plot(column, row + 0.3, marker="*", color="black", markersize=5, linestyle="none")
    figure.colorbar(
        image, ax=panel, label=f"{title} at the end" + (", mean over seeds" if "seed" in values.dims else "")
    )


def _draw_times(panel: Axes, data: "xr.Dataset", values: "xr.DataArray", keys: list[str], along: str) -> None:
    """Draw the loss over time: a curve for each combination of the keys, or for the best if there are many."""
    over = [key for key in values.dims if key not in keys and key != along]
    combined = values.transpose(*keys, *over, along).values
    curves = combined.reshape(-1, max(1, int(np.prod([values.sizes[key] for key in over]))), values.sizes[along])
    time = data["time"].values
    times = time if time.ndim == 1 else data["time"].transpose(*keys, *over, along).values.reshape(curves.shape)
    labels = [
        ", ".join(
            f"{key.split('.')[-1]} {_value(values, key, index)}" for key, index in zip(keys, indices, strict=True)
        )
        for indices in np.ndindex(*(values.sizes[key] for key in keys))
    ]
    ends = [np.nanmedian(curve[:, -1]) if np.isfinite(curve[:, -1]).any() else np.inf for curve in curves]
    shown = [int(index) for index in np.argsort(ends, kind="stable")[:MOST_CURVES] if np.isfinite(ends[index])]
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, max(len(shown), 1)))
    for colour, index in zip(colours, shown, strict=False):
        x = times if times.ndim == 1 else np.nanmax(times[index], axis=0)
        low, middle, high = _band(curves[index])
        panel.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        panel.plot(x, middle, color=colour, linewidth=1, label=labels[index] or None)
    panel.set(xlabel="gradient-flow time t", yscale="log")
    if len(shown) > 1:
        more = len(labels) - len(shown)
        panel.legend(fontsize=6, title=f"the best {len(shown)}" if more else None, title_fontsize=6)
    open_frame(panel)


def _spread(values: "xr.DataArray") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lowest, median and highest value over the seeds."""
    if "seed" not in values.dims:
        return values.values, values.values, values.values
    return _band(values.transpose("seed", ...).values)


def _band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lowest, median and highest value over the first axis, NaN where there is no value."""
    known = np.isfinite(values).any(axis=0)
    filled = np.where(known, values, 0.0)
    return tuple(  # type: ignore[return-value]
        np.where(known, function(filled, axis=0), np.nan) for function in (np.nanmin, np.nanmedian, np.nanmax)
    )
