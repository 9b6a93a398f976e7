"""Draw the output of network and equation at up to four times: lines in 1-D, pictures in 2-D, middle slices in 3-D."""

from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from freqbias.compare.comparison.learned import Learned
from freqbias.compare.style import (
    NN_COLOUR,
    PDE_COLOUR,
    STYLE,
    open_frame,
    panel_times,
    round_ticks,
    save_figure,
)

NAMES = {"nn": "network", "pde": "equation"}
CHANNELS = 3  # channels with panels of their own
TARGET_COLOUR = "#b0b0b0"
VALUE = "value (unit of the data)"
UNUSED_COLOUR = "#d8d8d8"  # of points without a value
ROUNDING = 1e-9  # of values that standardize has scaled and the comparison scales back
UNUSED = "not used for training"


def draw_learned(learned: Learned, *paths: Path) -> Figure:
    """Draw the target and f(x, t). Save the figure to all paths (.png at 300 dpi, .pdf) and return the figure.

    Three channels with values from 0 to 1 are an image in red, green and blue. Of other channels, the first three are
    drawn separately. Points without a known value, which were not used for training, are grey or gaps.
    """
    used = learned.used
    shown = panel_times(np.mean((learned.fields["nn"] - learned.target)[..., used] ** 2, axis=(1, 2)))
    with matplotlib.style.context(STYLE):
        figure = _lines(learned, shown) if learned.dimension == 1 else _pictures(learned, shown)
        save_figure(figure, paths, learned.name)
    return figure


def is_rgb(learned: Learned) -> bool:
    """Return whether the target is an image in red, green and blue."""
    target = learned.target[..., learned.used]
    return bool(
        learned.dimension == 2 and len(target) == 3 and target.min() >= -ROUNDING and target.max() <= 1 + ROUNDING
    )


