"""The run-file keys that a result depends on: a hash of all keys, and a readable list of changed keys."""

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePath
from typing import Any, Protocol, runtime_checkable

ABSENT = "absent"


@runtime_checkable
class KnowsDefaults(Protocol):
    """Keys that know the values that count for absent keys."""

    def if_absent(self, names: Collection[str]) -> Mapping[str, Any]:
        """Return keys in which the keys with these dotted names have their defaults."""


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
    """Return the sorted differences, such as `density.sigma: 10 -> 12`. If the hashes are equal, there are none.

    If `new` knows defaults, a key that only `new` has counts in `old` as its default: an earlier version of freqbias
    wrote `old` before the key existed.
    """
    one, other = canonical(old), canonical(new)
    if isinstance(new, KnowsDefaults) and (absent := _only_in(other, one)):
        one = _filled(one, other, canonical(new.if_absent(absent)))
    before, after = _flatten(one), _flatten(other)
    shown = ((name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in sorted(before | after))
    return [
        f"{name}: {value_before} -> {value_after}"
        for name, value_before, value_after in shown
        if value_before != value_after
    ]


def common_changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the differences in the keys that both have, as `changed_keys` does."""
    first, second = _flatten(canonical(one)), _flatten(canonical(other))
    names = sorted(first.keys() & second.keys())
    return [f"{name}: {first[name]} -> {second[name]}" for name in names if first[name] != second[name]]


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
