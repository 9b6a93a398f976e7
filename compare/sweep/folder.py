"""The folder of a sweep: the state of each task, links between runs that share a stage, and records of failures."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from freqbias.compare.stages import recorded_sources
from freqbias.compare.sweep.tasks import Task, find_tasks, identifiers
from freqbias.errors import UsageError
from freqbias.problem import SweepPlan, every_stage_keys, resolved
from freqbias.runtime import FileLock, Store, atomic_write, changed_keys, log, remove, writable

RESULT_FILES = ("sweep.nc", "sweep.csv", "sweep.png", "sweep.pdf")
State = Literal["finished", "failed", "waiting", "busy", "ready"]


class SweepFolder:
    """The runs of a sweep below the folder `root`. Any number of processes may work with the same folder."""

    def __init__(self, root: Path, plan: SweepPlan) -> None:
        self.root, self.plan = root, plan
        self.runs, self.log = root / "runs", root / "sweep.log"
        self.log_begin = self.log.stat().st_size if self.log.is_file() else 0
        self.ids = identifiers(plan)
        self.tasks = find_tasks(plan, self.runs)
        self.chosen = tuple(range(len(self.tasks)))  # the tasks of this command
        self._old_failures = dict[str, str]()
        self._finished = set[int]()

    def store(self, task: Task) -> Store:
        """Return the store in which the result of a task lies."""
        return Store(self.runs / task.home)

    def claim(self, task: Task) -> FileLock:
        """Return the lock that a process holds while it computes a task. The lock is not yet acquired."""
        return FileLock(self.runs / task.home / f".{task.stage}.task")

    def check(self, *, resume: bool, overwrite: bool) -> int:
        """Return how many tasks are finished, without writing.

        Raises UsageError if results exist but neither flag is given, and if a result was computed with other keys.
        """
        self._refuse_foreign_files(overwrite=overwrite)
        begun = sum(self._begun(task) for task in self.tasks)
        if begun and not (resume or overwrite):
            raise UsageError(
                f"{self.runs} has results of {begun} of {len(self.tasks)} stages: continue or extend the sweep with "
                "--resume, or compute all again with --overwrite"
            )
        if overwrite:
            self._refuse_foreign_users()
            for task in self.tasks:
                self.store(task).check(task.stage, keys=task.keys, overwrite=True)
            return 0
        return sum(
            self._begun(task) and self.store(task).check(task.stage, keys=task.keys, resume=True, in_work=True)
            for task in self.tasks
        )

    def _refuse_foreign_files(self, *, overwrite: bool) -> None:
        """Raise UsageError if the folder has a file that the sweep would write, but no sweep."""
        there = [name for name in RESULT_FILES if (self.root / name).exists()]
        if there and not overwrite and not self.runs.is_dir():
            raise UsageError(
                f"{self.root / there[0]} exists already, but no sweep in this folder: choose another --out, or replace "
                "the file with --overwrite"
            )

    def _refuse_foreign_users(self) -> None:
        """Raise UsageError if a run of another command has a result of this command, or a link to it."""
        homes = {(self.runs / task.home / task.stage).resolve() for task in self.tasks}
        for result in self.runs.glob("*/*"):
            if result.parent.name not in self.ids and result.resolve() in homes:
                raise UsageError(
                    f"--overwrite would also replace {result.name} of the run {result.parent.name}, which this command "
                    f"does not compute: add its values, choose another --out, or delete {result.parent}"
                )

    def _begun(self, task: Task) -> bool:
        return (self.runs / task.home / task.stage).exists() or self._partial(task).exists()

    def prepare(self, *, overwrite: bool) -> None:
        """Make the folders of the runs, each with its run file. overwrite: make all stages unfinished."""
        with writable(self.runs):
            self.runs.mkdir(parents=True, exist_ok=True)
        for name, run in zip(self.ids, self.plan.runs, strict=True):
            folder, text = self.runs / name, resolved(run)
            with writable(folder):
                folder.mkdir(exist_ok=True)
            if not _has_text(folder / "run.toml", text):
                Store(folder).save_run_file(text, every_stage_keys(run))
        for task in self.tasks:
            stage = self.runs / task.home / task.stage
            if stage.is_symlink() and not stage.exists():  # the run that had the result was deleted
                remove(stage)
        if overwrite:
            for task in self.tasks:
                self.store(task).begin_overwrite({task.stage: task.keys})

    def state(self, index: int) -> State:
        """Return the state of a task: whether it can be computed, and why not."""
        if self.is_finished(index):
            return "finished"
        task = self.tasks[index]
        if self.failure(task) is not None or any(self.has_failed(need) for need in task.needs):
            return "failed"
        if not all(self.is_finished(need) for need in task.needs):
            return "waiting"
        if not all(self.is_finished(each) or self.has_failed(each) for each in task.after):
            return "waiting"
        return "busy" if self.claim(task).is_held() else "ready"

    def is_finished(self, index: int) -> bool:
        """Whether a task is finished. Links its result to the other runs that need it."""
        if index in self._finished:
            return True
        task = self.tasks[index]
        if self._partial(task).exists():
            self.store(task).repair(task.stage)  # after a kill before the last rename
        if not self.has_result(index):
            return False
        self._link(task)
        self._finished.add(index)
        return True

    def has_result(self, index: int) -> bool:
        """Whether the result of a task is in its place and complete."""
        task = self.tasks[index]
        folder = self.runs / task.home / task.stage
        manifest = {} if self._partial(task).exists() else _manifest(folder)
        if not manifest:
            return False
        if manifest.get("key_hash") != task.key_hash and changed_keys(manifest["keys"], task.keys):
            return False
        if task.stage != "compare":
            return True
        return manifest.get("sources") == recorded_sources(lambda stage: _manifest(folder.parent / stage))

    def _partial(self, task: Task) -> Path:
        return self.runs / task.home / f"{task.stage}.partial"

    def _link(self, task: Task) -> None:
        for user in task.users:
            link = self.runs / self.ids[user] / task.stage
            target = Path("..") / task.home / task.stage
            if self.ids[user] == task.home or (link.is_symlink() and link.readlink() == target):
                continue
            if link.is_symlink() or not link.exists():
                aside = link.with_name(f".{task.stage}.{os.getpid()}-{secrets.token_hex(4)}.link")
                with writable(link):
                    aside.symlink_to(target, target_is_directory=True)
                    aside.replace(link)

    def retry(self, tasks: Iterable[int]) -> None:
        """Let earlier failures of these tasks not count, so that they are computed again."""
        for task in (self.tasks[index] for index in tasks):
            if (record := self.failure(task)) is not None:
                self._old_failures[str(task)] = record["when"]

    def has_failed(self, index: int) -> bool:
        """Whether a task failed, or needs one that failed."""
        task = self.tasks[index]
        return self.failure(task) is not None or any(self.has_failed(need) for need in task.needs)

    def failure(self, task: Task) -> Mapping[str, Any] | None:
        """Return the record of a failure, or None. A failure that is to be tried again does not count."""
        found = _read_failure(self._failure_paths(task)[0])
        if found is None or found["key_hash"] != task.key_hash:
            return None
        return None if self._old_failures.get(str(task)) == found["when"] else found

    def failure_of(self, name: str) -> str:
        """Return why the run with this ID failed, or an empty text."""
        index = self.ids.index(name)
        found = {task.stage: self.failure(task) for task in self.tasks if index in task.users}
        return "; ".join(f"{stage}: {record['message']}" for stage, record in found.items() if record is not None)

    @property
    def exit_code(self) -> int:
        """The largest exit code of the tasks of this command that failed, or 0."""
        records = (self.failure(self.tasks[index]) for index in self.chosen)
        return max((int(record["exit_code"]) for record in records if record is not None), default=0)

    @property
    def is_complete(self) -> bool:
        """Whether no task is left to compute."""
        return all(self.state(index) in ("finished", "failed") for index in range(len(self.tasks)))

    def record_failure(self, task: Task, error: Exception) -> None:
        """Write down why a task failed."""
        record = {
            "message": str(error) if hasattr(error, "exit_code") else f"{type(error).__name__}: {error}",
            "exit_code": getattr(error, "exit_code", 1),
            "when": datetime.now(UTC).isoformat(),
            "key_hash": task.key_hash,
        }
        log.error("%s: %s", task, record["message"])
        for path in self._failure_paths(task):
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")

    def forget_failure(self, task: Task) -> None:
        """Remove the record of an earlier failure."""
        for path in self._failure_paths(task):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _failure_paths(self, task: Task) -> list[Path]:
        """Return where the failure of a task is written down: in the folders of all runs that need it."""
        return [self.runs / self.ids[user] / f"{task.stage}.failed" for user in task.users]


def _read_failure(path: Path) -> Mapping[str, Any] | None:
    try:
        record = json.loads(path.read_bytes())
        return record if all(isinstance(record[key], str) for key in ("when", "message", "key_hash")) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _manifest(folder: Path) -> Mapping[str, Any]:
    """Return the manifest of a finished stage, or an empty table."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        return manifest if isinstance(manifest["keys"], dict) and isinstance(manifest["files"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _has_text(path: Path, text: str) -> bool:
    try:
        return path.read_text("utf-8") == text
    except (OSError, ValueError):
        return False
