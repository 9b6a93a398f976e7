from . import commandline
from .collective import agreed, on_all, on_root
from .commandline import (
    LogFile,
    MaxWalltime,
    Out,
    Overrides,
    Overwrite,
    Petsc,
    Quiet,
    Resume,
    RunPath,
    Verbose,
    main,
    new_app,
)
from .communicator import SerialWorld, divide, mpi_world, world
from .exit_codes import exit_code_of
from .files import OUT_OF_SPACE, FileLock, atomic_write, read_file, remove, sha256_of, writable
from .keys import changed_keys, common_changes, key_hash
from .launcher import local_size, rank, size, under_torchrun
from .logs import configure, log, log_findings, logged_to
from .manifest import version_of
from .memory import available_memory
from .part_writer import Part, PartWriter
from .processes import seconds_since_start
from .progress import Progress, announced, duration
from .signal_watch import watch_signals
from .signals import StopRequest, parse_walltime
from .stage import Stage
from .standard_streams import open_closed_streams
from .store import Store
from .thread_count import limit_threads, processes_alone, threads, threads_alone, threads_beside
from .torch_world import TORCH_TIMEOUT, torch_backend

__all__ = [
    "OUT_OF_SPACE",
    "TORCH_TIMEOUT",
    "FileLock",
    "LogFile",
    "MaxWalltime",
    "Out",
    "Overrides",
    "Overwrite",
    "Part",
    "PartWriter",
    "Petsc",
    "Progress",
    "Quiet",
    "Resume",
    "RunPath",
    "SerialWorld",
    "Stage",
    "StopRequest",
    "Store",
    "Verbose",
    "agreed",
    "announced",
    "atomic_write",
    "available_memory",
    "changed_keys",
    "commandline",
    "common_changes",
    "configure",
    "divide",
    "duration",
    "exit_code_of",
    "key_hash",
    "limit_threads",
    "local_size",
    "log",
    "log_findings",
    "logged_to",
    "main",
    "mpi_world",
    "new_app",
    "on_all",
    "on_root",
    "open_closed_streams",
    "parse_walltime",
    "processes_alone",
    "rank",
    "read_file",
    "remove",
    "seconds_since_start",
    "sha256_of",
    "size",
    "threads",
    "threads_alone",
    "threads_beside",
    "torch_backend",
    "under_torchrun",
    "version_of",
    "watch_signals",
    "world",
    "writable",
]
