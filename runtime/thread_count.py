"""The number of threads that each process may use."""

import os

from freqbias.runtime.launcher import divided, integer_variable, local_size, size

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
MOST_THREADS = 2**16  # a larger OMP_NUM_THREADS is ignored, like one that is no number
_limited_by_us = False  # True if `limit_threads`, and not the user, has set OMP_NUM_THREADS


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen_by_user() -> int | None:
    number = None if _limited_by_us else integer_variable("OMP_NUM_THREADS")
    return number if number is not None and 1 <= number <= MOST_THREADS else None


def processes_alone() -> int:
    """Return how many processes can share the cores of this machine, with the user's OMP_NUM_THREADS or one thread."""
    return max(1, _cores() // (_chosen_by_user() or 1))


def threads_beside(processes: int) -> int:
    """Return the number of threads of each of several processes.

    It is the user's OMP_NUM_THREADS, or else an equal share of the usable cores.
    """
    return _chosen_by_user() or max(1, _cores() // processes)


def threads() -> int:
    """Return the number of threads per rank while all ranks work.

    It is the user's OMP_NUM_THREADS, or else the usable cores divided by the number of ranks on this node.
    """
    return _chosen_by_user() or max(1, _cores() // local_size())


def threads_alone() -> int:
    """Return the number of threads of rank 0 while the other ranks sleep.

    It is the user's OMP_NUM_THREADS, or else the number of usable cores. If groups of ranks work on their own
    (`freqbias.runtime.divide`), these cores are shared by the groups.
    """
    return _chosen_by_user() or max(1, _cores() * size() // local_size() if divided() else _cores())


def limit_threads() -> None:
    """Set the thread count of the numerical libraries to `threads()`, unless the user has set OMP_NUM_THREADS.

    OpenMP allows lists such as "2,1", one number for each level of nesting. Some libraries refuse a list, so its first
    number replaces it. Call this function before these libraries are imported. Later calls have no effect on them.
    """
    global _limited_by_us  # noqa: PLW0603
    if (chosen := _chosen_by_user()) is not None:
        os.environ["OMP_NUM_THREADS"] = str(chosen)
        return
    allowed = threads()
    _limited_by_us = True
    os.environ["OMP_NUM_THREADS"] = str(allowed)
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, str(allowed))
