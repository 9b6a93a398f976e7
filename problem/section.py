"""The base classes of all sections of the run file, and the wording of their errors."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, time
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, SMALLEST

UNKNOWN = ": unknown key; "


class Section(BaseModel):
    """A section of the run file: unknown keys, wrong types, NaN and infinity are errors, and nothing can be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Settings(Section):
    """A section that Python code can also create. Raises InputError with one line for each faulty key."""

    def __init__(self, /, **keys: Any) -> None:
        try:
            super().__init__(**keys)
        except ValidationError as failure:
            raise input_error(failure, type(self).__name__.lower(), type(self)) from None


def input_error(failure: ValidationError, section: str, model: type[BaseModel]) -> InputError:
    """Return an InputError with one line for each faulty key of a section."""
    lines = dict[str, str]()
    for error in errors_in(failure):
        key = str(error["loc"][0]) if error["loc"] else ""
        lines.setdefault(key, explain(error, f"[{section}] {key}".strip(), key, model))
    return InputError(joined(lines.values()))


def errors_in(failure: ValidationError) -> list[Any]:
    """Return the errors, those of a number beyond a limit first: a key that allows words too has an error for each."""
    return sorted(failure.errors(), key=lambda error: not _limit(error))


def joined(lines: Iterable[str]) -> str:
    """Join the lines of an error. Unknown keys come first: a misspelt key is often the one that is missing."""
    return "\n  ".join(sorted(lines, key=lambda line: UNKNOWN not in line))


def explain(error: Any, name: str, key: str, model: type[BaseModel]) -> str:
    """Return one line that states an error from `ValidationError.errors()` and the remedy.

    name: the key with its section, for example "[pde] degree". model: the section that contains this key.
    """
    fields, value = model.model_fields, shown(error["input"])
    if error["type"] == "value_error":
        reason = error["ctx"]["error"]
        return str(reason) if isinstance(reason, InputError) else f"{name} {reason}".removeprefix("[] ")
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, fields, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"the known keys are {', '.join(fields)}"
        return f"{name} = {value}{UNKNOWN}{remedy}"
    field = fields.get(key)
    expected = (field and field.description) or f"a section {name}"
    if error["type"] == "missing":
        return f"{name} is missing; expected {expected}"
    return f"{name} = {value}; expected {expected}{_limit(error)}"


def shown(value: Any) -> str:
    """Return a value of a run file as text. Dates are shown as TOML writes them."""
    return str(value.isoformat()) if isinstance(value, date | time) else repr(value)


def _limit(error: Any) -> str:
    """Return the limit that a number exceeds, if the description does not contain it."""
    limits = error.get("ctx", {})
    if limits.get("le") == LARGEST:
        return f"; the largest possible value is {LARGEST:g}"
    if 0 < limits.get("ge", 0) <= SMALLEST and error["input"] > 0:
        return f"; the smallest possible value is {limits['ge']:g}"
    return ""


@contextmanager
def error_prefix(prefix: str) -> Iterator[None]:
    """Put the prefix in front of the message of any InputError raised inside the `with` block."""
    try:
        yield
    except InputError as failure:
        raise InputError(f"{prefix}{failure}") from failure
