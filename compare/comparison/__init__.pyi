from .causes import is_cause, title
from .causes_figure import draw_causes
from .metrics import Comparison, common_times, compare, errors_in_order, provenance_of
from .spectra_figure import (
    SIGNAL,
    draw_comparison,
    gaps,
    network_words,
    panel_times,
    per_unit,
    provenance,
    reach_of,
)

__all__ = [
    "SIGNAL",
    "Comparison",
    "common_times",
    "compare",
    "draw_causes",
    "draw_comparison",
    "errors_in_order",
    "gaps",
    "is_cause",
    "network_words",
    "panel_times",
    "per_unit",
    "provenance",
    "provenance_of",
    "reach_of",
    "title",
]
