"""The script of a view that opens it in ParaView: `paraview_state.py` with the settings of this result."""

from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

import numpy as np

from freqbias.compare.spectra import inside_nyquist
from freqbias.compare.view.record import LAWS, View
from freqbias.compare.view.scene import peak
from freqbias.compare.view.view_figure import reach, scale

TEMPLATE = Path(__file__).with_name("paraview_state.py")
EMPTY = "SETTINGS: dict[str, Any] = {}"
OF_RATES = [2, 98]  # per cent of the nodes
# Row by row the panels; each is one chart in one dimension, and in more a map of each of its fields.
PANELS = (
    {
        "magnitude of v": {"pde_magnitude": "finite elements", "nn_magnitude": "network"},
        "magnitude of the difference": {"difference_magnitude": "network - finite elements"},
    },
    {
        "damping": {"damping": "damping"},
        "diffusion": {"diffusion": "diffusion"},
        "mean learning rate": {"kappa_pde": "kappa, finite elements", "kappa_nn": "kappa, network"},
    },
)


def paraview_script(view: View, folder: Path) -> str:
    """The text of `open_in_paraview.py`, which stands in this folder beside the fields."""
    settings = {
        "made_in": str(folder.resolve()),
        "name": view.name,
        "reach": [float(r) for r in reach(view)],
        "peak": [float(xi) for xi in peak(view)],
        "unit": view.per_unit,
        "rows": [[panel for words, fields in row.items() for panel in _panels(view, words, fields)] for row in PANELS],
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    if EMPTY not in text:
        raise RuntimeError(f"{TEMPLATE} does not begin with empty settings")
    filled = pformat(settings, width=110, sort_dicts=False)
    return text.replace(EMPTY, f"SETTINGS: dict[str, Any] = {filled}")


def _panels(view: View, words: str, fields: Mapping[str, str]) -> list[dict[str, Any]]:
    there = {name: title for name, title in fields.items() if name in view.units and _has_values(view, name)}
    if not there:
        return []
    if view.dimension == 1:
        return [{"fields": there, "title": f"{words} ({view.units[next(iter(there))]})", **_range(view, *there)}]
    return [
        {"fields": {name: title}, "title": f"{title} ({view.units[name]})", **_range(view, *there)}
        for name, title in there.items()
    ]


def _has_values(view: View, name: str) -> bool:
    """Rates may be undefined at every node: after long, nothing is left that is more than noise."""
    return name not in view.static or bool(np.isfinite(_shown(view, name)).any())


def _shown(view: View, name: str) -> np.ndarray:
    """Of `static`, at the nodes that are shown."""
    shown = inside_nyquist(view.frequency, reach(view))
    return np.asarray(view.static[name][shown])


def _range(view: View, *names: str) -> dict[str, Any]:
    """Whether the scale that these share is logarithmic, and where it begins and ends. Rates leave it at the few nodes
    where |v| passes through nearly zero at one of the two times, which would hide all others."""
    if names[0] not in view.static:
        return {"log": True, "range": [float(end) for end in scale(view)], "source": "spectra"}
    values = np.concatenate([_shown(view, name) for name in names])
    low, high = np.nanpercentile(values, [0, 100] if names[0] in LAWS else OF_RATES)
    return {"log": False, "range": [min(0.0, float(low)), float(high)], "source": "laws"}
