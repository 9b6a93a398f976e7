from .causes import cause_title, is_cause
from .causes_figure import draw_causes
from .metrics import compare
from .record import Comparison, network_attributes
from .spectra_figure import draw_comparison
from .start_check import check_start
from .times import common_times

__all__ = [
    "Comparison",
    "cause_title",
    "check_start",
    "common_times",
    "compare",
    "draw_causes",
    "draw_comparison",
    "is_cause",
    "network_attributes",
]
