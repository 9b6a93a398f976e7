"""Figures as files, with their provenance in the metadata."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from freqbias.runtime import version_of


def save_figure(figure: Figure, paths: Iterable[Path], title: str) -> None:
    """Save a figure to every path (.png at 300 dpi, .pdf)."""
    for path in paths:
        figure.savefig(path, metadata=figure_metadata(title, path.suffix))


def figure_metadata(title: str, suffix: str, source: str = "") -> dict[str, str]:
    """The metadata of a figure's file: its title, this program, and the results it is made from.

    suffix: of the file; PNG and PDF use different keys.
    """
    program, subject = ("Software", "Description") if suffix == ".png" else ("Creator", "Subject")
    metadata = {"Title": title, program: f"freqbias {version_of('freqbias')}"}
    return metadata | ({subject: source} if source else {})
