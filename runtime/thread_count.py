"""The number of threads that each process may use."""

import os

from freqbias.runtime.launcher import integer_variable, local_size

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_limited_by_us = False  # OMP_NUM_THREADS is ours, not the user's


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen_by_user() -> int | None:
    return None if _limited_by_us else integer_variable("OMP_NUM_THREADS") or None


def threads() -> int:
    """Threads per rank while all ranks work: the user's OMP_NUM_THREADS, or usable cores over ranks on this node."""
    return _chosen_by_user() or max(1, _cores() // local_size())


def threads_alone() -> int:
    """Threads of rank 0 while the other ranks sleep: the user's OMP_NUM_THREADS, or all usable cores."""
    return _chosen_by_user() or _cores()


def limit_threads() -> None:
    """Set the thread count of the numerical libraries to `threads()`, unless the user has set OMP_NUM_THREADS.

    Takes effect only before these libraries are imported.
    """
    global _limited_by_us  # noqa: PLW0603
    if _chosen_by_user() is not None:
        return
    allowed = threads()
    _limited_by_us = True
    os.environ["OMP_NUM_THREADS"] = str(allowed)
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, str(allowed))
