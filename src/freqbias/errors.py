"""The exceptions with which a command can fail or stop early. `exit_code` is the exit code of the process.

A message may repeat a value that the user gave. So all exceptions shorten long messages.
"""

import re
from typing import Any

LONGEST_LINE, LONGEST_MESSAGE = 800, 1900  # bytes
# all but the line end: control characters of terminals, other line ends, and those that turn the direction of writing
_CONTROL = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def shortened(message: str) -> str:
    """Return the message with at most `LONGEST_MESSAGE` bytes, and each line with at most `LONGEST_LINE` bytes.

    A long line loses its middle, so that the key at its start and the remedy at its end remain. Lines that do not fit
    are counted. Control characters, which a name inside a file may contain, are written as escapes.
    """
    message = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), message)
    lines, left_out = message.split("\n"), 0
    if already := re.fullmatch(r"  … and ([\d,]+) more lines?", lines[-1]):  # shortened before it got a prefix
        lines, left_out = lines[:-1], int(already[1].replace(",", ""))
    kept, room = list[str](), LONGEST_MESSAGE - 40  # 40 bytes for the last line
    for line in map(shortened_line, lines):
        room -= len(line.encode(errors="surrogatepass")) + 1
        if room < 0:
            break
        kept.append(line)
    left_out += len(lines) - len(kept)
    return "\n".join([*kept, f"  … and {left_out:,} more line{'s' * (left_out != 1)}"] if left_out else kept)


def shortened_line(line: str) -> str:
    """Replace the middle of a line by "…" if the line has more than `LONGEST_LINE` bytes."""
    if len(line) <= LONGEST_LINE and len(line.encode(errors="surrogatepass")) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2 - 4  # "…" has three bytes
    # Nothing is lost if the line is cut before it is encoded: each letter has at least one byte.
    start, end = line[:half].encode(errors="surrogatepass")[:half], line[-half:].encode(errors="surrogatepass")[-half:]
    return f"{start.decode(errors='ignore')}…{end.decode(errors='ignore')}"


class _Explained(Exception):  # noqa: N818  (the base of errors and of an early stop)
    def __init__(self, *args: Any) -> None:
        super().__init__(*(shortened(arg) if isinstance(arg, str) else arg for arg in args))


class InputError(_Explained, ValueError):
    """Bad input. The message names the key or argument, the value, and the remedy."""

    exit_code = 2


class UsageError(_Explained, ValueError):
    """The command cannot run as requested: a result exists already, a stage is missing, or a folder is read-only."""

    exit_code = 2


class MissingLibraryError(_Explained, ImportError):
    """A library or the C compiler is missing or unusable. The message names the library or compiler, and the remedy."""

    exit_code = 2


class ComputationError(_Explained, ArithmeticError):
    """The computation diverged, did not converge, or lost accuracy. The message names the step and the remedy."""

    exit_code = 3


class NotFiniteError(_Explained, ArithmeticError):
    """A state that should be saved contains NaN or infinity."""

    exit_code = 3


class StoppedEarly(_Explained):  # an early stop is no error
    """A signal or the wall time stopped the work at a safe point. `--resume` continues the work."""

    exit_code = 75
