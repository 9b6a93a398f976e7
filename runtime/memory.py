"""How much memory there is."""

import os
from contextlib import suppress
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of cgroups version 2 and 1


def available_memory() -> float:
    """Bytes: the machine's physical memory, or what its container may take of it where that is less."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in _LIMITS:
        with suppress(OSError, ValueError):  # "max" where there is no limit
            sizes.append(int((CGROUP / name).read_text("ascii")))
    return float(min(sizes))
