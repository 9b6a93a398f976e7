"""Functions that read and check a run file. Every error names the key, the value of the key, and the remedy."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from freqbias.errors import InputError
from freqbias.problem import files
from freqbias.problem.compare_settings import Compare
from freqbias.problem.data_settings import DataSection
from freqbias.problem.density_settings import DensitySection, MixtureSection, Part
from freqbias.problem.design_settings import Design
from freqbias.problem.held_out import HeldOut
from freqbias.problem.overrides import parse_overrides, with_values
from freqbias.problem.run_file import RunFile
from freqbias.problem.section import Section, error_prefix, errors_in, explain, joined
from freqbias.problem.settings import Mesh, Network, Pde, Time, models_by_kind
from freqbias.problem.sweep_settings import Sweep
from freqbias.problem.training_settings import Training

LARGEST_FILE = 4_000_000  # bytes; larger files need more than some seconds
DEEPEST = 20  # tables and lists inside each other; a valid run file has 3
NESTED = "lists or tables are nested too deeply; a run file needs no more than three levels"
# Texts for which tomllib raises an exception without a line, or takes a time that grows with the square of the length.
_UNREADABLE = {
    re.compile(r"\d[\d_]{1000}"): "a number of more than 1,000 digits; write for example 1e6",
    re.compile(
        r"""(?<![\w-])(?:["']?[\w-]++["']?[ \t]*+\.[ \t]*+){30}"""
    ): "a key of more than 30 parts; use the keys in docs/run-file.md",
}


def load(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    keys: Mapping[str, Any] = MappingProxyType({}),
    density: Mapping[str, Any] | None = None,
) -> RunFile:
    """Read and check a run file, and make the paths of its files absolute.

    overrides: keys to set, as KEY=VALUE (`parse_overrides`). keys: values of keys by dotted name. density: the section
    [density] of a run file that has none.
    Raises InputError with one line for each faulty key.
    """
    path = Path(path)
    with error_prefix(f"{path}{' with ' if overrides else ''}{' '.join(overrides)}: "):
        tables = with_values(read_tables(path), {**keys, **parse_overrides(overrides)})
        return from_tables(tables, path, density=density)


def from_tables(tables: dict[str, Any], path: Path, *, density: Mapping[str, Any] | None = None) -> RunFile:
    """Check the tables of the run file at `path`, and make the paths of its files absolute. Raises as `load` does."""
    defaults = {"name": re.sub(r"[^\w.-]+", "-", path.stem)} | ({} if density is None else {"density": density})
    run = parse({**defaults, **tables})
    folder = path.parent.resolve()
    run = run.model_copy(update={"data": _with_absolute_targets(run.data, folder)})
    sections = {name: _with_absolute_path(getattr(run, name), folder, name) for name in ("density", "data", "mesh")}
    named = {"weights": run.training.weights_file, "boundary": run.training.boundary_file}
    update = {
        key: str(files.resolve(path, folder, section="training", key=key, endings=None))
        for key, path in named.items() if path
    }  # fmt: skip
    sections["training"] = run.training.model_copy(update=update)
    if run.pde.initial_file:
        initial = files.resolve(run.pde.initial_file, folder, section="pde", key="initial", endings=None)
        sections["pde"] = run.pde.model_copy(update={"initial": str(initial)})
    return run.model_copy(update=sections)


