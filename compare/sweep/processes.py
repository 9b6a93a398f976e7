"""The processes of a sweep: this process alone, several processes of this machine, or groups of ranks under mpirun."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

from freqbias.compare.sweep.folder import SweepFolder
from freqbias.compare.sweep.work import Worker
from freqbias.errors import StoppedEarly
from freqbias.runtime import Progress, StopRequest, configure, exit_code_of, limit_threads, log, watch_signals

LOOK_EVERY = 0.5  # seconds
LOOK_SHARE = 10  # time between two looks at the states of all stages, relative to the time of a look
MOST_DEATHS = 2  # of processes by one task
GRACE = 12.0  # seconds from the request to stop until a process is killed; a process ends itself after 8 seconds
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def work_alone(sweep: SweepFolder, stop: StopRequest, *, tasks: Sequence[int]) -> None:
    """Compute the tasks in this process, or in this group of ranks. Collective. Raises StoppedEarly."""
    with Progress("sweep", total=len(tasks), unit="stages") as progress:

        def show(ended: int) -> None:
            progress.advance(ended - progress.done)

        Worker(sweep, stop, tasks=tasks, on_change=show).work()


def work_with(jobs: int, threads: int, sweep: SweepFolder, stop: StopRequest, *, tasks: Sequence[int]) -> None:
    """Compute the tasks in several new processes, and show their progress.

    threads: the number of threads of each process. Raises StoppedEarly after all processes have saved their work, and
    RuntimeError if processes end before they have begun to work.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy threads and MPI

    def start() -> BaseProcess:
        process = context.Process(target=_work_in_process, args=(sweep, list(tasks)))
        process.start()
        return process

    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    processes = list[BaseProcess]()
    try:
        processes += [start() for _ in range(jobs)]
        _wait(processes, start, sweep, stop, tasks)
    finally:
        _end(processes)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _wait(
    processes: list[BaseProcess],
    start: Callable[[], BaseProcess],
    sweep: SweepFolder,
    stop: StopRequest,
    tasks: Sequence[int],
) -> None:
    """Wait until all processes have ended. Another process takes the place of one that was killed."""
    still_open, deaths, next_look = list(tasks), Deaths(sweep), 0.0
    with Progress("sweep", total=len(tasks), unit="stages") as progress:
        while any(process.is_alive() for process in processes):
            stop.check()
            time.sleep(LOOK_EVERY)
            ended = [each for each in processes if each.exitcode]
            if ended or time.monotonic() > next_look:
                began = time.monotonic()
                still_open = [index for index in still_open if sweep.state(index) not in ("finished", "failed")]
                looked = time.monotonic() - began
                next_look = began + LOOK_SHARE * looked
                progress.advance(len(tasks) - len(still_open) - progress.done)
            for process in ended:
                processes.remove(process)
                if process.exitcode == StoppedEarly.exit_code:
                    raise StoppedEarly("a process was asked to stop; to continue, run the same command with --resume")
                deaths.note(process.pid or 0, process.exitcode or 0, still_open)
                if still_open:
                    processes.append(start())


class Deaths:
    """Processes that were killed, for example because the memory was too small.

    A task that ends two processes has failed: the next process would die of it too.
    """

    def __init__(self, sweep: SweepFolder) -> None:
        self._sweep, self._of_task = sweep, Counter[int]()

    def note(self, pid: int, code: int, still_open: Sequence[int]) -> None:
        """Note that a process ended with an exit code before its work was done.

        still_open: the tasks that are not finished. Raises RuntimeError if processes end before they have a task.
        """
        index = next((each for each in still_open if self._claimed_by(each) == str(pid)), -1)
        self._of_task[index] += 1
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if index < 0:
            if self._of_task[index] > MOST_DEATHS:
                raise RuntimeError(f"the processes of the sweep end before they work; the last one {how}")
            return
        task = self._sweep.tasks[index]
        if self._of_task[index] < MOST_DEATHS:
            log.warning("%s: process %d %s; another one tries again", task, pid, how)
            return
        remedy = "perhaps the memory is too small; use fewer --jobs, and run again with --resume"
        self._sweep.record_failure(task, RuntimeError(f"{MOST_DEATHS} processes ended, the last one {how}: {remedy}"))

    def _claimed_by(self, index: int) -> str:
        return self._sweep.claim(self._sweep.tasks[index]).owner()


def _end(processes: Sequence[BaseProcess]) -> None:
    """Ask the processes to stop, and kill those that do not."""
    for process in processes:
        if process.is_alive():
            process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        if process.pid is not None:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _work_in_process(sweep: SweepFolder, tasks: list[int]) -> None:
    """Work until no task is left. This is the main function of a process that `work_with` starts."""
    watch_signals()
    limit_threads()
    configure(quiet=True)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    sys.exit(exit_code_of(_quietly(lambda: _work(sweep, tasks))))


def _work(sweep: SweepFolder, tasks: list[int]) -> None:
    with StopRequest() as stop:
        Worker(sweep, stop, tasks=tasks).work()


def _quietly(work: Callable[[], None]) -> Callable[[], int]:
    """Return a function that returns the exit code of an early stop, about which the first process speaks."""

    def quiet() -> int:
        try:
            work()
        except StoppedEarly as early:
            return early.exit_code
        return 0

    return quiet


def _stop_with_parent() -> None:
    """Stop this process when the process that started it has ended."""
    parent: Any = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
