"""The run-file keys that a result depends on: a hash of all keys, and a readable list of changed keys."""

import hashlib
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol, runtime_checkable

ABSENT = "absent"
SHA256 = re.compile(r'"[0-9a-f]{64}"')  # the JSON of a hash that stands for the content of a file


@runtime_checkable
class KnowsDefaults(Protocol):
    """Keys that know the values that count for absent keys."""

    def if_absent(self, names: Collection[str]) -> Mapping[str, Any]:
        """Return keys in which the keys with these dotted names have their defaults."""


@runtime_checkable
class KnowsFiles(Protocol):
    """Keys some of which contain the SHA-256 of a file's content. files: names of the files by dotted names of keys."""

    files: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """A key with another value than before. name: the dotted name. before, after: the JSON, or "absent".

    file: the file whose content the key stands for, or "".
    """

    name: str
    before: str
    after: str
    file: str = ""

    def __str__(self) -> str:
        if not (SHA256.fullmatch(self.before) and SHA256.fullmatch(self.after)):
            before, after = ("a file" if SHA256.fullmatch(each) else each for each in (self.before, self.after))
            return f"{self.name}: {before} -> {after}"
        if not self.file:
            return f"{self.name}: the content of the file has changed"
        section, _, key = self.name.rpartition(".")
        section = re.sub(r"\.(\d+)$", lambda index: f" {int(index[1]) + 1}", section)  # people count from 1
        return f"the file {self.file} ([{section}] {key}) has changed"


def canonical(value: Any) -> Any:
    """Convert a value to plain JSON types, so that equal values have the same form.

    1.0 becomes 1, a tuple becomes a list, and a path becomes a string.
    Raises TypeError for other types, and ValueError for NaN and infinity.
    """
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            if not math.isfinite(value):
                raise ValueError(f"a key has the value {value}: give a finite number")
            return int(value) if value == int(value) else float(value)
        case PurePath():
            return str(value)
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError(f"the names of keys must be strings, but are {list(value)!r}")
            return {str(key): canonical(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [canonical(entry) for entry in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return canonical(value.tolist())
    raise TypeError(f"a key has the value {value!r} of type {type(value).__name__}, which JSON cannot represent")


def _json(value: Any) -> str:
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def key_hash(keys: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of the keys, in hexadecimal. The order of the keys does not matter."""
    return hashlib.sha256(_json(keys).encode("ascii")).hexdigest()


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return `changes` as texts, such as `density.sigma: 10 -> 12`."""
    return [str(change) for change in changes(old, new)]


def changes_since(result: object, differences: Sequence[Change]) -> str:
    """Return a clause about the changes since a result was computed, of which there is at least one."""
    if all(change.file for change in differences):
        return f"{' and '.join(map(str, differences))} since {result} was computed"
    return f"{result} was computed with other keys ({'; '.join(map(str, differences))})"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return the differences, sorted by name. If the hashes are equal, there are none.

    If `new` knows defaults, a key that only `new` has counts in `old` as its default: an earlier version of freqbias
    wrote `old` before the key existed. If `new` knows files, a file whose content has changed is named.
    """
    one, other = canonical(old), canonical(new)
    if isinstance(new, KnowsDefaults) and (absent := _only_in(other, one)):
        one = _filled(one, other, canonical(new.if_absent(absent)))
    found = list[Change]()
    for name, file in new.files.items() if isinstance(new, KnowsFiles) else ():
        content, now = (_json(_value_at(keys, name.split("."))) for keys in (one, other))
        if content != now and SHA256.fullmatch(content) and SHA256.fullmatch(now):
            found.append(Change(name, content, now, file))
            one = _with_value(one, name.split("."), json.loads(now))  # a list of parts may differ in more keys
    before, after = _flatten(one), _flatten(other)
    shown = (Change(name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in before | after)
    found += [change for change in shown if change.before != change.after]
    return sorted(found, key=lambda change: change.name)


def common_changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the differences in the keys that both have, as `changed_keys` does."""
    first, second = _flatten(canonical(one)), _flatten(canonical(other))
    names = sorted(first.keys() & second.keys())
    return [str(Change(name, first[name], second[name])) for name in names if first[name] != second[name]]


def _value_at(keys: Any, names: list[str]) -> Any:
    """Return the value with these names in nested tables and lists, or None."""
    for name in names:
        keys = {str(index): value for index, value in _entries(keys)}.get(name)
    return keys


def _with_value(keys: Any, names: list[str], value: Any) -> Any:
    """Return nested tables and lists in which the value with these names is replaced."""
    if not names:
        return value
    changed = {
        name: _with_value(entry, names[1:], value) if str(name) == names[0] else entry for name, entry in _entries(keys)
    }
    return list(changed.values()) if isinstance(keys, list) else changed


def _only_in(new: Any, old: Any, prefix: str = "") -> list[str]:
    """Return the dotted names of the values in the tables and lists of `new` that `old` does not have."""
    names, known = list[str](), dict(_entries(old))
    for name, value in _entries(new):
        if name not in known:
            names.append(f"{prefix}{name}")
        else:
            names += _only_in(value, known[name], f"{prefix}{name}.")
    return names


def _filled(old: Any, new: Any, defaults: Any) -> Any:
    """Return `old` with the values of `defaults` for the keys of tables that only `new` has."""
    both = dict(_entries(new))
    given = dict(_entries(defaults))
    filled = {name: _filled(value, both.get(name), given.get(name)) for name, value in _entries(old)}
    if isinstance(old, list):
        return list(filled.values())
    if not isinstance(old, dict):
        return old
    return filled | {name: given[name] for name in both.keys() - old.keys() if name in given}


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    """Return names and values of a table, indices and values of a list, and nothing for other values."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _flatten(keys: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Map dotted names to the JSON of the values. An empty table is treated as a value."""
    flat: dict[str, str] = {}
    for name, value in keys.items():
        if isinstance(value, Mapping) and value:
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _json(value)
    return flat
