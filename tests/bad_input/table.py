"""The table of bad input: every key of the run file x {unknown, wrong type, out of range, NaN, missing}, keys that
contradict each other, and faulty files.

The rows on single keys are made from the models and from the list of values out of range.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from freqbias.numerics import Grid
from freqbias.problem import ErrorHistory, squared_loss
from freqbias.problem.files import SUFFIXES
from tests.bad_input.contradictions import CONTRADICTIONS, MESH_CONTRADICTIONS
from tests.bad_input.data_contradictions import DATA_CONTRADICTIONS
from tests.bad_input.densities import DENSITIES
from tests.bad_input.files import DATA_FILES, RUN_FILES
from tests.bad_input.loss_contradictions import LOSS_CONTRADICTIONS
from tests.bad_input.optimiser_contradictions import OPTIMISER_CONTRADICTIONS
from tests.bad_input.ranges import OUT_OF_RANGE
from tests.problem.run_files import every_key, models, table, variant

COMMANDS = ("check", "mesh", "pde", "nn", "ntk", "compare", "run")
DATA = "data"  # folder of the data files, next to the run files


@dataclass(frozen=True)
class Case:
    """A run file, as tables or bytes, and the parts that the error message must contain.

    command: None takes a different command for each row, in turn.
    fault: of a single key: unknown, value or missing.
    """

    name: str
    content: dict[str, Any] | bytes | None
    expected: tuple[str, ...]
    command: str | None = None
    options: tuple[str, ...] = field(default=())
    fault: str = ""


@cache
def cases() -> list[Case]:
    return [*_single_keys(), *_combinations()]


def command_of(index: int) -> str:
    return cases()[index].command or COMMANDS[index % len(COMMANDS)]


@cache
def shared() -> list[int]:
    """The rows for several ranks: of the single keys one for each fault and command.

    All other single keys are refused at the same place, on rank 0, and their messages differ only in the text.
    """
    chosen = dict[tuple[str, ...], int]()
    for index, case in enumerate(cases()):
        chosen.setdefault((case.fault, command_of(index)) if case.fault else ("", case.name), index)
    return [*chosen.values()]


def _single_keys() -> Iterator[Case]:
    for section, model in models():
        kind = variant(model)
        for key, described in model.model_fields.items():
            name = ".".join(filter(None, (section, kind, key)))
            if name not in every_key():
                continue
            label = f"[{section}] {key}" if section else key
            remedy = "use one of" if key == "kind" else f"expected {described.description}"
            yield Case(
                f"{name} unknown",
                _base(section, kind, {key + key[-1]: 1}),
                (f"{label}{key[-1]} = 1: unknown key; did you mean {key}?",),
                fault="unknown",
            )
            wrong: list[Any] = [{"a": 1}, "yes" if described.annotation is bool else True, math.nan]
            for entry in [*wrong, *OUT_OF_RANGE.get(name, [])]:
                value, met = entry if isinstance(entry, tuple) else (entry, entry)
                expected = f"{label} = {met!r}", remedy
                yield Case(f"{name} = {value!r}", _base(section, kind, {key: value}), expected, fault="value")
            if described.is_required():
                expected = f"{label} is missing", remedy
                yield Case(f"{name} missing", _base(section, kind, {key: None}), expected, fault="missing")


def _combinations() -> Iterator[Case]:
    everything = CONTRADICTIONS | OPTIMISER_CONTRADICTIONS | LOSS_CONTRADICTIONS | DATA_CONTRADICTIONS
    for name, (changes, expected) in everything.items():
        yield Case(name, _changed(changes), expected)
    for name, (changes, expected) in DENSITIES.items():
        yield Case(f"density: {name}", _changed(changes), expected)
    for index, (name, (changes, expected)) in enumerate(MESH_CONTRADICTIONS.items()):
        yield Case(name, _changed(changes), expected, *(("check",), ("pde",), ("mesh",), ("run", ("-q",)))[index % 4])
    for name, (data, expected) in DATA_FILES.items():
        yield Case(f"data {name}", _changed({"data": data}), ("[data]", *expected))
    for name, (content, expected) in RUN_FILES.items():
        yield Case(f"run file {name}", content, expected)
    both = ("--resume", "--overwrite")
    yield Case(
        "no such wall time", table(), ("wall time 'soon'", "write for example 90s"), "pde", ("--max-walltime", "soon")
    )
    yield Case("unknown option", table(), ("--otu", "--help` shows the usage"), "nn", ("--otu", "x"))
    yield Case("both flags, pde", table(), both, "pde", both)
    yield Case("both flags, nn", table(), both, "nn", both)
    yield Case("nothing to compare", table(), ("there is no pde result", "first compute one with"), "compare")
    scattered = {"data": {"file": "table.csv", "layout": "scattered", "dimension": 1}}
    separable = (
        '[training] backend = "separable"',
        "the samples are scattered",
        'use backend = "nufft", "dense" or "auto"',
    )
    for command in ("nn", "check", "run"):
        changes = scattered | {"training": {"backend": "separable"}}
        yield Case(f"separable sums of scattered samples, {command}", _changed(changes), separable, command)
    yield Case("unknown option of mesh", table(), ("--sise", "--help` shows the usage"), "mesh", ("--sise", "1"))
    yield Case("both flags, run", table(), both, "run", ("-q", *both))
    for command in ("pde", "nn", "run"):
        in_the_way = (f"{DATA}/line.npy", "--out")
        yield Case(f"--out is a file, {command}", table(), in_the_way, command, ("-q", "--out", f"{DATA}/line.npy"))


def _base(section: str, kind: str, change: dict[str, Any]) -> dict[str, Any]:
    """A valid run file with this kind of section, and one key changed, or left out if it is None."""
    if not section:
        return {**table(), **change}
    models_of_section: dict[tuple[str, str], dict[str, Any]] = {
        ("density", "uniform"): {"kind": "uniform", "radius": 4.0},
        ("density", "ball"): {"kind": "ball", "radius": 4.0},
        ("density", "annulus"): {"kind": "annulus", "inner": 2.0, "radius": 4.0},
        ("density", "laplace"): {"kind": "laplace", "scale": 4.0},
        ("density", "student-t"): {"kind": "student-t", "sigma": 4.0, "freedom": 5.0},
        ("density", "table"): {"kind": "table", "path": f"{DATA}/constant.npy", "half_width": 4.0},
        ("density", "octaves"): {"kind": "octaves", "scale": 0.5, "count": 3},
        ("density", "points"): {"kind": "points", "path": f"{DATA}/line.npy"},
        ("density", "mixture"): {"kind": "mixture", "weights": [1.0], "parts": [{"kind": "ball", "radius": 4.0}]},
        ("data", "file"): {"kind": "file", "path": f"{DATA}/line.npy"},
    }
    content = {**models_of_section.get((section, kind), table().get(section, {})), **change}
    return {**table(), section: {key: value for key, value in content.items() if value is not None}}


def _changed(changes: dict[str, Any]) -> dict[str, Any]:
    data = dict(changes.get("data", {}))
    if "file" in data:
        data["path"] = f"{DATA}/{data.pop('file')}"
    if "path" in data:
        return table(**changes) | {"data": {"kind": "file", **data}}
    return table(**changes)


def write(folder: Path) -> None:
    """Write all run files, `0.toml`, `1.toml`, ..., and their data files."""
    _write_data(folder / DATA)
    for index, case in enumerate(cases()):
        path = folder / f"{index}.toml"
        if isinstance(case.content, bytes):
            path.write_bytes(case.content)
        elif case.content is not None:
            path.write_text(tomli_w.dumps(case.content), encoding="utf-8")


def _write_data(folder: Path) -> None:
    from PIL import Image

    folder.mkdir()
    line = np.arange(9.0)
    arrays = {
        "line": line,
        "complex": line + 1j,
        "nan": np.where(line == 3, np.nan, line),
        "zero": 0 * line,
        "huge": 1e200 * line,
        "tiny": 1e-200 * line,
        "constant": 0 * line + 2,
        "negative": np.where(line == 4, -1, 1),
        "point": line[1:2],
        "scalar": line[4],
        "four": np.ones((2, 2, 2, 2)),
    }
    table = np.column_stack([line, line**2, line - 4])
    arrays |= {
        "hole": np.where(table == 4, np.nan, table),
        "sample": table[:1],
        "flat": table * [1, 0, 1] + np.array([0, 7, 0]),
        "far": table + np.array([3e15, 0, 0]),
        "void": table * [1, 1, 0],
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    np.savetxt(folder / "table.csv", table, delimiter=",")
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(folder / "two.npz", a=line, b=line)
    (folder / "short.npz").write_bytes((folder / "two.npz").read_bytes()[:200])
    line.astype("float32").tofile(folder / "raw.dat")
    for name, weight in (("weights_0", 0.0), ("weights_huge", 1e-13)):
        np.save(folder / f"{name}.npy", np.where(np.arange(64) == 3, weight, 1.0))
    np.save(folder / "weights_nan.npy", np.full(64, np.nan))
    (folder / "comma.csv").write_text("0,5\n1,5\n")
    (folder / "dates.csv").write_text("day,value\n2020-01-05,1\n2020-01-06,2\n")
    (folder / "nan.csv").write_text("1.0\nnan\n2.0\n")
    grid = Grid((64,), (1.0,))
    for name, start, shape in (("late", 1.0, 1), ("start", 0.0, 1), ("colour", 0.0, 3), ("nothing", 0.0, 1)):
        error = np.full((2, shape, 64), name != "nothing", dtype=float)
        history = ErrorHistory(start + np.arange(2.0), grid.positions(), error, squared_loss(error))
        history.save(folder / f"{name}.nc")
    Image.fromarray(np.eye(4, dtype=np.uint8)).save(folder / "image.png")
    Image.fromarray(np.full((4, 4, 3), 9, dtype=np.uint8)).save(folder / "colour.png")
    np.save(folder / "cube.npy", np.ones((2, 2, 2)))
    for name in ("line", "line.doc"):
        (folder / name).write_bytes(b"1 2 3")
    for suffix in (*SUFFIXES, ".msh", ".nc"):
        (folder / f"empty{suffix}").write_bytes(b"")
        (folder / f"garbage{suffix}").write_bytes(b"\x89\x00\xffgarbage\n" * 40)
