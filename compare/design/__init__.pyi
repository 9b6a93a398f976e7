from .candidates import Candidate
from .checks import check_design
from .figure import draw_design
from .prediction import Prediction
from .result import DesignResult, design, result_of
from .search import Search
from .trainings import MEAN_SQUARE_NAME, STATED, loss_keys, optimiser_keys, steps_of
from .verify import verify
from .warnings import design_warnings
from .words import summary

__all__ = [
    "MEAN_SQUARE_NAME",
    "STATED",
    "Candidate",
    "DesignResult",
    "Prediction",
    "Search",
    "check_design",
    "design",
    "design_warnings",
    "draw_design",
    "loss_keys",
    "optimiser_keys",
    "result_of",
    "steps_of",
    "summary",
    "verify",
]
