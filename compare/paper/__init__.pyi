from .figure_maker import FIGURES, make_figures
from .paper_runs import PaperRuns

__all__ = [
    "FIGURES",
    "PaperRuns",
    "make_figures",
]
