"""Save figures, with metadata that name the source of each figure."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from freqbias.compare.style.plain_text import use_plain_text
from freqbias.runtime import version_of

PASSES = 2  # of the layout, which depends on the ticks, which depend on the layout


def lay_out(figure: Figure, dpi: float) -> None:
    """Compute the layout of a figure for a resolution [dots/inch], and keep it: it takes as long as the drawing."""
    use_plain_text(figure)
    figure.set_dpi(dpi)  # the size of text depends on it
    if engine := figure.get_layout_engine():
        for _ in range(PASSES):
            engine.execute(figure)
    figure.set_layout_engine("none")


def save_figure(figure: Figure, paths: Iterable[Path], title: str) -> None:
    """Save a figure to all paths (.png at 300 dpi, .pdf)."""
    lay_out(figure, matplotlib.rcParams["savefig.dpi"])
    for path in paths:
        figure.savefig(path, metadata=figure_metadata(title, path.suffix))


def figure_metadata(title: str, suffix: str, source: str = "") -> dict[str, str]:
    """Return the metadata for the file of a figure: the title, this program, and the source of the data.

    suffix: the suffix of the file, because PNG and PDF use different keys. source: a description of the results.
    """
    program, subject = ("Software", "Description") if suffix == ".png" else ("Creator", "Subject")
    metadata = {"Title": title, program: f"freqbias {version_of('freqbias')}"}
    return metadata | ({subject: source} if source else {})
