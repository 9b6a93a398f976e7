from .collective import on_all, on_root
from .commandline import LogFile, MaxWalltime, Out, Overwrite, Petsc, Quiet, Resume, RunPath, Verbose, main, new_app
from .exit_codes import exit_code_of
from .files import atomic_write, sha256_of, writable
from .keys import changed_keys, key_hash
from .logs import configure, log
from .manifest import version_of
from .memory import available_memory
from .progress import Progress, duration
from .ranks import SerialWorld, by_torchrun, limit_threads, rank, size, size_here, threads, threads_alone, world
from .signals import StopRequest, parse_walltime
from .stage import Stage
from .store import Store
from .torch_world import PATIENCE, backends

__all__ = [
    "PATIENCE",
    "LogFile",
    "MaxWalltime",
    "Out",
    "Overwrite",
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
    "atomic_write",
    "available_memory",
    "backends",
    "by_torchrun",
    "changed_keys",
    "configure",
    "duration",
    "exit_code_of",
    "key_hash",
    "limit_threads",
    "log",
    "main",
    "new_app",
    "on_all",
    "on_root",
    "parse_walltime",
    "rank",
    "sha256_of",
    "size",
    "size_here",
    "threads",
    "threads_alone",
    "version_of",
    "world",
    "writable",
]
