"""The keys of a run file that a result depends on: one hash for them, and in words what has changed."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

ABSENT = "absent"


def canonical(value: Any) -> Any:
    """The same value in plain JSON types, so that equal values look equal: 1.0 is 1, a tuple is a list, a path is text.

    Raises TypeError for what has no such form and ValueError for NaN and infinities.
    """
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            if not math.isfinite(value):
                raise ValueError(f"a key cannot be {value}")
            return int(value) if value == int(value) else float(value)
        case PurePath():
            return str(value)
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError(f"the names of keys must be text, not {list(value)!r}")
            return {str(key): canonical(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [canonical(entry) for entry in value]
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return canonical(value.tolist())
    raise TypeError(f"a key cannot hold {value!r} of type {type(value).__name__}")


def _json(value: Any) -> str:
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def key_hash(keys: Mapping[str, Any]) -> str:
    """SHA-256 of the keys' canonical JSON, in hexadecimal; independent of their order, and 1 and 1.0 are the same."""
    return hashlib.sha256(_json(keys).encode("ascii")).hexdigest()


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs, one text a key, sorted: `density.sigma: 10 -> 12`. Empty exactly where the hashes are equal."""
    before, after = _flat(canonical(old)), _flat(canonical(new))
    shown = ((name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in sorted(before | after))
    return [
        f"{name}: {value_before} -> {value_after}"
        for name, value_before, value_after in shown
        if value_before != value_after
    ]


def _flat(keys: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted names and the JSON of their values; an empty table is a value of its own."""
    flat: dict[str, str] = {}
    for name, value in keys.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _json(value)
    return flat
