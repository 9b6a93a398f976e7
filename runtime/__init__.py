"""What any long job needs, once: result store, progress, logging, signals, wall time, ranks, threads, exit codes."""

from runtime.errors import NotFiniteError, StoppedEarly, UsageError
from runtime.files import atomic_write, sha256_of
from runtime.guard import run_guarded
from runtime.keys import changed_keys, key_hash
from runtime.logs import configure, log
from runtime.manifest import version_of
from runtime.memory import available_memory
from runtime.progress import Progress
from runtime.ranks import limit_threads, rank, size, size_here, threads, threads_alone, world
from runtime.root import on_all, on_root
from runtime.signals import StopRequest, parse_walltime
from runtime.stage import Stage
from runtime.store import Store

__all__ = [
    "NotFiniteError",
    "Progress",
    "Stage",
    "StopRequest",
    "StoppedEarly",
    "Store",
    "UsageError",
    "atomic_write",
    "available_memory",
    "changed_keys",
    "configure",
    "key_hash",
    "limit_threads",
    "log",
    "on_all",
    "on_root",
    "parse_walltime",
    "rank",
    "run_guarded",
    "sha256_of",
    "size",
    "size_here",
    "threads",
    "threads_alone",
    "version_of",
    "world",
]