def read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a run file, unchecked. Raises InputError if the file cannot be read or is not TOML."""
    try:
        return _tables(_text(path))
    except FileNotFoundError as failure:
        raise InputError(
            "no such run file; copy the run file in README.md, or run `freqbias run` without a file and edit "
            "out/figure4/run.toml"
        ) from failure
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"the file cannot be read: {failure}; give a text file in TOML format") from failure


def _text(path: Path) -> str:
    """Return the text of a run file. Raises OSError or UnicodeDecodeError if the path names anything else."""
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        what = "a folder" if path.is_dir() else "a pipe or a device"
        raise InputError(f"this is {what}, not a file; give a text file in TOML format")
    if (size := path.stat().st_size) > LARGEST_FILE:
        raise InputError(
            f"the file has {size:,} bytes; use at most {LARGEST_FILE:,} bytes, and give data as a file with [data] path"
        )
    return path.read_text(encoding="utf-8-sig")


def _tables(text: str) -> dict[str, Any]:
    """Return the tables of TOML text. Raises InputError, which names the line."""
    for pattern, problem in _UNREADABLE.items():
        if found := pattern.search(text):
            raise InputError(f"line {text.count('\n', 0, found.start()) + 1} has {problem}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise InputError(
            f"the file is not valid TOML: {failure}; correct that line, and put text in quotes"
        ) from failure
    except RecursionError as failure:
        raise InputError(f"the file is not valid TOML: {NESTED}") from failure


def parse(tables: dict[str, Any]) -> RunFile:
    """Check the tables of a run file. Raises InputError with one line for each faulty key."""
    for name, table in tables.items():
        if _depth(table) > DEEPEST:
            raise InputError(f"{name}: {NESTED}")
    try:
        return RunFile.model_validate(tables)
    except ValidationError as failure:
        raise InputError(joined(_error_lines(errors_in(failure)))) from failure


def _depth(value: Any) -> int:
    """Return how many tables and lists lie inside each other."""
    depth, layer = 0, [value]
    while layer := [entry for each in layer if isinstance(each, dict | list) for entry in _entries(each)]:
        depth += 1
    return depth


def _entries(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _with_absolute_path(section: Section | None, folder: Path, name: str) -> Section | None:
    """Return the section with an absolute `path`. For a mixture, the paths of all parts become absolute."""
    if isinstance(section, MixtureSection):
        parts = [_with_absolute_path(part, folder, name) for part in section.parts]
        return section.model_copy(update={"parts": parts})
    path = getattr(section, "path", None)
    if section is None or path is None or path.startswith(files.SAMPLE_SCHEME):
        return section
    endings = None if name == "mesh" else files.SUFFIXES
    return section.model_copy(update={"path": str(files.resolve(path, folder, section=name, endings=endings))})


def _with_absolute_targets(data: DataSection, folder: Path) -> Section:
    """Return the section [data] with absolute paths of the files in held_out and predict_at."""

    def absolute(path: str, key: str) -> str:
        return str(files.resolve(path, folder, section="data", key=key, endings=None))

    changed: dict[str, Any] = {}
    if data.predict_at is not None:
        changed["predict_at"] = absolute(data.predict_at, "predict_at")
    if isinstance(data.held_out, HeldOut) and data.held_out.mask is not None:
        changed["held_out"] = data.held_out.model_copy(update={"mask": absolute(data.held_out.mask, "held_out")})
    return data.model_copy(update=changed)


_MODELS_BY_KIND: dict[str, dict[str, type[Section]]] = {
    "density": models_by_kind(DensitySection),
    "density.parts": models_by_kind(Part),
    "data": models_by_kind(DataSection),
}
_MODELS: dict[str, type[Section]] = {
    "network": Network,
    "time": Time,
    "mesh": Mesh,
    "pde": Pde,
    "training": Training,
    "compare": Compare,
    "design": Design,
    "sweep": Sweep,
}


def _error_lines(errors: list[Any]) -> list[str]:
    """Return one line for each faulty key in `ValidationError.errors()`. The line states the first error of the key."""
    lines: dict[str, str] = {}
    for error in errors:
        section, model, key = _locate(error["loc"])
        name = f"[{section}] {key}" if section and key else key or f"[{section}]"
        if not key:
            key, model = section, RunFile
        wrong_kind = error["type"].startswith("union_tag")
        lines.setdefault(name, _explain_kind(error, name) if wrong_kind else explain(error, name, key, model))
    return list(lines.values())


def _explain_kind(error: Any, name: str) -> str:
    """Return the error line for a section whose `kind` is missing or unknown."""
    value = error["input"]
    met = f"kind = {value['kind']!r}" if "kind" in value else "kind is missing"
    return f"{name} {met}; use one of {', '.join(_MODELS_BY_KIND[name.strip('[]').split()[0]])}"


def _locate(location: tuple[str | int, ...]) -> tuple[str, type[Section], str]:
    """Return the section, the model of the section, and the key of an error. Section or key may be empty."""
    first, *rest = [str(part) for part in location] or [""]
    if first in _MODELS_BY_KIND:
        if not rest or rest[0] not in _MODELS_BY_KIND[first]:
            return first, Section, ""
        model, key, inner = _MODELS_BY_KIND[first][rest[0]], "".join(rest[1:2]), rest[2:]
        if model is MixtureSection and key == "parts" and inner:
            section, model, key = _locate(("density.parts", *inner[1:]))
            return f"{section} {int(inner[0]) + 1}", model, key
        return first, model, key
    if first in _MODELS:
        return first, _MODELS[first], rest[0] if rest else ""
    return "", RunFile, first
