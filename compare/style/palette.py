"""Colours, markers and the style sheet of all figures. The colours are from Okabe and Ito (2008)."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

STYLE = Path(__file__).with_name("freqbias.mplstyle")

BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
BLUE, VERMILION, PURPLE = "#0072b2", "#d55e00", "#cc79a7"
PDE_COLOUR, NN_COLOUR = SKY_BLUE, BLACK
BAND_COLOUR = "#e0e0e0"  # of the band over draws


class KernelStyle(NamedTuple):
    """The style of the predictions of one kernel. names: the names of the predictions, the preferred name first."""

    names: tuple[str, ...]
    colour: str
    marker: str
    label: str


KERNELS = (
    KernelStyle(("infinite-width", "infinite-width-steps"), GREEN, "o", "kernel at infinite width"),
    KernelStyle(("empirical-steps", "empirical"), VERMILION, "^", "the network's own kernel"),
)


def drawn_predictions(available: Collection[str]) -> Iterator[tuple[str, KernelStyle]]:
    """Yield the name and the style of each prediction to draw, at most one prediction for each kernel."""
    for kernel in KERNELS:
        for name in [name for name in kernel.names if name in available][:1]:
            yield name, kernel
