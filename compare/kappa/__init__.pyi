from .estimators import FLOOR, fitted_rate, instant_rate, mean_rate, theory_rate, window
from .kappa_figure import draw_kappa, draw_rates, legend_handles, note_rates_outside, rate_range
from .measurement import BANDS, comparison_rates, measure
from .rates import Kappa

__all__ = [
    "BANDS",
    "FLOOR",
    "Kappa",
    "comparison_rates",
    "draw_kappa",
    "draw_rates",
    "fitted_rate",
    "instant_rate",
    "legend_handles",
    "mean_rate",
    "measure",
    "note_rates_outside",
    "rate_range",
    "theory_rate",
    "window",
]
