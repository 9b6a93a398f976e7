"""Text tables (.csv .tsv .txt): the numbers in the chosen columns, and messages in terms of row and column.

A row is a line of the file. Rows and columns are numbered from 1, as people count.
"""

import io
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.cells import MISSING, fault, is_word, number
from freqbias.problem.detection import detect
from freqbias.problem.dialect import BLANKS, DELIMITERS, Dialect
from freqbias.problem.summary import counted
from freqbias.problem.text_lines import TextLines, read_lines

WIDE, MOST_COLUMNS = 10_000, 100_000  # columns; pandas needs minutes for a million columns
TRUTH_VALUES = ("true", "True", "TRUE", "false", "False", "FALSE")  # pandas takes them for the numbers 1 and 0


@dataclass(frozen=True)
class TableFormat:
    """How to read a table, as the run file says it.

    columns: the columns to read, as numbers from 1 or as names; None for all.
    delimiter: one of DELIMITERS. decimal: "." or ",". Both are detected if they are None.
    """

    columns: Sequence[int | str] | None = None
    delimiter: str | None = None
    decimal: str | None = None


@dataclass(frozen=True)
class Columns:
    """Numbers in rows and columns, NaN where a value is missing.

    values: (rows, columns). rows: the number of each row in the file, from 1. labels: the columns, as `2 (depth)`.
    named: whether the file has names for the columns.
    """

    values: np.ndarray
    rows: Sequence[int]
    labels: Sequence[str]
    named: bool = False

    @classmethod
    def of_array(cls, values: np.ndarray, columns: Sequence[int | str] | None) -> "Columns":
        """Return the chosen columns of an array (rows, columns). Raises InputError if the array lacks a column."""
        count = values.shape[1]
        for column in columns or ():
            if isinstance(column, str) or column > count:
                raise InputError(
                    f"columns = {list(columns or ())}: the array has {counted(count, 'column')} without names; use "
                    f"numbers from 1 to {count}"
                )
        chosen = [int(column) - 1 for column in columns] if columns else list(range(count))
        return cls(values[:, chosen], range(1, len(values) + 1), [str(column + 1) for column in chosen])

    def complete(self, remedy: str) -> "Columns":
        """Return the columns. Raises InputError, with the remedy, if a value is missing or infinite."""
        bad = ~np.isfinite(self.values)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            value = self.values[row, column]
            met = "no value" if np.isnan(value) else f"the value {value}"
            others = int(np.count_nonzero(bad)) - 1
            more = f", and {counted(others, 'other cell')} of the file too" if others else ""
            raise InputError(f"row {self.rows[row]}, column {self.labels[column]} has {met}{more}; {remedy}")
        return self

    def without_missing(self) -> tuple["Columns", np.ndarray]:
        """Return the rows in which no value is missing, and which of the rows these are, (rows,)."""
        kept = ~np.isnan(self.values).any(axis=1)
        if not kept.any():
            raise InputError("a value is missing in every row; choose other columns with the key columns")
        rows = [row for row, keep in zip(self.rows, kept, strict=True) if keep]
        return Columns(self.values[kept], rows, self.labels, self.named), kept


def read_columns(path: Path, options: TableFormat, *, fewest: int = 1) -> Columns:
    """Read a text table. Missing values become NaN.

    fewest: the smallest number of columns that makes sense, which can decide between two ways to read the file.
    Raises InputError, which names row and column, if the file is not a table of numbers.
    """
    lines = read_lines(path)
    if max(map(lines.text[0].count, (*DELIMITERS, "\t"))) >= MOST_COLUMNS:
        raise InputError(
            f"the table has more than {MOST_COLUMNS:,} columns; write one row for each sample, or a .npy file"
        )
    way = detect(lines, options.columns, options.delimiter, options.decimal, fewest=fewest)
    if options.columns is None and way.width > 1 and way.names and not way.names[0]:
        raise InputError(
            "column 1 has no name, so it may only count the rows; choose columns, for example "
            f"columns = {list(range(2, way.width + 1))[:6]}, or give column 1 a name"
        )
    _check_widths(way, lines)
    values = _read_with_pandas(way, lines)
    if values is None:
        values = _read_cells(way, lines)
    labels = [way.label(column) for column in way.columns]
    return Columns(values, lines.numbers[way.headers :], labels, bool(way.names))


