"""Save figures, with metadata that name the source of each figure."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from freqbias.compare.style.plain_text import use_plain_text
from freqbias.errors import UsageError
from freqbias.runtime import version_of


def lay_out(figure: Figure) -> None:
    """Write formulas as plain text, and do the first pass of the layout, which is right only after two passes.

    Drawing the figure does the second pass, unless `fix_layout` did it.
    """
    use_plain_text(figure)
    _arrange(figure)


def fix_layout(figure: Figure, dpi: float) -> None:
    """Do the second pass of the layout at a resolution [dots/inch], and keep the layout for all later drawings."""
    figure.set_dpi(dpi)  # the size of text depends on it
    _arrange(figure)
    figure.set_layout_engine("none")


def _arrange(figure: Figure) -> None:
    if engine := figure.get_layout_engine():
        engine.execute(figure)


def save_figure(figure: Figure, paths: Iterable[Path], title: str, source: str = "") -> None:
    """Save a figure to all paths (.png at 300 dpi, .pdf), with its title and the source of the data as metadata.

    Raises UsageError for other formats.
    """
    lay_out(figure)
    dpi, printed = figure.dpi, matplotlib.rcParams["savefig.dpi"]
    for path in paths:
        if path.suffix not in _PRINTERS:
            raise UsageError(f"{path}: figures have the formats .png and .pdf; choose a name that ends so")
        fix_layout(figure, dpi if printed == "figure" else printed)
        # Figure.savefig would draw the figure once more, for a layout that is there already.
        _PRINTERS[path.suffix](figure, path, figure_metadata(title, path.suffix, source))
    figure.set_dpi(dpi)


def _print_png(figure: Figure, path: Path, metadata: dict[str, str]) -> None:
    FigureCanvasAgg(figure).print_png(path, metadata=metadata)


def _print_pdf(figure: Figure, path: Path, metadata: dict[str, str]) -> None:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # slow to import

    FigureCanvasPdf(figure).print_pdf(path, metadata=metadata)


_PRINTERS = {".png": _print_png, ".pdf": _print_pdf}


def figure_metadata(title: str, suffix: str, source: str = "") -> dict[str, str]:
    """Return the metadata for the file of a figure: the title, this program, and the source of the data.

    suffix: the suffix of the file, because PNG and PDF use different keys. source: a description of the results.
    """
    program, subject = ("Software", "Description") if suffix == ".png" else ("Creator", "Subject")
    metadata = {"Title": title, program: f"freqbias {version_of('freqbias')}"}
    return metadata | ({subject: source} if source else {})
