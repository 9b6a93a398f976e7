"""The process of each rank, for the log. If a rank is killed, mpirun names only its process."""

import os
import platform
import time
from itertools import groupby
from pathlib import Path

from freqbias.runtime.communicator import world
from freqbias.runtime.launcher import size
from freqbias.runtime.logs import log

_lines: list[str] = []


def seconds_since_start() -> float:
    """Return the seconds since the system started this process."""
    fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def gather_processes() -> None:
    """Ask each rank for its process. Collective."""
    if size() == 1:
        return
    processes = world().gather((platform.node(), os.getpid()))
    for node, ranks in groupby(enumerate(processes or []), key=lambda entry: entry[1][0]):
        named = ", ".join(f"rank {number} is process {pid}" for number, (_, pid) in ranks)
        _lines.append(f"on {node}, {named}")


def log_processes() -> None:
    """Log the processes once. Call this on rank 0 when work begins, because a refused command has one message only."""
    while _lines:
        log.info("%s", _lines.pop(0))
