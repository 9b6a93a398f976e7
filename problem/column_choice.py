"""The chosen columns of a text table, by number or by name, and the lines with names and units."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from freqbias.errors import InputError
from freqbias.problem.cells import is_word, number
from freqbias.problem.dialect import Dialect

MOST_HEADERS = 3  # lines of names and units
Columns = Sequence[int | str]


def choose_columns(way: Dialect, columns: Columns | None, comment: str, sample: list[str]) -> Dialect | None:
    """Return the way with names, chosen columns and the number of headers, or None if the table lacks a column.

    The names stand in the first line, or in the last comment before it.
    """
    first, commented = (column_names(way, line) for line in (sample[0], comment))
    called = [column for column in columns or () if isinstance(column, str)]
    names = first if first and all(name in first for name in called) else commented or first
    chosen = []
    for column in range(1, way.width + 1) if columns is None else columns:
        if names.count(column) != 1 if isinstance(column, str) else column > way.width:
            return None
        chosen.append(names.index(column) if isinstance(column, str) else column - 1)
    headers = int(bool(called) and names is first)
    rows = [cells_of(way, line) for line in sample[: MOST_HEADERS + 1]]
    if (
        not headers
        and len(rows) > 1
        and has_words(rows[0])
        and any(is_word(rows[0][column]) for column in chosen if column < len(rows[0]))
    ):
        headers = 1
    while headers and headers < len(rows) - 1 and has_words(rows[headers]) and _has_units(way, rows[headers], rows[-1]):
        headers += 1
    return replace(way, columns=tuple(chosen), headers=headers, names=names if headers else commented)


def column_names(way: Dialect, line: str) -> tuple[str, ...]:
    """Return the cells of a line if they can be the names of all columns, else ()."""
    cells = tuple(cells_of(way, line))
    return cells if len(cells) == way.width and any(map(is_word, cells)) else ()


def has_words(cells: list[str]) -> bool:
    """Return whether the cells of a line are words or empty."""
    return all(not cell or is_word(cell) for cell in cells)


def _has_units(way: Dialect, units: list[str], row: list[str]) -> bool:
    """Return whether a unit stands above a number of a row. A name such as Paris stands above other names."""
    below = [number(cell, way.decimal) for unit, cell in zip(units, row, strict=False) if unit]
    return any(value is not None and not isnan(value) for value in below)


def cells_of(way: Dialect, line: str) -> list[str]:
    """Return the cells of a line, or [] if the quotes do not match."""
    try:
        return way.cells(line)
    except InputError:
        return []


def explain_missing_columns(way: Dialect, columns: Columns) -> str:
    """Return the message for the first column that the table does not have."""
    for column in columns:
        if isinstance(column, int) and column > way.width:
            return f"columns = {list(columns)}: there are only {way.width} columns; use numbers from 1 to {way.width}"
        if isinstance(column, str) and way.names.count(column) != 1:
            met = "several columns have" if column in way.names else "no column has"
            known = ", ".join(name for name in way.names if name)
            known = known if len(known) <= 300 else known[:300] + ", ..."
            remedy = (
                f"use one of {known}, or numbers from 1" if known else "the columns have no names; use numbers from 1"
            )
            return f"columns = {list(columns)}: {met} the name {column!r}; {remedy}"
    raise AssertionError("all columns exist")
