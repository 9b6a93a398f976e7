"""Files of positions: tables of numbers with a column for each axis, and arrays of NumPy."""

from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.problem import files
from freqbias.problem.summary import counted
from freqbias.problem.tables import Columns, TableFormat, read_columns

POSITION_FILES = (*files.TABLES, ".npy")


def read_positions(file: Path, dimension: int) -> np.ndarray:
    """Return the positions in a table, (P, d). Raises InputError unless the table has d columns of numbers."""
    if files.ending(file) in files.TABLES:
        table = read_columns(file, TableFormat(), fewest=dimension)
    else:
        table = Columns.of_array(files.read(file, dimension=1), None)
    if table.values.shape[1] != dimension:
        raise InputError(
            f"{file.name} has {counted(table.values.shape[1], 'column')}; give one for each of the {dimension} axes"
        )
    return table.complete("correct the cell").values
