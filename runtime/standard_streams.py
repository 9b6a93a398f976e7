"""The standard streams of a program that was started with closed ones."""

import os
import sys
from pathlib import Path


def open_closed_streams() -> None:
    """Discard what is written to a standard stream that the caller has closed, as with `>&-`.

    Otherwise the next file that is opened would get the number of the stream, and with it everything that is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  (as long as the process)
