"""Files of positions or frequencies: tables of numbers with a column for each axis, and arrays."""

from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.problem import files
from freqbias.problem.summary import counted
from freqbias.problem.tables import Columns, TableFormat, read_columns

POSITION_FILES = (*files.TABLES, ".npy")


def read_positions(file: Path, dimension: int) -> np.ndarray:
    """Return the positions in a table, (P, d). Raises InputError unless the table has d columns of numbers."""
    table = read_rows(file, TableFormat(), fewest=dimension)
    if table.values.shape[1] != dimension:
        raise InputError(
            f"{file.name} has {counted(table.values.shape[1], 'column')}; give one for each of the {dimension} axes"
        )
    return table.complete("correct the cell").values


def read_rows(
    file: Path, table: TableFormat, *, fewest: int = 1, key: str | None = None, section: str = "data"
) -> Columns:
    """Return the columns of a table, or of an array with a row for each position.

    fewest: the smallest number of columns. key: the name of an array in the file. section: the section of the run file
    that names the file, for messages.
    """
    if files.ending(file) in files.TABLES:
        return read_columns(file, table, fewest=fewest)
    values = files.read(file, key=key, section=section)[..., 0]  # every axis counts as one of positions
    if values.ndim > 2:
        raise InputError(f"{file.name} has an array of shape {values.shape}; give an array of rows and columns")
    return Columns.of_array(values.reshape(len(values), -1), table.columns)
