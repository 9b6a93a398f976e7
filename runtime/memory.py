"""How much memory there is."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def available_memory() -> float:
    """Bytes: the machine's physical memory, or what this process may take of it where that is less: in a container,
    in a batch job."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _limits():
        with suppress(OSError, ValueError):  # "max" where there is no limit
            sizes.append(int(path.read_text("ascii")))
    return float(min(sizes))


def _limits() -> Iterator[Path]:
    """Where the limits of the process's own control group stand, and of those above it, which bind it too.

    A line of MEMBERSHIP is hierarchy:controllers:path, without controllers in version 2. A container may show a path of
    its host, below which it finds nothing: its own limit then stands at the top.
    """
    lines = []
    with suppress(OSError):
        lines = MEMBERSHIP.read_text("utf-8").splitlines()
    for line in ["0::/", "1:memory:/", *lines]:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top, name = (CGROUP / "memory", "memory.limit_in_bytes") if controllers else (CGROUP, "memory.max")
        group = PurePosixPath(path).relative_to("/")
        if ".." not in group.parts:
            yield from (top / above / name for above in (group, *group.parents))
