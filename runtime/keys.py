"""The run-file keys that a result depends on: one hash of all, and a readable list of changes."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

ABSENT = "absent"


def canonical(value: Any) -> Any:
    """A value in plain JSON types, one form for equal values: 1.0 becomes 1, a tuple a list, a path its text.

    Raises TypeError for other types, ValueError for NaN and infinity.
    """
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            if not math.isfinite(value):
                raise ValueError(f"a key cannot be {value}: give a finite number")
            return int(value) if value == int(value) else float(value)
        case PurePath():
            return str(value)
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError(f"names of keys must be strings, not {list(value)!r}")
            return {str(key): canonical(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [canonical(entry) for entry in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return canonical(value.tolist())
    raise TypeError(f"a key cannot hold {value!r} of type {type(value).__name__}")


def _json(value: Any) -> str:
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def key_hash(keys: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of the keys, in hexadecimal. Their order does not matter."""
    return hashlib.sha256(_json(keys).encode("ascii")).hexdigest()


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Sorted list of differences, such as `density.sigma: 10 -> 12`. Empty if and only if the hashes are equal."""
    before, after = _flatten(canonical(old)), _flatten(canonical(new))
    shown = ((name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in sorted(before | after))
    return [
        f"{name}: {value_before} -> {value_after}"
        for name, value_before, value_after in shown
        if value_before != value_after
    ]


def _flatten(keys: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted names and the JSON of their values. An empty table counts as a value."""
    flat: dict[str, str] = {}
    for name, value in keys.items():
        if isinstance(value, Mapping) and value:
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _json(value)
    return flat
