"""Write the movie of a view, with one frame of curves or maps per output time."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from freqbias.compare.style import STYLE, figure_metadata, fix_layout, lay_out
from freqbias.compare.view.record import View
from freqbias.compare.view.view_figure import LABELS, draw_curves, draw_maps, make_scene, polynomials, time_title

FRAME_MILLISECONDS = 300
FRAME_DPI = 150


def animate_view(view: View, path: Path) -> None:
    """Write the movie as a GIF file."""
    with matplotlib.style.context(STYLE):
        frames = list(_curve_frames(view) if view.dimension == 1 else _map_frames(view))
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0, optimize=False,
        comment=", ".join(figure_metadata(view.name, ".pdf").values()).encode(),
    )  # fmt: skip


def _map_frames(view: View) -> Iterator[Image.Image]:
    scene = make_scene(view)
    names = list(view.spectra)
    figure, images = draw_maps(view, scene, [[(name, 0) for name in names]], [LABELS[name] for name in names], [""])
    title = figure.suptitle(time_title(view, 0), fontsize=8)
    lay_out(figure)
    fix_layout(figure, FRAME_DPI)
    for index in range(len(view.time)):
        title.set_text(time_title(view, index))
        for name, image in zip(names, images, strict=True):
            image.set_data(scene.image(name, index))
        yield _frame(figure)
    scene.close()


def _curve_frames(view: View) -> Iterator[Image.Image]:
    figure, lines = draw_curves(view, [0])
    lay_out(figure)
    fix_layout(figure, FRAME_DPI)
    for index in range(len(view.time)):
        figure.axes[0].set_title(time_title(view, index))
        for name, line in zip(view.spectra, lines, strict=True):
            line.set_data(*polynomials(view, view.spectra[name][index]))
        yield _frame(figure)


def _frame(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
