"""Detection of how a text table is written.

A way to read the table is valid if all lines have the same number of cells and all chosen cells are numbers or missing.
Valid ways that give different numbers are not decided by a guess: the table is refused, and the message names the keys.
"""

import re
from collections import Counter
from dataclasses import replace

from freqbias.errors import InputError
from freqbias.problem.cells import number
from freqbias.problem.column_choice import (
    MOST_HEADERS,
    Columns,
    cells_of,
    choose_columns,
    column_names,
    explain_missing_columns,
    has_words,
)
from freqbias.problem.dialect import BLANKS, DELIMITERS, Dialect
from freqbias.problem.summary import counted
from freqbias.problem.text_lines import TextLines

SAMPLE_LINES, SAMPLE_LETTERS = 400, 1_000_000  # of the sample from which the dialect is detected
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # 1,234
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([. '’\u00a0\u202f]\d{3})+,\d+")  # 1.234,5
PAIRS = re.compile(r"[+-]?\d+,\d+(, +[+-]?\d+,\d+)+")  # 0,5, 1,25


def detect(
    lines: TextLines,
    columns: Columns | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    *,
    fewest: int = 1,
) -> Dialect:
    """Return the way to read the table.

    columns: numbers from 1 or names, or None for all. delimiter, decimal: detected if they are None.
    fewest: ways with fewer columns are left out if there are others.
    If no way is valid, the way that fits most lines is returned, with which the table cannot be read.
    Raises InputError if several ways are valid, or if the table does not have the columns.
    """
    if delimiter is None and lines.delimiter in DELIMITERS:
        delimiter = lines.delimiter
    sample = _sample(lines.text)
    candidates = [_measured(way, sample) for way in _candidates(sample, delimiter, decimal)]
    ways = [found for way in candidates if (found := choose_columns(way, columns, lines.comment, sample))]
    if not ways:
        best = max(candidates, key=lambda way: _score(way, sample))
        first = cells_of(best, sample[0])
        if len(first) != best.width and any(name in first for name in columns or ()):
            raise InputError(
                f"row {lines.numbers[0]} has {counted(len(first), 'name')}, but most rows have "
                f"{counted(best.width, 'cell')}; give each column a name, or begin this line with # and use numbers "
                "from 1"
            )
        names = column_names(best, sample[0]) or column_names(best, lines.comment)
        raise InputError(explain_missing_columns(replace(best, names=names), columns or ()))
    only_words = all(has_words(cells_of(way, line)) for way in candidates for line in lines.text[: MOST_HEADERS + 1])
    if all(way.headers == len(lines.text) for way in ways) or (only_words and len(lines.text) <= MOST_HEADERS):
        raise InputError("the table has names of columns, but no rows; add a row of numbers for each sample")
    ways = [way for way in ways if way.headers < len(lines.text)]
    ways = [way for way in ways if len(way.columns) >= fewest] or ways
    valid = [way for way in ways if _is_valid(way, sample)]
    if not valid:
        return max(ways, key=lambda way: _score(way, sample))
    valid = _distinct([way for way in valid if not _splits_names(valid, way)] or valid, sample)
    if len(valid) > 1:  # the sample fits several ways, so all lines decide
        valid = [way for way in valid if _is_valid(way, lines.text)] or valid[:1]
    doubtful = decimal is None and _is_doubtful(valid[0], sample, detected=delimiter is None)
    if len(valid) > 1 or doubtful:
        raise InputError(_ambiguous(lines, valid[0]))
    return valid[0]


def _sample(text: list[str]) -> list[str]:
    """Return at most SAMPLE_LINES lines: some from the top, and some at even distances."""
    most = max(8, min(SAMPLE_LINES, SAMPLE_LETTERS * len(text[:99]) // (1 + sum(map(len, text[:99])))))
    top = most // 2
    return text[:top] + text[top :: 1 + len(text) // (most - top)]


def _candidates(sample: list[str], delimiter: str | None, decimal: str | None) -> list[Dialect]:
    marks = [mark for mark in DELIMITERS if mark == BLANKS or any(mark in line for line in sample)]
    points = [decimal] if decimal else [".", ","]
    quotes = any('"' in line for line in sample)
    return [
        Dialect(mark, point)
        for mark in ([delimiter] if delimiter else marks)
        for point in points
        if mark != "," or point != "," or quotes
    ]


def _measured(way: Dialect, sample: list[str]) -> Dialect:
    """Return the way with the number of columns that most lines have."""
    rows = [cells for line in sample[: SAMPLE_LINES // 2] if (cells := cells_of(way, line))] or [[""]]
    width = max(Counter(map(len, rows)).items(), key=lambda item: (item[1], item[0]))[0]
    body = [row for row in rows[1:] or rows if len(row) == width]
    named = len(rows[0]) == width and rows[0][-1]
    trailing = width > 1 and bool(body) and not named and not any(row[-1] for row in body)
    return replace(way, width=width - trailing, trailing=trailing)


def _fits(way: Dialect, line: str) -> bool:
    cells = cells_of(way, line)
    return len(cells) == way.width and all(number(cells[column], way.decimal) is not None for column in way.columns)


def _is_valid(way: Dialect, text: list[str]) -> bool:
    headers = text[: way.headers]
    return all(len(cells_of(way, line)) == way.width for line in headers) and all(
        _fits(way, line) for line in text[way.headers :]
    )


def _score(way: Dialect, sample: list[str]) -> tuple[int, int, int]:
    """Return the number of good lines, the number of lines with all cells, and the number of columns."""
    complete = sum(len(cells_of(way, line)) == way.width for line in sample) if way.width > 1 else 0
    return complete + 2 * sum(_fits(way, line) for line in sample[way.headers :]), complete, way.width


def _splits_names(ways: list[Dialect], way: Dialect) -> bool:
    """Return whether a name contains the delimiter of another valid way: the line `x,y` contains two names."""
    others = {other.delimiter for other in ways if other.names} - {way.delimiter}
    return any(mark in name for mark in others for name in way.names)


def _distinct(ways: list[Dialect], sample: list[str]) -> list[Dialect]:
    """Return one way for each different table of numbers."""
    tables: dict[str, Dialect] = {}
    for way in ways:
        rows = (way.cells(line) for line in sample[way.headers :])
        values = [[number(row[column], way.decimal) for column in way.columns] for row in rows]
        tables.setdefault(repr(values), way)
    return list(tables.values())


def _is_doubtful(way: Dialect, sample: list[str], *, detected: bool) -> bool:
    """Return whether commas may be decimal marks, delimiters or separators of thousands.

    detected: whether the delimiter was detected, not given.
    """
    body = sample[way.headers :]
    if detected and any(all(map(form.fullmatch, map(str.strip, body))) for form in (GROUPED, PAIRS)):
        return True
    if way.decimal != ",":
        return False
    if detected and way.width == 1 and not (way.names and "," not in way.names[0]):
        return any("," in line for line in body)
    cells = [row[column] for row in map(way.cells, body) for column in way.columns if "," in row[column]]
    return bool(cells) and all(map(THOUSANDS.fullmatch, cells))


def _ambiguous(lines: TextLines, way: Dialect) -> str:
    line = lines.text[way.headers].strip()
    return (
        f"row {lines.numbers[way.headers]}, {line[:40]!r}, can be read in more than one way; give delimiter, for "
        'example delimiter = ",", or decimal, for example decimal = ","'
    )
