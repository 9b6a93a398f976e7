"""Spectra and what has been learnt, as figures of a report that follow the time slider."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from freqbias.compare.report.blobs import Blobs
from freqbias.compare.spectra import inside_nyquist, signal_reach
from freqbias.compare.style import frequency_unit
from freqbias.compare.sweep import RunRecord
from freqbias.problem import open_netcdf, read_netcdf

POINTS = 97  # on each axis of a map
MOST_POINTS = 256  # on each axis of a picture of what was learnt; larger ones are thinned
MOST_TIMES = 41  # of fields; of more output times, evenly chosen ones are shown
SPECTRA = {"nn": ("network", "#8a8a8a"), "pde": ("finite elements", "#2f8fd3")}


def spectra_figure(root: Path, record: RunRecord, blobs: Blobs) -> list[dict[str, Any]]:
    """Return the figure of |v| over frequency: curves in 1-D, maps in 2-D, three planes in 3-D."""
    spectra, frequency, limit, time = _read_spectra(root)
    if not spectra:
        return []
    chosen = _chosen(len(time))
    spectra = {name: values[chosen] for name, values in spectra.items()}
    if {"nn", "pde"} <= spectra.keys():
        spectra["difference"] = spectra["nn"] - spectra["pde"]
    sizes = {name: np.linalg.norm(values, axis=1) for name, values in spectra.items()}
    inside = inside_nyquist(frequency, limit)
    largest = (
        np.maximum(*(sizes[name] for name in ("nn", "pde"))) if "difference" in sizes else next(iter(sizes.values()))
    )
    reach = signal_reach(frequency, largest, limit, leakage=0.0)
    unit, dimension = frequency_unit(str(record.keys.get("unit", ""))), frequency.shape[1]
    common = {"id": "spectrum", "times": time[chosen], "yTitle": "|v|", "log": True}
    text = "|v(ξ, t)|, the magnitude of the spectrum of the error, at the time of the slider."
    if dimension == 1:
        xi = frequency[:, 0]
        order = np.argsort(xi, kind="stable")
        order = order[inside[order] & (np.abs(xi[order]) <= reach[0])]
        series = [
            {"name": _name(name), "colour": _colour(name), "field": blobs.add(values[:, order], log=True)}
            for name, values in sizes.items()
        ]
        return [
            {
                **common,
                "kind": "profiles",
                "title": "Spectrum of the error",
                "text": text,
                "x": xi[order],
                "xTitle": f"ξ ({unit})",
                "series": series,
            }
        ]
    axes = [np.linspace(-each, each, POINTS) for each in reach]
    centre = frequency[int(np.where(inside, next(iter(sizes.values()))[0], 0).argmax())] if dimension == 3 else None
    planes = []
    for first, second in ((0, 1), (0, 2), (1, 2))[: 1 if dimension == 2 else 3]:
        grid = np.meshgrid(axes[first], axes[second], indexing="xy")
        points = np.broadcast_to(np.zeros(dimension) if centre is None else centre, (*grid[0].shape, dimension)).copy()
        points[..., first], points[..., second] = grid
        values = _on_grid(frequency, np.stack(list(sizes.values()), axis=-1), points)
        panels = [
            {"name": _name(name), "field": blobs.add(values[..., index], log=True)} for index, name in enumerate(sizes)
        ]
        planes.append({
            "name": f"ξ{first + 1}, ξ{second + 1}", "x": axes[first], "y": axes[second],
            "xTitle": f"ξ{first + 1} ({unit})", "yTitle": f"ξ{second + 1} ({unit})", "panels": panels,
        })  # fmt: skip
    text += " Choose a line of the maps: below them stand the values along it."
    if dimension == 3:
        text += " The planes go through the frequency with the largest |v(0)|."
    return [
        {
            **common,
            "kind": "maps",
            "title": "Spectrum of the error",
            "text": text,
            "planes": planes,
            "valueTitle": "|v|",
        }
    ]


def _read_spectra(root: Path) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Return spectra (T, C, n), frequencies (n, d), the limits of the Nyquist box (d,), and the times (T,)."""
    if (root / "compare" / "spectra.nc").is_file():
        path, names = root / "compare" / "spectra.nc", {"nn": "nn", "pde": "pde"}
    elif (root / "pde" / "spectrum.nc").is_file():
        path, names = root / "pde" / "spectrum.nc", {"pde": "error"}
    else:
        return {}, np.empty((0, 1)), np.empty(1), np.empty(0)
    parts = {f"{prefix}_{part}" for prefix in names.values() for part in ("real", "imag")}
    data = read_netcdf(path, {"time", "frequency", "nyquist", *parts})
    frequency = data["frequency"].values
    limit = data["nyquist"].values if "nyquist" in data else np.full(frequency.shape[1], np.inf)
    spectra = {
        name: data[f"{prefix}_real"].values + 1j * data[f"{prefix}_imag"].values for name, prefix in names.items()
    }
    return spectra, frequency, limit, data["time"].values


