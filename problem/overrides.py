"""Overrides: keys of a run file that the command line sets, as KEY=VALUE: density.sigma=12, network.width=8000."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from freqbias.errors import InputError
from freqbias.problem.files import SAMPLE_SCHEME

PATHS = ("density.path", "data.path", "data.predict_at", "data.held_out.mask", "mesh.path")
PATHS_OR_WORDS = ("pde.initial", "training.weights", "training.boundary")  # only paths have an ending
TEXTS = ("training.operator",)  # need no quotes, whatever they contain
_BARE = re.compile(r"(?:[^\W\d]|[~/.])[\w~/.:+ -]*|[,;|]")  # text that needs no quotes
_KEY = re.compile(r"[\w-]+(\.[\w-]+)*")


def parse_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """Return the values of keys in texts KEY=VALUE, by dotted name. The last of several values of a key counts.

    The parts of a key are separated by dots. A value is written as in TOML, but text needs no quotes. Paths are
    relative to the current folder. Raises InputError if a text is no override.
    """
    return {key: parse_value(key, text) for key, text in map(split_override, overrides)}


def split_override(override: str) -> tuple[str, str]:
    """Return key and text of KEY=VALUE. Raises InputError for any other text."""
    key, equals, text = override.partition("=")
    if not equals or not _KEY.fullmatch(key.strip()):
        raise InputError(f"{override!r} sets no key; write KEY=VALUE, for example density.sigma=12")
    return key.strip(), text.strip()


def with_values(tables: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of a run file with the values of some keys, given by dotted names, in this order.

    Raises InputError if a key lies inside a value that is no table.
    """
    for key, value in values.items():
        tables = _with_value(tables, key.split("."), value, key)
    return tables


def parse_value(key: str, text: str) -> Any:
    """Return the value that a text stands for. Raises InputError if it stands for none."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        tables = {}
    value = tables.get("value")
    if tables.keys() != {"value"}:
        if key not in TEXTS and not _BARE.fullmatch(text):
            raise InputError(
                f"{key} = {text!r} is no value; write one number, word or list, or text in quotes that the shell "
                f"""keeps, as in '{key}="TEXT"'"""
            )
        value = text
    if not isinstance(value, str) or value.startswith(SAMPLE_SCHEME):
        return value
    if key in PATHS or (key in PATHS_OR_WORDS and Path(value).suffix):
        return str(Path.cwd() / Path(value).expanduser())
    return value


def _with_value(tables: dict[str, Any], parts: list[str], value: Any, key: str) -> dict[str, Any]:
    first, *others = parts
    if not others:
        return tables | {first: value}
    inner = tables.get(first, {})
    if not isinstance(inner, dict):
        raise InputError(f"{key}: the run file has {first} = {inner!r}, which is no table; set {first} as a whole")
    return tables | {first: _with_value(inner, others, value, key)}
