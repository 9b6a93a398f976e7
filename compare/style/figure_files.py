"""Save figures, with metadata that name the source of each figure."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from freqbias.compare.style.plain_text import use_plain_text
from freqbias.runtime import version_of


def lay_out(figure: Figure) -> None:
    """Compute the layout of a figure, which is right only after two passes. Drawing does the second."""
    use_plain_text(figure)
    figure.draw_without_rendering()


def save_figure(figure: Figure, paths: Iterable[Path], title: str) -> None:
    """Save a figure to all paths (.png at 300 dpi, .pdf)."""
    use_plain_text(figure)
    for path in paths:
        figure.savefig(path, metadata=figure_metadata(title, path.suffix))
        figure.set_layout_engine("none")  # keeps the layout, which takes as long as the drawing


def figure_metadata(title: str, suffix: str, source: str = "") -> dict[str, str]:
    """Return the metadata for the file of a figure: the title, this program, and the source of the data.

    suffix: the suffix of the file, because PNG and PDF use different keys. source: a description of the results.
    """
    program, subject = ("Software", "Description") if suffix == ".png" else ("Creator", "Subject")
    metadata = {"Title": title, program: f"freqbias {version_of('freqbias')}"}
    return metadata | ({subject: source} if source else {})
