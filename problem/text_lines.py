"""The lines of a text file with a table: decoded, without comments and blank lines, with their numbers in the file."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from freqbias.errors import InputError

MARKS = (  # a UTF-32 mark begins with a UTF-16 mark, so the longer marks come first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")  # characters that no text contains
FAULT_OF_EXCEL = r"#(N/A|DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!)"  # a cell, not a comment
COMMENT = re.compile(rf"\s*(?!{FAULT_OF_EXCEL})[#%]")
REMARK = re.compile(rf"[\s\d.,;|+\-eEdDnNaA/]*(?!{FAULT_OF_EXCEL})#")  # numbers and missing values, then a comment
EXCEL_DELIMITER = re.compile(r"sep=(.)", re.IGNORECASE)  # a first line that Excel reads and writes


@dataclass(frozen=True)
class TextLines:
    """The lines with cells of a table.

    text: the lines, stripped of line ends. numbers: the number of each line in the file, from 1.
    comment: the words of the last comment before the first line, which may name the columns, or "".
    delimiter: the delimiter that the line `sep=;` at the top of the file names, or None.
    """

    text: list[str]
    numbers: list[int]
    comment: str
    delimiter: str | None


def read_lines(path: Path) -> TextLines:
    """Read the lines of a table. Lines that begin with # or % are comments, and so is text after numbers and #.

    The text may be UTF-8 or Latin-1 (Windows-1252), or UTF-16 or UTF-32 with a byte-order mark; lines may end in LF,
    CRLF or CR. Raises InputError if the file is not text or has no lines with cells.
    """
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise InputError(f"the file cannot be read: {failure}; check its permissions") from failure
    lines = decode(content).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = EXCEL_DELIMITER.fullmatch(lines[0].strip())
    text: list[str] = []
    numbers: list[int] = []
    comment = ""
    for number, line in enumerate(lines, 1):
        bare = line.strip(" \n\v\f")  # a tab is kept, because an empty cell may stand beside the tab
        if not bare.strip() or (number == 1 and found):
            continue
        if COMMENT.match(bare):
            comment = comment if text else bare.strip().lstrip("#% ")
            continue
        if "#" in bare and (remark := REMARK.match(bare)):
            bare = remark.group()[:-1].strip(" ")
        text.append(bare)
        numbers.append(number)
    if not text:
        raise InputError("the file contains no table; write a table with one row in each line")
    return TextLines(text, numbers, comment, found.group(1) if found else None)


def decode(content: bytes) -> str:
    """Return the text of a file. Raises InputError if the content is not text."""
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), None)
    try:
        try:
            text = content.decode(encoding or "utf-8")
        except UnicodeDecodeError:
            if encoding:
                raise
            text = content.decode("cp1252")
    except UnicodeDecodeError as failure:
        raise InputError(
            f"the file is not text: byte {failure.start} is {content[failure.start]:#04x}; write a table as UTF-8 text"
        ) from failure
    if found := CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(
            f"the file is not text: line {line} contains the character {found.group()!r}; write a table as UTF-8 text"
        )
    return text