def _on_grid(frequency: np.ndarray, sizes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Interpolate values (T, n, S) at nodes (n, d) to points (..., d). Return (T, ..., S)."""
    nodes = np.moveaxis(sizes, 1, 0)
    kind = LinearNDInterpolator if frequency.shape[1] == 2 else NearestNDInterpolator
    return np.moveaxis(
        kind(frequency, nodes.reshape(len(nodes), -1))(points).reshape(*points.shape[:-1], *nodes.shape[1:]), -2, 0
    )


def learned_figure(root: Path, blobs: Blobs) -> list[dict[str, Any]]:
    """Return the figure of what network and equation have learnt: curves in 1-D, pictures in 2-D, planes in 3-D."""
    path = root / "compare" / "learned.nc"
    if not path.is_file():
        return []
    with open_netcdf(path) as file:
        data = file.load()
    axes = [data[f"x{i + 1}"].values for i in range(3) if f"x{i + 1}" in data.coords or f"x{i + 1}" in data]
    chosen = _chosen(data.sizes["time"])
    unit = str(data.attrs.get("unit", "")) or "unit length"
    fields = {"target": data["target"].values[None]}
    fields |= {name: data[name].values[chosen] for name in ("nn", "pde") if name in data}
    channels = data.sizes["channel"]
    common = {"id": "learned", "times": data["time"].values[chosen], "title": "What has been learnt", "log": False}
    text = "The output of network and equation at the time of the slider, beside the target."
    if len(axes) == 1:
        series = [
            {"name": _name(name) + (f", channel {channel + 1}" if channels > 1 else ""), "colour": _colour(name),
             "field": blobs.add(values[:, channel])}
            for name, values in fields.items() for channel in range(channels)
        ]  # fmt: skip
        return [
            {
                **common,
                "kind": "profiles",
                "text": text,
                "x": axes[0],
                "xTitle": f"x ({unit})",
                "yTitle": "f",
                "series": series,
            }
        ]
    planes = []
    for channel in range(channels):
        for first, second in ((0, 1), (0, 2), (1, 2))[: 1 if len(axes) == 2 else 3]:
            steps = [-(-len(axes[each]) // MOST_POINTS) for each in (first, second)]
            panels = []
            for name, values in fields.items():
                picture = values[:, channel]
                for axis in range(len(axes) - 1, -1, -1):
                    if axis not in (first, second):
                        picture = picture.take(len(axes[axis]) // 2, axis=1 + axis)
                picture = picture[:, :: steps[0], :: steps[1]].transpose(0, 2, 1)
                panels.append({"name": _name(name), "field": blobs.add(picture)})
            label = f"channel {channel + 1}" if channels > 1 else ""
            if len(axes) == 3:
                label = f"{label} x{first + 1}, x{second + 1}".strip()
            planes.append({
                "name": label, "x": axes[first][:: steps[0]], "y": axes[second][:: steps[1]],
                "xTitle": f"x{first + 1} ({unit})", "yTitle": f"x{second + 1} ({unit})", "panels": panels,
            })  # fmt: skip
    if len(axes) == 3:
        text += " The planes go through the middle of the grid."
    return [{**common, "kind": "maps", "text": text, "planes": planes, "valueTitle": "f", "grey": True}]


def _chosen(count: int) -> np.ndarray:
    """Return the indices of the output times whose fields are shown."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_TIMES)).round().astype(int))


def _name(name: str) -> str:
    return SPECTRA.get(name, (name, ""))[0]


def _colour(name: str) -> str:
    return {"target": "#e69f00", "difference": "#d55e00"}.get(name) or SPECTRA[name][1]
