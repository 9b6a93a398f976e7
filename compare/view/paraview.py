"""Make the script that opens a view in ParaView, from the template `paraview_state.py` and the settings of a result."""

from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

import numpy as np

from freqbias.compare.spectra import inside_nyquist
from freqbias.compare.view.record import LAWS, View
from freqbias.compare.view.scene import peak
from freqbias.compare.view.view_figure import axis_limits, magnitude_range

TEMPLATE = Path(__file__).with_name("paraview_state.py")
PLACEHOLDER = "SETTINGS: dict[str, Any] = {}"
RATE_PERCENTILES = [2, 98]  # percentiles of the rates at the nodes, at which the colour scale ends
# Two rows of panels. In 1-D, a panel is one chart. In 2-D and 3-D, each field of a panel is a map.
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
    """Return the text of `open_in_paraview.py`. folder: the folder of the script and the fields."""
    settings = {
        "made_in": str(folder.resolve()),
        "name": view.name,
        "sources": {name: f"{name}.pvd" for name in ("spectra", "laws")},
        "limits": [float(limit) for limit in axis_limits(view)],
        "peak": [float(xi) for xi in peak(view)],
        "unit": view.per_unit,
        "rows": [[panel for title, fields in row.items() for panel in _panels(view, title, fields)] for row in PANELS],
    }
    return _script(settings)


def paraview_sweep_script(views: Mapping[str, View], folder: Path) -> str:
    """Return the text of `open_in_paraview.py` for several results side by side: a column for each, on one scale.

    views: the views, by the name of their .pvd file. All have the same dimension.
    """
    first, reach = next(iter(views.values())), np.max([axis_limits(view) for view in views.values()], axis=0)
    ends = np.array([magnitude_range(view) for view in views.values()])
    scale = {"log": True, "range": [float(ends[:, 0].min()), float(ends[:, 1].max())]}
    rows = []
    for title, fields in PANELS[0].items():
        for shown in [fields] if first.dimension == 1 else [{name: label} for name, label in fields.items()]:
            known = {
                name: {each: label for each, label in shown.items() if each in view.units}
                for name, view in views.items()
            }
            words = title if first.dimension == 1 else next(iter(shown.values()))
            row = [
                {"fields": each, "title": f"{words}, {name}", "source": name, **scale}
                for name, each in known.items()
                if each
            ]
            rows += [row] if row else []
    return _script(
        {
            "made_in": str(folder.resolve()),
            "name": folder.resolve().parent.name,
            "sources": {name: f"{name}.pvd" for name in views},
            "limits": [float(limit) for limit in reach],
            "peak": [float(xi) for xi in peak(first)],
            "unit": first.per_unit,
            "rows": rows,
        }
    )


def _script(settings: Mapping[str, Any]) -> str:
    text = TEMPLATE.read_text(encoding="utf-8")
    if PLACEHOLDER not in text:
        raise RuntimeError(f"{TEMPLATE} does not contain the line {PLACEHOLDER!r}")
    filled = pformat(settings, width=110, sort_dicts=False)
    return text.replace(PLACEHOLDER, f"SETTINGS: dict[str, Any] = {filled}")


def _panels(view: View, title: str, fields: Mapping[str, str]) -> list[dict[str, Any]]:
    shown = {name: label for name, label in fields.items() if name in view.units and _has_values(view, name)}
    if not shown:
        return []
    if view.dimension == 1:
        return [{"fields": shown, "title": f"{title} ({view.units[next(iter(shown))]})", **_range(view, *shown)}]
    return [
        {"fields": {name: label}, "title": f"{label} ({view.units[name]})", **_range(view, *shown)}
        for name, label in shown.items()
    ]


def _has_values(view: View, name: str) -> bool:
    """Return False if a rate is undefined at all visible nodes, which happens if only noise is left of v."""
    return name not in view.static or bool(np.isfinite(_visible_values(view, name)).any())


def _visible_values(view: View, name: str) -> np.ndarray:
    """Return the field `static[name]` at the nodes inside the axis limits."""
    return np.asarray(view.static[name][inside_nyquist(view.frequency, axis_limits(view))])


def _range(view: View, *names: str) -> dict[str, Any]:
    """Return the scale that these fields share: logarithmic or not, the two ends, and the file with the fields.

    The scale of learning rates ends at RATE_PERCENTILES, because a few nodes have very large rates. At these nodes, |v|
    is nearly zero at one of the two times. With a scale up to these rates, all other rates would look the same.
    """
    if names[0] not in view.static:
        return {"log": True, "range": [float(end) for end in magnitude_range(view)], "source": "spectra"}
    values = np.concatenate([_visible_values(view, name) for name in names])
    low, high = np.nanpercentile(values, [0, 100] if names[0] in LAWS else RATE_PERCENTILES)
    return {"log": False, "range": [min(0.0, float(low)), float(high)], "source": "laws"}
