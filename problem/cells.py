"""The cells of a text table: numbers, missing values, and the reason why any other cell is refused."""

import re

# Spellings of a missing value, besides an empty cell.
MISSING = frozenset(
    [
        "",
        "NA",
        "N/A",
        "n/a",
        "n.a.",
        "na",
        "<NA>",
        "#N/A",
        "NaN",
        "nan",
        "NAN",
        "-nan",
        "null",
        "NULL",
        "None",
        "-",
        "--",
        "?",
    ]
)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?", re.ASCII)
GAPS = "[.,'’ \u00a0\u202f]"  # between thousands
THOUSANDS = re.compile(rf"[+-]?\d{{1,3}}({GAPS}\d{{3}})+([.,]\d*)?", re.ASCII)
DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{1,2}:\d{2}(:.*)?|\d{4}-\d{2}"
    r"|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}.*|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}.*"
)
COMPLEX = re.compile(
    r"\(?\s*[+-]?[\d.]+([eE][+-]?\d+)?\s*([+-]\s*[\d.]*([eE][+-]?\d+)?\s*\*?\s*[ijIJ]|[ij]|,.*\))\s*\)?"
)
STARTS_LIKE_NUMBER = re.compile(r"\(?[+-]?[.,]?\d")
LETTERS = re.compile(r"[^\W\d_]{2}|/[^\W\d_]")
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


def number(cell: str, decimal: str) -> float | None:
    """Return the number in a cell, NaN for a missing value, or None if the cell is neither.

    decimal: the decimal mark, "." or ",". An exponent may begin with E or, as Fortran writes it, with D.
    """
    cell = cell.strip()
    if cell in MISSING:
        return float("nan")
    if decimal == ",":
        if "." in cell:
            return None
        cell = cell.replace(",", ".")
    if NUMBER.fullmatch(cell) is None:
        return None
    value = float(cell.replace("d", "e").replace("D", "e"))
    return value if abs(value) < float("inf") else None


def is_word(cell: str) -> bool:
    """Return whether a cell may be a name or a unit: not missing, and not a number, a date or the like.

    A word that begins with a digit has two letters in a row, as `2m_temperature`, or a slash and a letter, as `1/m`. So
    1.5O is a faulty number.
    """
    if cell in MISSING or INFINITE.fullmatch(cell) or DATE.fullmatch(cell) or COMPLEX.fullmatch(cell):
        return False
    return not STARTS_LIKE_NUMBER.match(cell) or bool(LETTERS.search(cell))


def fault(cell: str, decimal: str) -> str:
    """Return why a cell is refused, and the remedy."""
    cell = cell.strip()
    shown = repr(cell if len(cell) <= 40 else cell[:40] + "...")
    written = NUMBER.fullmatch(cell.replace(",", ".")) is not None  # a number, if the marks are left aside
    if INFINITE.fullmatch(cell) or (written and {",": ".", ".": ","}[decimal] not in cell):
        return f"{shown} is infinite; correct the cell, or write NA for a missing value"
    if COMPLEX.fullmatch(cell):
        return f"{shown} is a complex number; write the real part and the imaginary part as two columns"
    if DATE.fullmatch(cell) and not written:
        return (
            f"{shown} is a date or a time; write a number, for example the days since the first measurement, "
            "or choose other columns with the key columns"
        )
    if THOUSANDS.fullmatch(cell) and not written:
        return f"{shown} has a separator of thousands; write the number without the separator"
    if written and decimal == ".":
        return (
            f"{shown} has a decimal comma, or a separator of thousands, but the decimal mark is a point; write all "
            "numbers in one way"
        )
    if written:
        return f"{shown} has a decimal point, but the decimal mark is a comma; write all numbers in one way"
    return (
        f"{shown} is not a number; correct the cell, write NA for a missing value, or choose other columns with the "
        "key columns"
    )
