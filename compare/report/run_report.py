"""The report of one run."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.compare.comparison import cause_title, is_cause
from freqbias.compare.report.blobs import Blobs
from freqbias.compare.report.fields import learned_figure, spectra_figure
from freqbias.compare.report.page import page
from freqbias.compare.style import frequency_unit, percent
from freqbias.compare.sweep import RunRecord, read_run
from freqbias.errors import UsageError
from freqbias.problem import describe_variable, in_words
from freqbias.runtime import Store, duration

BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#2f8fd3", "#e69f00", "#009e73", "#d55e00", "#b8639b", "#8a8a8a"
NAMES = {
    "nn": ("network", GREY, "solid"),
    "pde": ("finite elements", BLUE, "solid"),
    "empirical": ("network's own kernel", VERMILION, "dot"),
    "empirical_steps": ("network's own kernel, steps", VERMILION, "dash"),
    "infinite_width": ("infinite width", GREEN, "dot"),
    "infinite_width_steps": ("infinite width, steps", GREEN, "dash"),
}  # fmt: skip
CAUSES = {"feature_learning": BLUE, "step_size": ORANGE, "finite_width": GREEN, "mesh": PURPLE}
TIME = "gradient-flow time t"


def run_page(root: Path) -> str:
    """Return the report of a result folder as HTML.

    Raises UsageError if the folder has no finished stage, or if a file is damaged.
    """
    record = read_run(root, str(root))
    if not record.seconds:
        raise UsageError(f"{root} holds no finished stage; run `freqbias run RUN.toml` to compute the stages")
    blobs, name = Blobs(), str(record.keys.get("name", root.name))
    figures = [
        *_losses(record), *_distance(record), *spectra_figure(root, record, blobs), *_rates(record),
        *learned_figure(root, blobs),
    ]  # fmt: skip
    columns = {"time": record.time, **record.columns}
    content = {
        "kind": "run",
        "name": name,
        "summary": _summary(record),
        "time": record.time,
        "metrics": {
            "names": list(columns),
            "titles": [_title(each) for each in columns],
            "columns": list(columns.values()),
        },
        "figures": figures,
        "runFile": (root / "run.toml").read_text("utf-8"),
        "stages": [_provenance(Store(root).manifest(stage)) for stage in record.seconds],
        "repeatTitle": "How to repeat it",
        "repeat": [shlex.join(["freqbias", "run", str(root / "run.toml"), "--out", f"{root.resolve().name}-again"])],
    }
    return page(f"{name}: frequency bias", content, blobs)


def _summary(record: RunRecord) -> list[tuple[str, str]]:
    columns = record.columns
    rows = [(section, words) for section in ("density", "data", "network") if (words := _section(record, section))]
    for name, title in (
        ("loss_nn", "loss of the network"),
        ("loss_held_out", "held-out loss"),
        ("loss_pde", "loss of the equation"),
    ):
        if name in columns:
            rows.append((title, f"{columns[name][0]:.3g} to {columns[name][-1]:.3g}{_lowest(record, name)}"))
    if "psnr_held_out_nn" in columns:
        rows.append(("PSNR on held-out samples", f"{columns['psnr_held_out_nn'][-1]:.1f} dB"))
    if "error_over_initial" in columns:
        values = columns["error_over_initial"]
        worst = int(np.nanargmax(values))
        rows.append(
            ("network against equation", f"at most {percent(values[worst])} of v(0), at t = {record.time[worst]:g}")
        )
    times = ", ".join(
        f"{stage} {duration(value) if value >= 90 else f'{value:.1f} s'}" for stage, value in record.seconds.items()
    )
    rows.append(("time", times))
    if record.failure:
        rows.append(("failed", record.failure))
    return rows


def _section(record: RunRecord, section: str) -> str:
    """Return the keys of a section of the run file that are not empty, in words."""
    found = {key.partition(".")[2]: value for key, value in record.keys.items() if key.startswith(f"{section}.")}
    return in_words({key: value for key, value in found.items() if value not in (False, 0, "", [])})


def _lowest(record: RunRecord, name: str) -> str:
    values = record.columns[name]
    best = int(np.nanargmin(values))
    return "" if best == len(values) - 1 else f", lowest {values[best]:.3g} at t = {record.time[best]:g}"


def _title(name: str) -> str:
    try:
        return describe_variable(name)["long_name"]
    except ValueError:
        return name


def _lines(identifier: str, title: str, text: str, y: str, series: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "id": identifier, "kind": "lines", "title": title, "text": text, "xTitle": TIME, "yTitle": y,
        "series": series, "log": True, **more,
    }  # fmt: skip


def _losses(record: RunRecord) -> list[dict[str, Any]]:
    series = []
    for source, (title, colour, dash) in NAMES.items():
        held_out = "loss_held_out" if source == "nn" else f"loss_held_out_{source}"
        for name, words, line in ((f"loss_{source}", "training", dash), (held_out, "held-out", "longdash")):
            if name in record.columns and not source.endswith("_steps"):
                marker = words == "held-out"
                series.append({
                    "name": f"{title}, {words}", "x": record.time, "y": record.columns[name], "colour": colour,
                    "dash": line, "marker": marker,
                })  # fmt: skip
    if not series:
        return []
    text = (
        "Half the mean squared error over time, on the training samples and on the held-out samples. Where the "
        "held-out loss rises while the training loss falls, stop earlier."
    )
    return [_lines("loss", "Loss", text, "loss", series)]


def _distance(record: RunRecord) -> list[dict[str, Any]]:
    if "error_over_initial" not in record.columns:
        return []
    series = [
        {
            "name": "whole distance",
            "x": record.time,
            "y": record.columns["error_over_initial"],
            "colour": GREY,
            "dash": "solid",
        }
    ]
    for name, values in record.columns.items():
        if is_cause(name) and not name.startswith("held_out_"):
            colour = next((colour for cause, colour in CAUSES.items() if name.startswith(cause)), BLUE)
            series.append({"name": cause_title(name), "x": record.time, "y": values, "colour": colour, "dash": "dot"})
    text = (
        "The distance between the spectra of network and finite elements, relative to v(0), and the parts that finite "
        "width, step size, feature learning and the mesh have in it."
    )
    return [_lines("causes", "Causes of the distance", text, "distance / |v(0)|", series)]


def _rates(record: RunRecord) -> list[dict[str, Any]]:
    if not record.frequency.size:
        return []
    order = np.argsort(record.frequency, kind="stable")
    unit = frequency_unit(str(record.keys.get("unit", "")))
    series = [{
        "name": "theory, local operator", "x": record.frequency[order], "y": record.rates["theory"][order],
        "colour": ORANGE, "dash": "solid", "points": True,
    }]  # fmt: skip
    for source, (title, colour, _) in NAMES.items():
        if source in record.rates and not source.endswith("_steps"):
            series.append({
                "name": title, "x": record.frequency[order], "y": record.rates[source][order], "colour": colour,
                "dash": "solid", "points": True,
            })  # fmt: skip
    text = (
        "How fast each frequency is learnt: the mean of -d/dt log |v| over the run, at the nodes where |v(0)| is large "
        "enough to measure it."
    )
    return [
        _lines(
            "kappa",
            "Learning rate of each frequency",
            text,
            "kappa [1/time]",
            series,
            xTitle=f"|ξ| ({unit})",
            log=False,
        )
    ]


def _provenance(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "stage": manifest["stage"], "when": manifest["when"], "seconds": manifest["seconds"],
        "command": manifest["command"], "versions": manifest["versions"], "platform": manifest["platform"],
        "files": {name: file["sha256"] for name, file in manifest["files"].items()},
    }  # fmt: skip
