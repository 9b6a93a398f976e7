"""The report of a sweep, or of any runs: a table that sorts and filters, and the curves of the chosen runs."""

from collections.abc import Mapping, Sequence
from os.path import relpath
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from freqbias.compare.report.blobs import Blobs
from freqbias.compare.report.page import page
from freqbias.compare.sweep import TITLES, RunRecord, varying_keys
from freqbias.problem import counted, in_words
from freqbias.runtime import duration

PALETTE = ("#2f8fd3", "#d55e00", "#009e73", "#b8639b", "#e69f00", "#56b4e9", "#8a8a8a", "#a35200")
CURVES = {  # column: its name in the legend, and dashes
    "loss_nn": ("training", "solid"),
    "loss_held_out": ("held-out", "dash"),
    "loss_pde": ("finite elements", "dot"),
}
MOST_SERIES = 12
MOST_COMMANDS = 5


def sweep_page(records: Sequence[RunRecord], folders: Mapping[str, Path], *, name: str, out: Path) -> str:
    """Return the report of runs as HTML.

    records: the runs. folders: the folder of each run, by its name. out: where the file will lie, for links to the
    reports of the runs.
    """
    keys = varying_keys(records, ())
    loss = next((title for title in TITLES if any(title in record.columns for record in records)), None)
    ordered = sorted(records, key=lambda record: _end(record, loss))
    columns = [*keys, *(["at the end", "lowest", "at t"] if loss else [])]
    more = [
        each
        for each in ("psnr_held_out_nn", "psnr_nn", "error_over_initial")
        if any(each in r.columns for r in records)
    ][:2]
    columns += [
        {"psnr_held_out_nn": "PSNR held-out", "psnr_nn": "PSNR", "error_over_initial": "error / v(0)"}[each]
        for each in more
    ]
    columns += ["seconds", "failed"]
    runs = []
    for record in ordered:
        folder = folders[record.name]
        cells = [_cell(record.keys.get(key)) for key in keys] + (_loss_cells(record, loss) if loss else [])
        cells += [_last(record, each) if each != "error_over_initial" else _largest(record, each) for each in more]
        cells += [sum(record.seconds.values()) or None, "failed" if record.failure else ""]
        report = folder / "report.html"
        runs.append({
            "name": record.name, "label": label(record, keys), "cells": cells, "time": record.time,
            "curves": [
                {"name": title, "y": record.columns[column], "dash": dash}
                for column, (title, dash) in CURVES.items() if column in record.columns
            ],
            "failure": record.failure, "folder": str(folder), "runFile": (folder / "run.toml").read_text("utf-8"),
            "report": quote(relpath(report, out.parent)) if report.is_file() else None,
        })  # fmt: skip
    failed = [record for record in records if record.failure]
    summary = [("runs", f"{len(records)}" + (f", of which {len(failed)} failed" if failed else ""))]
    summary += [(key, _values(records, key)) for key in keys]
    if loss and ordered and np.isfinite(_end(ordered[0], loss)):
        summary.append(
            (f"lowest {TITLES[loss]} at the end", f"{_end(ordered[0], loss):.4g}, with {label(ordered[0], keys)}")
        )
    total = sum(sum(record.seconds.values()) for record in records)
    summary.append(("time of all stages", duration(total)))
    commands = dict.fromkeys(command for record in records for command in record.commands)
    typed = [command for command in commands if command.startswith("freqbias ")]  # others were scripts
    content = {
        "kind": "sweep", "name": name, "summary": summary, "columns": columns, "keys": len(keys), "runs": runs,
        "figures": _over_keys(records, keys, loss) if loss else [], "repeatTitle": "Commands that computed it",
        "repeat": typed[:MOST_COMMANDS],
    }  # fmt: skip
    return page(f"{name}: {counted(len(records), 'run')}", content, Blobs())


def label(record: RunRecord, keys: Sequence[str]) -> str:
    """Return the values of the varying keys of a run, in words. A key is shortened where its last part is unique."""
    last = [key.rpartition(".")[2] for key in keys]
    names = [short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)]
    return in_words({name: record.keys.get(key) for name, key in zip(names, keys, strict=True)}) or record.name


def _over_keys(records: Sequence[RunRecord], keys: Sequence[str], loss: str) -> list[dict[str, Any]]:
    """Return a figure of the loss at the end over each numeric key.

    Each line is the mean over the seeds for one combination of the other keys.
    """
    figures = []
    numeric = [key for key in keys if key != "seed" and all(_is_number(record.keys.get(key)) for record in records)]
    for number, key in enumerate(numeric[:3]):
        others = [each for each in keys if each not in (key, "seed")]
        groups: dict[str, dict[float, list[float]]] = {}
        for record in sorted(records, key=lambda record: [_place(record.keys.get(each)) for each in others]):
            if np.isfinite(value := _end(record, loss)):
                group = groups.setdefault(label(record, others) if others else "all runs", {})
                group.setdefault(record.keys[key], []).append(value)
        best = sorted(groups, key=lambda title: min(np.mean(values) for values in groups[title].values()))[:MOST_SERIES]
        series = [
            {
                "name": title, "x": sorted(points), "y": [float(np.mean(points[x])) for x in sorted(points)],
                "colour": PALETTE[index % len(PALETTE)], "dash": "solid", "marker": True,
            }
            for index, (title, points) in enumerate((title, groups[title]) for title in groups if title in best)
        ]  # fmt: skip
        if series:
            text = f"The {TITLES[loss]} at the last output time over {key}" + (
                ", as the mean over the seeds." if "seed" in keys else "."
            )
            title = f"{TITLES[loss].capitalize()} over {key}"
            figures.append({
                "id": f"key-{number}", "kind": "lines", "title": title, "text": text,
                "xTitle": key, "yTitle": TITLES[loss], "series": series, "log": True,
            })  # fmt: skip
    return figures


def _end(record: RunRecord, loss: str | None) -> float:
    """Return the last known loss of a run, or infinity."""
    values = record.columns.get(loss or "", np.empty(0))
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else float("inf")


def _loss_cells(record: RunRecord, loss: str) -> list[float | None]:
    values = record.columns.get(loss, np.empty(0))
    if not np.isfinite(values).any():
        return [None, None, None]
    best = int(np.nanargmin(values))
    return [_end(record, loss), float(values[best]), float(record.time[best])]


def _last(record: RunRecord, name: str) -> float | None:
    values = record.columns.get(name, np.empty(0))
    return float(values[-1]) if values.size and np.isfinite(values[-1]) else None


def _largest(record: RunRecord, name: str) -> float | None:
    values = record.columns.get(name, np.empty(0))
    return float(np.nanmax(values)) if np.isfinite(values).any() else None


def _values(records: Sequence[RunRecord], key: str) -> str:
    ordered = sorted((record.keys.get(key) for record in records), key=_place)
    texts = dict.fromkeys(in_words({"": value})[1:] for value in ordered)
    return ", ".join(texts) if len(texts) <= 12 else f"{len(texts)} values"


def _cell(value: Any) -> Any:
    return value if _is_number(value) or isinstance(value, str) else in_words({"": value})[1:]


def _place(value: Any) -> tuple[float, str]:
    """Return the place of a value among others: numbers first."""
    return (value if isinstance(value, int | float) else np.inf), str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
