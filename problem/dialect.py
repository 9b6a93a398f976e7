"""How the lines of a text table divide into cells: delimiter, decimal mark, names of the columns."""

import csv
import re
from dataclasses import dataclass

from freqbias.errors import InputError

BLANKS = " "  # the delimiter that stands for any run of blanks and tabs
DELIMITERS = (";", "\t", "|", ",", BLANKS)


@dataclass(frozen=True)
class Dialect:
    """A way to read the lines of a table.

    delimiter: one of DELIMITERS. decimal: "." or ",". width: the number of columns.
    trailing: whether the lines end with one delimiter more. headers: the number of lines with names and units.
    names: the names of all columns, or (). columns: the chosen columns, numbered from 0, in their order.
    """

    delimiter: str
    decimal: str
    width: int = 0
    trailing: bool = False
    headers: int = 0
    names: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line, without blanks at their ends. Raises InputError if a quote is not closed."""
        cells = [cell.strip() for cell in self._split(line)]
        return cells[:-1] if self.trailing and len(cells) == self.width + 1 and not cells[-1] else cells

    def _split(self, line: str) -> list[str]:
        if self.delimiter == BLANKS:
            line = re.sub(r"[ \t]+", BLANKS, line).strip(BLANKS)
        if '"' not in line:
            return line.split(self.delimiter)
        try:
            return next(csv.reader([line], delimiter=self.delimiter, skipinitialspace=True, strict=True))
        except csv.Error as failure:
            raise InputError('the quotes " do not match; close each quote, or remove it') from failure

    def label(self, column: int) -> str:
        """Return the number from 1, and the name, of a column that is numbered from 0: `2 (temperature)`."""
        name = self.names[column] if self.names else ""
        shown = name if len(name) <= 40 else name[:40] + "..."
        return f"{column + 1} ({shown})" if name else str(column + 1)
