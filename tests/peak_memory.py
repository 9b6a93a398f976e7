"""The peak memory of work in this process, as Linux counts it."""

import ctypes
import re
from collections.abc import Callable
from pathlib import Path


def memory_taken(work: Callable[[], object]) -> int:
    """Run work(), and return by how many bytes this process has grown at most meanwhile.

    A new process would have to import the libraries again. Let smaller work load them before.
    """
    ctypes.CDLL(None).malloc_trim(0)  # without it, the work would use freed memory that the process still holds
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size
    before = _resident("VmHWM")
    work()
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text("ascii"))[1])
