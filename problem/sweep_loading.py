"""Read a sweep: the run files of all its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from freqbias.errors import InputError
from freqbias.problem.loading import from_tables, read_tables
from freqbias.problem.overrides import with_values
from freqbias.problem.run_file import RunFile
from freqbias.problem.section import error_prefix, input_error
from freqbias.problem.sweep_settings import SWEEP_STAGES, Point, Sweep, axes_of_words, flatten, points

DEFAULTS = {"compare.figures": False, "pde.fields": False}
"""Defaults of a sweep: its runs draw no figures and write no ParaView files, which are most of the files of a run."""


@dataclass(frozen=True)
class SweepPlan:
    """The runs of a sweep, and the stages of each.

    axes: the swept keys in their order. points: the values of the swept keys in each run. runs: the run file of each
    run.
    """

    name: str
    stages: tuple[str, ...]
    axes: tuple[str, ...]
    points: tuple[Point, ...]
    runs: tuple[RunFile, ...]


def load_sweep(
    path: Path,
    words: Sequence[str] = (),
    *,
    axes: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    zipped: Sequence[Sequence[str]] = (),
    stages: Sequence[str] = (),
    density: Mapping[str, Any] | None = None,
) -> SweepPlan:
    """Read the run file, with its section [sweep], and check every run.

    words: KEY=VALUE,VALUE,... as on the command line, in place of the same keys in [sweep]. axes: the same as lists of
    values. A key with one value is set in every run. zipped: in addition to [sweep] zip. stages: in place of [sweep]
    stages. density: the section [density] of a run file that has none, if `design` is the only stage.
    Raises InputError, which names the run.
    """
    path = Path(path)
    with error_prefix(f"{path}: "):
        tables = read_tables(path)
        section = _section(tables.pop("sweep", {}))
        given = {key: list(map(_plain, values)) for key, values in axes.items()} | axes_of_words(words)
        fixed = {key: values[0] for key, values in given.items() if len(values) == 1}
        tables = with_values(tables, fixed)
        swept = {key: values for key, values in {**section.axes, **given}.items() if key not in fixed}
        if "name" in swept:
            raise InputError("name names the folder of the whole sweep; give it one value, or use --out")
        groups = [tuple(key for key in keys if key not in fixed) for keys in [*section.zip, *zipped]]
        groups = [keys for keys in groups if len(keys) > 1]
        excluded = [
            table for table in (_without(dict(flatten(each)), fixed) for each in section.exclude) if table != {}
        ]
        included = [{key: value for key, value in flatten(each) if key not in fixed} for each in section.include]
        if None in excluded:
            raise InputError("[sweep] exclude leaves no run; exclude fewer combinations")
        found = points(swept, zipped=groups, include=included, exclude=[table for table in excluded if table])
        chosen = _stages(stages or section.stages)
    tables = reduce(_with_default, DEFAULTS.items(), tables)
    default_density = density if chosen == ("design",) else None
    runs = []
    for point in found:
        with error_prefix(f"{path} with {in_words(point)}: " if point else f"{path}: "):
            runs.append(from_tables(with_values(tables, point), path, density=default_density))
    keys = dict.fromkeys([*swept, *(key for point in found for key in point)])
    return SweepPlan(runs[0].name, chosen, tuple(keys), tuple(found), tuple(runs))


def _without(excluded: Point, fixed: Mapping[str, Any]) -> Point | None:
    """Return what a table of [sweep] exclude says of the keys that are not fixed.

    Return an empty table if it does not fit the fixed keys, and None if it excludes all runs.
    """
    if any(fixed[key] != value for key, value in excluded.items() if key in fixed):
        return {}
    return {key: value for key, value in excluded.items() if key not in fixed} or None


def _plain(value: Any) -> Any:
    """Return a NumPy number as a number of Python, which run files have."""
    return value.item() if hasattr(value, "item") else value


def in_words(point: Point) -> str:
    """Return the values of the swept keys as they are written on the command line."""
    return " ".join(f"{key}={_text(value)}" for key, value in point.items())


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case dict():
            return "{" + ",".join(f"{key}={_text(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
    return str(value)


def _section(table: Any) -> Sweep:
    if not isinstance(table, dict):
        raise InputError(f"sweep = {table!r}; expected a section [sweep] with a list of values for each swept key")
    try:
        return Sweep.model_validate(table)
    except ValidationError as failure:
        raise input_error(failure, "sweep", Sweep) from None


def _stages(chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the stages in the order in which they run."""
    for stage in chosen:
        if stage not in SWEEP_STAGES:
            raise InputError(f"--stages {','.join(chosen)}: {stage!r} is no stage; use {', '.join(SWEEP_STAGES)}")
    if "compare" in chosen and not {"pde", "nn"} <= set(chosen):
        raise InputError(
            f"stages = {list(chosen)}: compare needs the results of pde and nn; add them, or leave compare out"
        )
    return tuple(stage for stage in SWEEP_STAGES if stage in chosen)


def _with_default(tables: dict[str, Any], default: tuple[str, Any]) -> dict[str, Any]:
    key, value = default
    section, _, name = key.partition(".")
    table = tables.get(section, {})
    return tables if not isinstance(table, dict) or name in table else with_values(tables, {key: value})
