"""The peak memory of work in this process, as Linux counts it."""

import ctypes
import gc
import re
from collections.abc import Callable
from pathlib import Path

MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h


def memory_taken(work: Callable[[], object]) -> int:
    """Run work(), and return by how many bytes this process has grown at most meanwhile.

    A new process would have to import the libraries again. Let smaller work load them before.
    """
    libc = ctypes.CDLL(None)
    gc.collect()  # arrays of earlier tests that are garbage would make room for those of the work
    libc.mallopt(MMAP_THRESHOLD, 2**17)  # arrays have pages of their own, which are free as soon as the arrays are
    libc.malloc_trim(0)  # without it, the work would use freed memory that the process still holds
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size
    before = _resident("VmHWM")
    try:
        work()
    finally:
        libc.mallopt(MMAP_THRESHOLD, 2**25)  # which glibc comes to by itself in a process that frees large arrays
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text("ascii"))[1])
