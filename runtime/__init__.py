"""What any long job needs, once: result store, progress, logging, signals, wall time, ranks, threads, exit codes."""

from freqbias.runtime.errors import NotFiniteError, StoppedEarly, UsageError
from freqbias.runtime.files import atomic_write, sha256_of
from freqbias.runtime.guard import run_guarded
from freqbias.runtime.keys import changed_keys, key_hash
from freqbias.runtime.logs import configure, log
from freqbias.runtime.manifest import version_of
from freqbias.runtime.memory import available_memory
from freqbias.runtime.progress import Progress
from freqbias.runtime.ranks import limit_threads, rank, size, size_here, threads, threads_alone, world
from freqbias.runtime.root import on_all, on_root
from freqbias.runtime.signals import StopRequest, parse_walltime
from freqbias.runtime.stage import Stage
from freqbias.runtime.store import Store

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
