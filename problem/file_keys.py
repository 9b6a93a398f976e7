"""Keys of the run file that say how to read a file: descriptions, types, and which files they are for."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

PATH = 'the path of a data file, relative to the run file, or "matplotlib:NAME" for a sample file of matplotlib'
KEY = "the name of an array in the .npz, .mat or .h5 file, for example group/name"
KEYED_SUFFIXES = (".npz", ".mat", ".h5", ".hdf5")
DTYPE = 'the number type of the raw .dat file, for example "float32"'
DataType = Literal["float32", "float64", "int16", "int32", "uint8", "uint16"]


COLUMNS = (
    "a list of the columns to read, as numbers from 1 or as names in the file, for example "
    'columns = ["lon", "lat", "depth"] or columns = [1, 2, 4]; the default is all columns'
)
DELIMITER = (
    'what stands between the columns of a text table: ",", ";", "|", "\\t" for tabs or " " for any blanks and tabs; by '
    "default the program detects it"
)
DECIMAL = 'the decimal mark of a text table: "." or ","; by default the program detects it'
ColumnName = Annotated[int, Field(ge=1, le=10**6)] | Annotated[str, Field(min_length=1)]
ColumnList = Annotated[list[ColumnName], Field(min_length=1)]
Delimiter = Literal[",", ";", "|", "\t", " "]
Decimal = Literal[".", ","]
TEXT_TABLES = (".csv", ".tsv", ".txt")
TABLE_SUFFIXES = (".npy", ".npz", *TEXT_TABLES, ".mat", ".h5", ".hdf5")  # formats of scattered samples


def check_ending(path: str, *, key: str | None, dtype: str | None) -> None:
    """Refuse `key` without a file of named arrays and `dtype` without a .dat file."""
    for name, value, suffixes in (("key", key, KEYED_SUFFIXES), ("dtype", dtype, (".dat",))):
        if value is not None and not path.lower().endswith(suffixes):
            endings = " ".join(suffixes)
            raise ValueError(f"{name} = {value!r} is for {endings} files only, but path = {path!r}; leave {name} out")


def check_table_keys(
    path: str,
    columns: Sequence[int | str] | None,
    delimiter: str | None,
    decimal: str | None,
    *,
    column_files: tuple[str, ...] = TEXT_TABLES,
) -> None:
    """Refuse keys of tables for other files, repeated columns, and a delimiter that is also the decimal mark.

    column_files: the endings of the files that have columns.
    """
    allowed = {"columns": column_files, "delimiter": TEXT_TABLES, "decimal": TEXT_TABLES}
    for (name, endings), value in zip(allowed.items(), (columns, delimiter, decimal), strict=True):
        if value is not None and not path.lower().endswith(endings):
            raise ValueError(
                f"{name} = {value!r} is for {' '.join(endings)} only, but path = {path!r}; leave {name} out"
            )
    if columns and len(set(columns)) < len(columns):
        raise ValueError(f"columns = {columns} names a column twice; name each column once")
    if delimiter == decimal == ",":
        raise ValueError('delimiter = "," contradicts decimal = ","; give the true marks, or leave both out')
