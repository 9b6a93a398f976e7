"""Ranks and threads, alone and under mpirun."""

import os
import platform

import pytest

from freqbias.runtime import communicator, launcher, on_root, rank, size, thread_count, threads, threads_alone, world
from tests.launch import run_code

CORES = len(os.sched_getaffinity(0))


class Clock:
    """A clock that only moves when someone sleeps, and a request that completes at the time `end`."""

    def __init__(self, monkeypatch, end):
        self.now, self.end, self.tests = 5.0, 5.0 + end, 0
        monkeypatch.setattr(communicator.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(communicator.time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.now += seconds

    def Test(self):  # noqa: N802  (the name of MPI)
        self.tests += 1
        return self.now >= self.end


@pytest.mark.parametrize("end", [0.0, 2e-3, 0.1, 3.0, 600.0])
def test_wait_is_short_and_sleeps(end, monkeypatch):
    """A tenth or 10 ms longer than necessary, and few tests: each wakes the processor."""
    clock = Clock(monkeypatch, end)
    assert communicator.sleep_until_complete(clock)
    assert clock.now - clock.end <= min(0.1 * end + 1e-4, 1e-2) + 1e-9
    assert clock.tests <= 1 + 100 * end + 80


def test_wait_with_a_timeout(monkeypatch):
    clock = Clock(monkeypatch, 60.0)
    assert not communicator.sleep_until_complete(clock, timeout=2.0)
    assert 7.0 <= clock.now <= 7.1
    assert communicator.sleep_until_complete(clock, timeout=100.0)


@pytest.fixture
def no_launcher(monkeypatch):
    for variables in (*launcher._LAUNCHERS, launcher._TORCHRUN):
        for variable in variables:
            monkeypatch.delenv(variable, raising=False)
    for variable in thread_count._THREAD_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(thread_count, "_limited_by_us", False)
    return monkeypatch


def test_single_process(no_launcher):
    no_launcher.setenv("SLURM_PROCID", "0")  # as in a batch script, where no ranks were started
    no_launcher.setenv("SLURM_NTASKS", "8")
    no_launcher.setenv("RANK", "0")  # as on a cluster without torchrun
    no_launcher.setenv("WORLD_SIZE", "8")
    assert (rank(), size()) == (0, 1)
    comm = world()
    assert (comm.rank, comm.size, comm.bcast("x"), comm.allgather(1)) == (0, 1, "x", [1])
    assert on_root(lambda a, *, b: a + b, 1, b=2) == 3


@pytest.mark.parametrize(
    "variables",
    [
        {"PMI_RANK": "2", "PMI_SIZE": "8", "MPI_LOCALNRANKS": "4"},
        {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_SIZE": "4"},
        {"RANK": "2", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"},
        {"PMIX_RANK": "2", "SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_TASKS_PER_NODE": "4(x2)"},
    ],
)
def test_launcher_variables(no_launcher, variables):
    for name, value in variables.items():
        no_launcher.setenv(name, value)
    no_launcher.setattr(os, "sched_getaffinity", lambda process: set(range(10)))
    assert (rank(), size()) == (2, 8)
    assert (threads(), threads_alone()) == (2, 10)


def test_more_ranks_than_cores(no_launcher):
    no_launcher.setenv("PMI_RANK", "0")
    no_launcher.setenv("PMI_SIZE", str(10 * CORES))
    assert (threads(), threads_alone()) == (1, CORES)


def test_thread_count_of_the_user(no_launcher):
    no_launcher.setenv("OMP_NUM_THREADS", "3")
    thread_count.limit_threads()
    assert (threads(), threads_alone()) == (3, 3)
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("given", "number"),
    [("2,1", 2), (" 3 ", 3), ("2(x3)", 2), ("", 4), ("0", 4), ("-1", 4), ("many", 4), ("9" * 20, 4), ("4294967297", 4)],
)
def test_odd_thread_counts(given, number, no_launcher, monkeypatch):
    """Lists are valid in OpenMP, but finufft's FFT aborts. Libraries must never see a value that is no number."""
    monkeypatch.setattr(thread_count, "_cores", lambda: 4)
    monkeypatch.setattr(thread_count, "_THREAD_VARIABLES", ("OMP_NUM_THREADS",))
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    thread_count.limit_threads()
    assert os.environ["OMP_NUM_THREADS"] == str(number)
    assert threads() == threads_alone() == number


def test_limit_threads(no_launcher):
    no_launcher.setenv("PMI_RANK", "0")
    no_launcher.setenv("PMI_SIZE", "2")
    no_launcher.setenv("MKL_NUM_THREADS", "7")
    no_launcher.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    try:
        thread_count.limit_threads()
        assert [os.environ[name] for name in thread_count._THREAD_VARIABLES] == ["4", "4", "7"]
        assert (threads(), threads_alone()) == (4, 8), "our own value is not the user's choice"
    finally:
        for name in thread_count._THREAD_VARIABLES:
            os.environ.pop(name, None)


def test_import_is_fast():
    code = """
        import sys, time
        started = time.perf_counter()
        from freqbias import runtime
        seconds = time.perf_counter() - started
        heavy = {"numpy", "mpi4py", "rich", "typer", "torch", "dolfinx"} & set(sys.modules)
        assert not heavy, heavy
        assert runtime.world().size == 1 and "mpi4py" not in sys.modules
        assert seconds < 0.5, seconds
    """
    done = run_code(code)
    assert done.returncode == 0, done.stderr


WAITING = """
    import sys, time
    from freqbias.runtime import on_root, rank, world
    world().Barrier()
    on_root(int)
    wall, cpu = time.perf_counter(), time.process_time()
    on_root(time.sleep, 1)
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    assert time.perf_counter() - wall > 0.95
    sys.stdout.write(f"{share:.4f}\\n")
"""


def test_waiting_ranks_sleep():
    done = run_code(WAITING, ranks=2)
    shares = [float(word) for word in done.stdout.split()]
    assert len(shares) == 2, done.stderr
    assert max(shares) < 0.2


def test_launcher_of_another_mpi():
    code = """
        from freqbias.errors import UsageError
        from freqbias.runtime import world
        try:
            world()
        except UsageError as error:
            print(error)
    """
    done = run_code(code, OMPI_COMM_WORLD_RANK="1", OMPI_COMM_WORLD_SIZE="4")
    assert "started 4 processes, but MPI sees 1" in done.stdout and "uv run mpirun" in done.stdout


def test_process_of_each_rank(tmp_path):
    """mpirun names only the process of a rank that is killed."""
    code = """
        import os, sys
        from pathlib import Path
        from freqbias.runtime import Store, configure, on_root, rank
        from freqbias.runtime.processes import gather_processes
        configure()
        gather_processes()
        store = Store(Path(sys.argv[1]))
        for stage in ("pde", "nn"):
            on_root(lambda: store.open(stage, keys={}).close(), broadcast=False)
        sys.stdout.write(f"rank {rank()} is process {os.getpid()}\\n")
    """
    done = run_code(code, tmp_path, ranks=2)
    assert done.returncode == 0
    assert done.stderr == f"on {platform.node()}, {', '.join(sorted(done.stdout.splitlines()))}\n"