def _lines(learned: Learned, shown: list[int]) -> Figure:
    channels = min(CHANNELS, len(learned.target))
    figure = Figure(figsize=(7.1, 1.0 + 1.5 * channels))
    axes = figure.subplots(channels, len(shown), sharex=True, sharey="row", squeeze=False)
    (x,) = learned.axes
    marker = "." if learned.has_gaps else ""  # no line shows a point between two gaps
    for channel, panels in enumerate(axes):
        for panel, index in zip(panels, shown, strict=True):
            panel.plot(x, learned.target[channel], color=TARGET_COLOUR, linewidth=2.2, marker=marker, label="target")
            for name, style in (("pde", (PDE_COLOUR, 1.2, "-")), ("nn", (NN_COLOUR, 0.6, (0, (3, 1.5))))):
                if name in learned.fields:
                    colour, width, dashes = style
                    values = learned.fields[name][index, channel]
                    panel.plot(
                        x, values, color=colour, linewidth=width, linestyle=dashes, marker=marker, markersize=1.5,
                        label=NAMES[name],
                    )  # fmt: skip
            open_frame(panel)
            round_ticks(panel.yaxis, 4)
        panels[0].set_ylabel(_label(learned, "$f$", channel))
    axes[0, 0].set_xlim(x[0], x[-1])
    round_ticks(axes[0, 0].xaxis, 4)
    for panel, index in zip(axes[0], shown, strict=True):
        panel.set_title(f"{_time(learned, index)}\n{_quality(learned, 'nn', index)}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    words = f"{_position(learned, 0)}; $f$: {VALUE}; PSNR of the network"
    figure.supxlabel(f"{words}; gaps: {UNUSED}" if learned.has_gaps else words, fontsize=8)
    return figure


def _pictures(learned: Learned, shown: list[int]) -> Figure:
    rgb = is_rgb(learned)
    channels = 1 if rgb else min(CHANNELS, len(learned.target))
    sources = [name for name in NAMES if name in learned.fields]
    x, y = learned.axes[:2]
    (left, right), (low, high) = _edges(x), _edges(y)
    aspect = float(np.clip((high - low) / (right - left), 0.3, 1.6))
    rows, columns = channels * len(sources), 1 + len(shown)
    side = min(5.6 / columns, 7.0 / (rows * aspect))
    figure = Figure(figsize=(1.5 + columns * side, 0.8 + rows * (side * aspect + 0.2)))
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for row, panels in enumerate(axes):
        channel, source = divmod(row, len(sources))
        name = sources[source]

        def picture(values: np.ndarray, channel: int = channel) -> np.ndarray:
            """Return the colours or values of an image, with x_1 to the right and x_2 up."""
            if learned.dimension == 3:
                values = values[..., values.shape[-1] // 2]
            return _colours(values.transpose(2, 1, 0)) if rgb else values[channel].T

        known = learned.target[channel, learned.used]
        limits = (None, None) if rgb else (known.min(), known.max())
        images = [learned.target, *(learned.fields[name][index] for index in shown)]
        drawn: list[AxesImage] = []
        for panel, values in zip(panels, images, strict=True):
            drawn.append(
                panel.imshow(
                    picture(values), origin="lower", extent=(left, right, low, high), aspect="equal",
                    vmin=limits[0], vmax=limits[1], interpolation="nearest",
                )
            )  # fmt: skip
            panel.set_facecolor(UNUSED_COLOUR)  # shines through where a picture has no value
            round_ticks(panel.xaxis, 3)
            round_ticks(panel.yaxis, 3)
        panels[0].set_title("target" if not row else "")
        for panel, index in zip(panels[1:], shown, strict=True):
            quality = _quality(learned, name, index) if not channel else ""
            panel.set_title("\n".join(filter(None, [_time(learned, index) if not row else "", quality])))
        panels[0].set_ylabel(_label(learned, NAMES[name], channel) + "\n$x_2$")
        if not rgb and name == sources[-1]:
            group = axes[row + 1 - len(sources) : row + 1].ravel().tolist()
            bar = figure.colorbar(drawn[0], ax=group, extend="both", shrink=0.8, aspect=25, pad=0.01)
            bar.ax.tick_params(labelsize=6.5)
    for panel in axes[-1]:
        panel.set_xlabel("$x_1$")
    words = _position(learned, None) + ("" if rgb else f"; colours: {VALUE}")
    if learned.dimension == 3:
        middle = learned.axes[2][len(learned.axes[2]) // 2]
        words += f"; slice $x_3$ = {middle:.3g}"
    figure.supxlabel(f"{words}; grey: {UNUSED}" if learned.has_gaps else words, fontsize=8)
    return figure


def _colours(values: np.ndarray) -> np.ndarray:
    """Return the colours of an image, (n, m, 3), and transparent colours, (n, m, 4), if values are missing."""
    missing = np.isnan(values).any(axis=-1, keepdims=True)
    colours = np.clip(np.where(missing, 0.0, values), 0, 1)
    return np.concatenate([colours, 1.0 - missing], axis=-1) if missing.any() else colours


def _edges(axis: np.ndarray) -> tuple[float, float]:
    """Return both ends of the box around cell centres."""
    half = (axis[-1] - axis[0]) / (2 * (len(axis) - 1)) if len(axis) > 1 else 0.5
    return float(axis[0] - half), float(axis[-1] + half)


def _time(learned: Learned, index: int) -> str:
    return f"$t$ = {learned.time[index]:.4g}"


def _quality(learned: Learned, name: str, index: int) -> str:
    ratio, held_out = learned.psnr(name)[index], learned.psnr_held_out(name)[index]
    words = [f"PSNR {ratio:.1f} dB"] if np.isfinite(ratio) else []
    return "\n".join([*words, f"held out {held_out:.1f} dB"] if np.isfinite(held_out) else words)


def _label(learned: Learned, name: str, channel: int) -> str:
    count = len(learned.target)
    return name if count == 1 or is_rgb(learned) else f"{name}, channel {channel + 1} of {count}"


def _position(learned: Learned, axis: int | None) -> str:
    symbol = "x" if axis is not None else "(x_1, x_2)" if learned.dimension == 2 else "(x_1, x_2, x_3)"
    return f"position ${symbol}$ ({learned.attributes.get('unit') or 'unit length'})"
