from .making import FIGURES, PaperRun, make

__all__ = [
    "FIGURES",
    "PaperRun",
    "make",
]
