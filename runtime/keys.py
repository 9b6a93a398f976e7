"""The run-file keys that a result depends on: a hash of all keys, and a readable list of changed keys."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

ABSENT = "absent"


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
    """Return the sorted differences, such as `density.sigma: 10 -> 12`. If the hashes are equal, there are none."""
    before, after = _flatten(canonical(old)), _flatten(canonical(new))
    shown = ((name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in sorted(before | after))
    return [
        f"{name}: {value_before} -> {value_after}"
        for name, value_before, value_after in shown
        if value_before != value_after
    ]


def _flatten(keys: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Map dotted names to the JSON of the values. An empty table is treated as a value."""
    flat: dict[str, str] = {}
    for name, value in keys.items():
        if isinstance(value, Mapping) and value:
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _json(value)
    return flat
