"""How many threads each process may use."""

import os

from freqbias.runtime.launcher import integer_variable, size_here

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_limited_by_us = False


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen_by_user() -> int | None:
    return None if _limited_by_us else integer_variable("OMP_NUM_THREADS") or None


def threads() -> int:
    """Threads a rank may use while all work: the user's OMP_NUM_THREADS, else usable cores over ranks on this node."""
    return _chosen_by_user() or max(1, _cores() // size_here())


def threads_alone() -> int:
    """Threads rank 0 may use while the others sleep: the user's OMP_NUM_THREADS, else all usable cores."""
    return _chosen_by_user() or _cores()


def limit_threads() -> None:
    """Tells the numerical libraries, before they are imported, to use `threads()`; the user's OMP_NUM_THREADS wins."""
    global _limited_by_us  # noqa: PLW0603
    if _chosen_by_user() is not None:
        return
    allowed = threads()
    _limited_by_us = True
    os.environ["OMP_NUM_THREADS"] = str(allowed)
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, str(allowed))
