"""The memory available to this process."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def available_memory() -> float:
    """Return the physical memory of the machine, or the limit of the container or batch job if that is less [bytes]."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _limits():
        with suppress(OSError, ValueError):  # the file contains "max" if there is no limit
            sizes.append(int(path.read_text("ascii")))
    return float(min(sizes))


def _limits() -> Iterator[Path]:
    """Yield the files with the memory limits of the process's control group and of its parent groups.

    The limits of the parent groups apply too. Each line of MEMBERSHIP is hierarchy:controllers:path. In version 2 of
    control groups, the controllers are empty. In a container the path may be one of the host that does not exist in the
    container. The limit of the container is then in the top folder.
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
