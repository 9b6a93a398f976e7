from .palette import KERNELS, NN_COLOUR, PDE_COLOUR, STYLE, TICKS, UNIT
from .words import aligned, percent

__all__ = [
    "KERNELS",
    "NN_COLOUR",
    "PDE_COLOUR",
    "STYLE",
    "TICKS",
    "UNIT",
    "aligned",
    "percent",
]
