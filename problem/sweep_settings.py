"""The section [sweep] of the run file: which keys take several values, and which combinations are run."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from freqbias.errors import InputError
from freqbias.problem.overrides import parse_value, split_override
from freqbias.problem.section import Section

SWEEP_STAGES = ("pde", "nn", "ntk", "compare", "design")
SWEPT = ("seed", "density", "data", "network", "time", "mesh", "pde", "training", "compare", "design", "unit")
MOST_RUNS = 100_000
_FUNCTION = re.compile(r"(range|linspace|geomspace)\((.*)\)")
_OPENING, _CLOSING = "[{(", "]})"

Point = dict[str, Any]
"""The values of the swept keys in one run, by dotted name."""


class Sweep(Section):
    """The settings of `freqbias sweep`. All keys besides these are keys of the run file, each with a list of values."""

    model_config = ConfigDict(extra="allow")

    stages: Annotated[list[Literal["pde", "nn", "ntk", "compare", "design"]], Field(min_length=1)] = Field(
        ["pde", "nn", "ntk", "compare"],
        description='a list of stages to run: "pde", "nn", "ntk", "compare", "design"',
    )
    zip: list[Annotated[list[str], Field(min_length=2)]] = Field(
        [],
        description="a list of lists of keys whose values go together, for example "
        'zip = [["density.sigma", "network.width"]]; the keys of such a list have equally many values',
    )
    include: list[dict[str, Any]] = Field(
        [],
        description="a list of tables, each with the keys of one more run, for example "
        'include = [{ "density.sigma" = 32.0 }]',
    )
    exclude: list[dict[str, Any]] = Field(
        [],
        description="a list of tables: combinations with these values are not run, for example "
        'exclude = [{ "density.sigma" = 4.0, "network.width" = 10000 }]',
    )

    @model_validator(mode="after")
    def _check_keys(self) -> "Sweep":
        for key, value in flatten(self.model_extra or {}):
            if key.partition(".")[0] not in SWEPT:
                known = [*type(self).model_fields, *SWEPT]
                close = difflib.get_close_matches(key, known, n=1)
                remedy = f"did you mean {close[0]}?" if close else f"the known keys are {', '.join(known)}"
                raise ValueError(f"{key} = {value!r}: unknown key; {remedy}")
        _ = self.axes  # which refuses a key without a list of values
        return self

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of each swept key. Raises InputError if a key has no list of values."""
        return {key: values_of(key, value) for key, value in flatten(self.model_extra or {})}


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in nested tables with their dotted names."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def axes_of_words(words: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of each key in KEY=VALUE,VALUE,... of the command line.

    Raises InputError if a word is not of this form.
    """
    axes = dict[str, list[Any]]()
    for word in words:
        key, text = split_override(word)
        if key in axes:
            raise InputError(f"{key} is given twice; write all its values in one word, {key}=VALUE,VALUE")
        axes[key] = [value for part in split_list(text) for value in _expanded(key, part)]
    return axes


def values_of(key: str, value: Any) -> list[Any]:
    """Return the values of a key in [sweep]: a list, or a text such as "range(5)"."""
    if isinstance(value, str) and _FUNCTION.fullmatch(value.strip()):
        return _expanded(key, value.strip())
    if not isinstance(value, list) or not value:
        raise InputError(f'[sweep] {key} = {value!r}; expected a list of values, or a text such as "range(5)"')
    return value


def split_list(text: str) -> list[str]:
    """Split a text at its commas, but not inside brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += 0 if quote else (letter in _OPENING) - (letter in _CLOSING)
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _expanded(key: str, text: str) -> list[Any]:
    """Return the values of range(...), linspace(a, b, n) and geomspace(a, b, n), or the value of any other text."""
    if not (call := _FUNCTION.fullmatch(text)):
        return [parse_value(key, text)]
    try:
        arguments = [parse_value(key, part) for part in split_list(call[2])]
        match call[1]:
            case "range":
                found: Sequence[Any] = range(*arguments)
            case name:
                start, stop, count = arguments
                function = np.linspace if name == "linspace" else np.geomspace
                with np.errstate(all="raise"):
                    found = range(count) if count > MOST_RUNS else _rounded(function(start, stop, count))
        values = list(found[: MOST_RUNS + 1])
    except (TypeError, ValueError, ArithmeticError, MemoryError):
        raise InputError(
            f"{key} = {text}: {call[1]} cannot take these arguments; write for example range(5), linspace(1, 9, 5) or "
            "geomspace(1, 64, 7)"
        ) from None
    if not values or len(values) > MOST_RUNS:
        raise InputError(f"{key} = {text} has {len(found)} values; use from 1 to {MOST_RUNS:,}")
    return values


def _rounded(numbers: np.ndarray) -> list[int | float]:
    """Return numbers without the noise of the last digits. Whole numbers are integers, which widths and seeds need."""
    rounded = [float(f"{number:.12g}") for number in numbers]
    return [int(number) if number.is_integer() else number for number in rounded]


def _canonical(value: Any) -> Any:
    """Return a value in which 4.0 and 4 are the same."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def points(
    axes: Mapping[str, list[Any]],
    *,
    zipped: Sequence[Sequence[str]] = (),
    include: Sequence[Mapping[str, Any]] = (),
    exclude: Sequence[Mapping[str, Any]] = (),
) -> list[Point]:
    """Return the values of the swept keys in each run, without repetitions.

    All combinations of the values on the axes are run. The keys of each list in `zipped` go together. Combinations that
    contain all values of a table in `exclude` are left out, and each table in `include` adds a run.
    Raises InputError if lists and tables do not fit the axes, and if no run or too many runs remain.
    """
    for keys in zipped:
        for key in keys:
            if key not in axes:
                raise InputError(f"[sweep] zip: {key} has no values; give it a list of values, or leave it out of zip")
        if len({len(axes[key]) for key in keys}) > 1:
            lengths = ", ".join(f"{key} has {len(axes[key])}" for key in keys)
            raise InputError(f"[sweep] zip: {lengths} values; keys that go together need equally many")
    together = [key for keys in zipped for key in keys]
    if repeated := {key for key in together if together.count(key) > 1}:
        raise InputError(f"[sweep] zip: {repeated.pop()} is in two lists; name each key only once")
    groups = [*map(list, zipped), *([key] for key in axes if key not in together)]
    groups.sort(key=lambda keys: min(list(axes).index(key) for key in keys))
    sizes = [len(axes[keys[0]]) for keys in groups]
    if np.prod(sizes, dtype=float) > MOST_RUNS:
        raise InputError(f"the sweep has {np.prod(sizes, dtype=float):,.0f} runs; use at most {MOST_RUNS:,}")
    excluded = [dict(flatten(table)) for table in exclude]
    for table in excluded:
        if unknown := table.keys() - axes.keys():
            raise InputError(
                f"[sweep] exclude: {unknown.pop()} is not swept; name only keys that have a list of values"
            )
    found = list[Point]()
    for indices in product(*map(range, sizes)):
        point = {key: axes[key][index] for keys, index in zip(groups, indices, strict=True) for key in keys}
        if not any(table and all(point[key] == value for key, value in table.items()) for table in excluded):
            found.append(point)
    found += [dict(flatten(table)) for table in include]
    distinct = list[Point]()
    seen = set[str]()
    for point in found:
        if (text := repr(sorted((key, _canonical(value)) for key, value in point.items()))) not in seen:
            seen.add(text)
            distinct.append(point)
    if not distinct:
        raise InputError("[sweep] exclude leaves no run; exclude fewer combinations")
    return distinct
