from .bands import OnMesh, band_energy, direction_energy, directions
from .estimators import (
    FLOOR,
    fitted_rate,
    instant_rate,
    leakage,
    learnable,
    least_signal,
    mean_rate,
    theory_rate,
    window,
)
from .kappa_figure import draw_kappa, draw_rates, handles, range_of
from .measurement import BANDS, Kappa, kappa_of, measure

__all__ = [
    "BANDS",
    "FLOOR",
    "Kappa",
    "OnMesh",
    "band_energy",
    "direction_energy",
    "directions",
    "draw_kappa",
    "draw_rates",
    "fitted_rate",
    "handles",
    "instant_rate",
    "kappa_of",
    "leakage",
    "learnable",
    "least_signal",
    "mean_rate",
    "measure",
    "range_of",
    "theory_rate",
    "window",
]
