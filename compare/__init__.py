"""The network's error spectrum against the finite-element solution: projection, metrics, figures; and `freqbias`.

The names below are imported when first used, so that the command line answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from freqbias.libraries import explained

if TYPE_CHECKING:
    from freqbias.compare.bands import band_energy, direction_energy, directions
    from freqbias.compare.figures import figure4
    from freqbias.compare.kappa import fitted_rate, instant_rate, mean_rate, theory_rate, window
    from freqbias.compare.kappa_figure import draw_kappa
    from freqbias.compare.l2_projection import l2_project
    from freqbias.compare.metrics import Comparison, compare
    from freqbias.compare.norm import MassNorm
    from freqbias.compare.projection import project
    from freqbias.compare.split_figure import draw_split
    from freqbias.compare.view import View, load_view
    from freqbias.compare.view_figure import animate_view, draw_view

__all__ = [
    "Comparison",
    "MassNorm",
    "View",
    "animate_view",
    "band_energy",
    "compare",
    "direction_energy",
    "directions",
    "draw_kappa",
    "draw_split",
    "draw_view",
    "figure4",
    "fitted_rate",
    "instant_rate",
    "l2_project",
    "load_view",
    "mean_rate",
    "project",
    "theory_rate",
    "window",
]

_HOME = {
    "Comparison": "metrics",
    "MassNorm": "norm",
    "View": "view",
    "animate_view": "view_figure",
    "band_energy": "bands",
    "compare": "metrics",
    "direction_energy": "bands",
    "directions": "bands",
    "draw_kappa": "kappa_figure",
    "draw_split": "split_figure",
    "draw_view": "view_figure",
    "figure4": "figures",
    "fitted_rate": "kappa",
    "instant_rate": "kappa",
    "l2_project": "l2_projection",
    "load_view": "view",
    "mean_rate": "kappa",
    "project": "projection",
    "theory_rate": "kappa",
    "window": "kappa",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with explained():
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
