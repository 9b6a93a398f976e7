"""How many processes and threads share the cores."""

import pytest

from freqbias.runtime import thread_count
from freqbias.runtime.thread_count import processes_alone, threads_beside


@pytest.mark.parametrize(
    ("chosen", "processes", "threads"), [(None, 8, 2), ("2", 4, 2), ("3", 2, 3), ("16", 1, 16), ("words", 8, 2)]
)
def test_processes_of_a_sweep(chosen, processes, threads, monkeypatch):
    """On 8 cores: the default number of processes, and the threads of each of 4 processes."""
    monkeypatch.setattr(thread_count, "_cores", lambda: 8)
    monkeypatch.setattr(thread_count, "_limited_by_us", False)
    if chosen is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    assert (processes_alone(), threads_beside(4)) == (processes, threads)
