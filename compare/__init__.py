"""The network's error spectrum against the finite-element solution: projection, metrics, figures; and `freqbias`.

The names below are imported when first used, so that the command line answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.figures import figure4
    from compare.kappa import mean_rate
    from compare.kappa_figure import draw_kappa
    from compare.metrics import Comparison, compare
    from compare.norm import MassNorm
    from compare.projection import project
    from compare.split_figure import draw_split

__all__ = ["Comparison", "MassNorm", "compare", "draw_kappa", "draw_split", "figure4", "mean_rate", "project"]

_HOME = {
    "Comparison": "metrics",
    "MassNorm": "norm",
    "compare": "metrics",
    "draw_kappa": "kappa_figure",
    "draw_split": "split_figure",
    "figure4": "figures",
    "mean_rate": "kappa",
    "project": "projection",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
