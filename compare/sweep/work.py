"""Work on a sweep. Each process, or each group of ranks, takes the next stage that no other is computing.

The processes agree through the folder alone: a lock for each stage that is being computed, a manifest for each that is
finished. So processes of one command, groups of ranks and several jobs work together in the same way.
"""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from freqbias.compare.stages import stage_function
from freqbias.compare.sweep.folder import SweepFolder
from freqbias.compare.sweep.tasks import Task
from freqbias.errors import StoppedEarly, UsageError
from freqbias.pde import start_petsc
from freqbias.problem import build
from freqbias.runtime import FileLock, StopRequest, log, logged_to, on_root, size

PAUSE = 0.2  # seconds between two looks at what other processes have finished
NOTHING_NOW, NOTHING_LEFT = -1, -2


class Worker:
    """A process, or a group of ranks, that computes tasks of a sweep.

    on_change: is called with the number of tasks that are finished or have failed, whenever this process looks.
    tasks: the positions of the tasks to compute; by default all.
    """

    def __init__(
        self, sweep: SweepFolder, stop: StopRequest, *, tasks: Sequence[int] | None = None,
        on_change: Callable[[int], object] = lambda ended: None,
    ) -> None:  # fmt: skip
        self.sweep, self.stop, self._on_change = sweep, stop, on_change
        self._open = list(range(len(sweep.tasks)) if tasks is None else tasks)
        self._all = len(self._open)
        self._claim: FileLock | None = None
        self._problem, self._plan = lru_cache(1)(self._build), lru_cache(1)(self._plan_training)

    def work(self) -> None:
        """Compute tasks until none is left. Collective over the ranks of the group. Raises StoppedEarly."""
        while (index := on_root(self._next)) != NOTHING_LEFT:
            if index == NOTHING_NOW:
                time.sleep(PAUSE)
                continue
            try:
                self._compute(index)
            finally:
                self._release()  # the first rank of the group holds the claim; a collective call could hang here

    def _next(self) -> int:
        """Claim the first task that is ready, and return its position."""
        self.stop.check()
        for index in self._open[:]:
            state = self.sweep.state(index)
            if state in ("finished", "failed"):
                self._open.remove(index)
                self._on_change(self._all - len(self._open))
            if state != "ready":
                continue
            claim = self.sweep.claim(self.sweep.tasks[index])
            if not claim.acquire():
                continue
            if self.sweep.state(index) in ("finished", "failed"):  # by another process, since the look above
                claim.release()
                continue
            self._claim = claim
            return index
        return NOTHING_NOW if self._open else NOTHING_LEFT

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()

    def _compute(self, index: int) -> None:
        """Compute a task. An error is written down and does not end the work."""
        task = self.sweep.tasks[index]
        try:
            with logged_to(self.sweep.log, str(task)):
                self._run_logged(task)
        except StoppedEarly:
            raise
        except Exception as error:
            if size() > 1 and not hasattr(error, "exit_code"):  # the other ranks may wait forever
                raise
            on_root(self.sweep.record_failure, task, error)
        else:
            on_root(self._check, index)

    def _check(self, index: int) -> None:
        """Forget an earlier failure of a task that is finished now. One that is not would be computed for ever."""
        task = self.sweep.tasks[index]
        if self.sweep.has_result(index):
            self.sweep.forget_failure(task)
        else:
            self.sweep.record_failure(task, UsageError("the result has other keys; compute it again with --overwrite"))

    def _run_logged(self, task: Task) -> None:
        """Run a task, and write the traceback of an unexpected error to the log."""
        try:
            self._run(task)
        except Exception as error:
            if not hasattr(error, "exit_code"):
                log.exception("unexpected error")
            raise

    def _run(self, task: Task) -> None:
        run, store = self.sweep.plan.runs[task.run], self.sweep.store(task)
        problem, options = self._problem(task.run), dict[str, Any]()
        match task.stage:
            case "pde":
                start_petsc()
            case "nn" | "ntk":
                options["plan"] = self._plan(task.run)
            case "compare":
                options["renew"] = True
        stage_function(task.stage)(run, problem, store, resume=True, overwrite=False, stop=self.stop, **options)

    def _build(self, index: int) -> Any:
        return on_root(build, self.sweep.plan.runs[index])

    def _plan_training(self, index: int) -> Any:
        """Return the plan of a training, which the stages nn and ntk share."""
        from freqbias.nn import plan_training

        run = self.sweep.plan.runs[index]
        return on_root(
            plan_training, self._problem(index), run.training, tolerance=run.training_tolerance, broadcast=False
        )