def read_grid(path: Path, options: TableFormat, dimension: int | None) -> np.ndarray:
    """Read a text table whose rows are the first axis of a grid, (rows, columns), or (rows,) if there is one column.

    dimension: the number of axes, if the run file gives it. Raises InputError if a value is missing, or if the columns
    have names, as those of scattered samples, and the number of axes is not given.
    """
    table = read_columns(path, options).complete("give every cell a value, because a grid has a value at every point")
    if table.named and table.values.shape[1] > 1 and dimension is None:
        raise InputError(
            f"the columns have names: {', '.join(table.labels[:6])}; choose one of them with the key columns; or, for "
            '[data], use layout = "scattered" if the first columns are positions, dimension = 1 if the columns are '
            "channels, or dimension = 2 if they are the second axis of a grid"
        )
    return table.values[:, 0] if table.values.shape[1] == 1 else table.values


def _check_widths(way: Dialect, lines: TextLines) -> None:
    for index, line in enumerate(lines.text):
        try:
            count = len(way.cells(line))
        except InputError as failure:
            raise InputError(f"row {lines.numbers[index]}: {failure}") from failure
        if count != way.width:
            words = "" if index > way.headers else "; if this line is text, begin the line with #"
            raise InputError(
                f"row {lines.numbers[index]} has {counted(count, 'cell')}, but most rows have {way.width}; give every "
                f"row a cell for each column{words}"
            )


def _read_with_pandas(way: Dialect, lines: TextLines) -> np.ndarray | None:
    """Return the values, or None if the table contains a cell that pandas does not read as a number or as missing."""
    import pandas as pd

    text = "\n".join(lines.text[way.headers :])
    if way.width > WIDE or any(word in text for word in TRUTH_VALUES):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # pandas only warns of some cells
            frame = pd.read_csv(
                io.StringIO(text),
                sep=r"\s+" if way.delimiter == BLANKS else way.delimiter,
                decimal=way.decimal,
                header=None,
                names=range(way.width + way.trailing),
                index_col=False,
                usecols=way.columns,
                dtype=float,
                na_values=sorted(MISSING),
                keep_default_na=False,
                skipinitialspace=True,
                skip_blank_lines=False,
            )
    except (ValueError, pd.errors.ParserError, Warning):
        return None
    values = frame[list(way.columns)].to_numpy(dtype=float)
    complete = len(values) == len(lines.text) - way.headers
    return values if complete and not np.isinf(values).any() else None


def _read_cells(way: Dialect, lines: TextLines) -> np.ndarray:
    """Return the values, cell by cell. Raises InputError for the first cell that is not a number and not missing."""
    values = np.empty((len(lines.text) - way.headers, len(way.columns)))
    for index, line in enumerate(lines.text[way.headers :]):
        cells = way.cells(line)
        if way.decimal == "." and line.isascii() and "_" not in line:  # float() reads 1_0 as 10
            with suppress(ValueError):
                values[index] = [float(cells[column]) for column in way.columns]
                if np.isfinite(values[index]).all():
                    continue
        for place, column in enumerate(way.columns):
            value = number(cells[column], way.decimal)
            if value is None:
                _refuse_words(way, lines)
                reason = fault(cells[column], way.decimal)
                words = "units" if way.headers else "names"
                is_header = index == 0 and is_word(cells[column])
                comment = f"; if this line contains {words}, begin the line with #" if is_header else ""
                row = lines.numbers[way.headers + index]
                raise InputError(f"row {row}, column {way.label(column)}: {reason}{comment}")
            values[index, place] = value
    return values


def _refuse_words(way: Dialect, lines: TextLines) -> None:
    """Raise InputError if a chosen column holds words in every row, and other columns hold numbers."""
    rows = [way.cells(line) for line in lines.text[way.headers :]]
    words = [column for column in way.columns if all(row[column] in MISSING or is_word(row[column]) for row in rows)]
    words = [column for column in words if any(is_word(row[column]) for row in rows)]
    numbers = [column + 1 for column in way.columns if column not in words]
    if words and numbers:
        column = words[0]
        index, example = next((index, row[column]) for index, row in enumerate(rows) if is_word(row[column]))
        raise InputError(
            f"row {lines.numbers[way.headers + index]}, column {way.label(column)}: {example[:40]!r} is not a number, "
            "and neither is any other cell of this column; choose the columns with numbers with the key columns, for "
            f"example columns = {numbers[:6]}"
        )
