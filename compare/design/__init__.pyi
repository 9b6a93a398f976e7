from .candidates import Candidate
from .figure import draw_design
from .prediction import Prediction
from .result import DesignResult, check_design, design, result_of
from .search import Search
from .verify import verify
from .warnings import design_warnings
from .words import summary

__all__ = [
    "Candidate",
    "DesignResult",
    "Prediction",
    "Search",
    "check_design",
    "design",
    "design_warnings",
    "draw_design",
    "result_of",
    "summary",
    "verify",
]
