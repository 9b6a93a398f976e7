from .causes import cause_title, is_cause
from .causes_figure import draw_causes
from .learned import Learned
from .learned_figure import draw_learned
from .metrics import compare
from .record import Comparison, network_attributes
from .spectra_figure import draw_comparison
from .start_check import check_start
from .times import common_times
from .trainings import Trainings
from .trainings_figure import draw_trainings

__all__ = [
    "Comparison",
    "Learned",
    "Trainings",
    "cause_title",
    "check_start",
    "common_times",
    "compare",
    "draw_causes",
    "draw_comparison",
    "draw_learned",
    "draw_trainings",
    "is_cause",
    "network_attributes",
]
