from .figure_files import figure_metadata, fix_layout, lay_out, save_figure
from .labels import DATA_UNIT, frequency_label, frequency_unit, magnitude_label, network_label
from .palette import (
    BAND_COLOUR,
    BLACK,
    BLUE,
    GREEN,
    KERNELS,
    NN_COLOUR,
    ORANGE,
    PDE_COLOUR,
    PURPLE,
    SKY_BLUE,
    STYLE,
    VERMILION,
    drawn_predictions,
)
from .panels import open_frame, panel_times, round_ticks
from .plain_text import plain
from .words import aligned, percent

__all__ = [
    "BAND_COLOUR",
    "BLACK",
    "BLUE",
    "DATA_UNIT",
    "GREEN",
    "KERNELS",
    "NN_COLOUR",
    "ORANGE",
    "PDE_COLOUR",
    "PURPLE",
    "SKY_BLUE",
    "STYLE",
    "VERMILION",
    "aligned",
    "drawn_predictions",
    "figure_metadata",
    "fix_layout",
    "frequency_label",
    "frequency_unit",
    "lay_out",
    "magnitude_label",
    "network_label",
    "open_frame",
    "panel_times",
    "percent",
    "plain",
    "round_ticks",
    "save_figure",
]
