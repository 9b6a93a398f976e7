from .comparison import Comparison, Learned, compare, draw_causes, draw_comparison, draw_learned
from .design import Candidate, DesignResult, design, draw_design
from .evaluation import evaluate
from .kappa import (
    draw_kappa,
    fitted_rate,
    instant_rate,
    mean_rate,
    theory_rate,
    window,
)
from .spectra import MassNorm, band_energy, direction_energy, directions, l2_project, project
from .sweep import collect, collect_folders
from .view import View, animate_view, draw_view, load_view

__all__ = [
    "Candidate",
    "Comparison",
    "DesignResult",
    "Learned",
    "MassNorm",
    "View",
    "animate_view",
    "band_energy",
    "collect",
    "collect_folders",
    "compare",
    "design",
    "direction_energy",
    "directions",
    "draw_causes",
    "draw_comparison",
    "draw_design",
    "draw_kappa",
    "draw_learned",
    "draw_view",
    "evaluate",
    "fitted_rate",
    "instant_rate",
    "l2_project",
    "load_view",
    "mean_rate",
    "project",
    "theory_rate",
    "window",
]
