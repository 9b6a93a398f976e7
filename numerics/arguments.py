"""Checks of the arguments of Python functions and records. Run files have checks of their own."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from freqbias.errors import InputError

TINY = float(np.finfo(float).tiny)  # the smallest positive number
WHOLE = (int, np.integer)
REAL = (float, np.floating, *WHOLE)
SHOWN = 60  # letters of a value in a message


def check_kind(name: str, value: Any, *kinds: type, remedy: str) -> None:
    """Raise InputError unless the value is of one of these kinds. remedy: what to give instead."""
    if not isinstance(value, kinds):
        raise InputError(f"{name} = {_shown(value)} is of type {type(value).__name__}; give {remedy}")


def check_number(name: str, value: Any, low: float, high: float = float("inf"), *, remedy: str) -> None:
    """Raise InputError unless the value is a finite real number from low to high. remedy: what to give instead."""
    if isinstance(value, bool) or not isinstance(value, REAL) or not isfinite(value) or not low <= value <= high:
        raise InputError(f"{name} = {_shown(value)}; give {remedy}")


def per_axis_numbers(name: str, value: Any, *, whole: bool, remedy: str) -> tuple[Any, ...]:
    """Return 1 to 3 positive finite numbers as a tuple. whole: whether they must be whole numbers.

    Raises InputError for anything else.
    """
    kind = WHOLE if whole else REAL
    numbers = tuple(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else ()
    good = all(isinstance(n, kind) and not isinstance(n, bool) and isfinite(n) and n > 0 for n in numbers)
    if not 1 <= len(numbers) <= 3 or not good:
        raise InputError(f"{name} = {_shown(value)}; give {remedy}")
    return tuple((int if whole else float)(n) for n in numbers)


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
