"""SIGKILL, SIGTERM and SIGINT at random instants, then --resume: the result must be that of an undisturbed run.

    uv run python -m tests.fuzz kills --count 50

Each case draws a stage, an operator, an integrator, the number of ranks and the signal. It sends the signal at a random
instant of start-up, steps or writing, resumes the job, on another number of ranks in some cases, and compares the
results: to the last bit on the same number of ranks, otherwise to rounding. One job runs at a time.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from freqbias.runtime import Store
from tests import launch
from tests.batch import Fork
from tests.fuzz.jobs import BEFORE, JOBS, RESULTS, Job, phase_of, write_run_file
from tests.fuzz.result_folders import numbers
from tests.fuzz.verdicts import Verdict, judge_all
from tests.interrupted import PROGRAM

RANKS = (1, 2, 3)
IN_START_UP = 0.2  # fraction of signals before the first file is written
ROUNDING = 1e-8  # relative to the start: conjugate gradients stop within their tolerance, depending on the partition
PATIENCE = 90.0  # seconds; a job on a machine that does other work may need this long to stop
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# of the program, of a process without handlers, and of mpirun, which reports signals in its own ways
CODES = {signal.SIGKILL: (-9, 9, 137), signal.SIGTERM: (75, -15, 15, 143), signal.SIGINT: (75, 130, -2, 2)}


@dataclass(frozen=True)
class Outcome:
    """phase: where the signal came (start-up, steps, writing, end). difference: of the results, over the largest."""

    job: Job
    ranks: int
    resumed_on: int
    phase: str
    difference: float
    seconds: float

    @property
    def passed(self) -> bool:
        return self.difference <= (0.0 if self.ranks == self.resumed_on else ROUNDING)


class Bench:
    """Trials in a folder, with the undisturbed runs of all jobs as they are needed.

    warm: these run in the resident processes, which saves a start but makes signals come earlier: a warm process needs
    less time than the job to disturb. Single processes are forks of this one, only for SIGKILL.
    """

    def __init__(self, folder: Path, *, warm: bool = False) -> None:
        self.folder, self._warm = folder, warm
        self._seconds: dict[tuple[Job, int], tuple[float, float]] = {}

    def trial(self, job: Job, ranks: int, number: signal.Signals, random: Random) -> Outcome:
        """Disturb, resume, compare. Raises AssertionError if a process does not end as it should."""
        out = self._fresh("disturbed")
        self._prepare(job, out)
        start_up, work = self._undisturbed(job, ranks)
        process = self._start(job, out, ranks)
        if random.random() < IN_START_UP:
            time.sleep(random.uniform(0.0, start_up))
        else:
            self._wait(process, out, job)
            time.sleep(random.uniform(0.0, work))
        phase, seconds = self._disturb(process, job, out, number)
        resumed_on = random.choice(RANKS) if job.stage == "pde" else ranks
        (done,) = launch.run_all([[*self._command(job, out), "--resume"]], ranks=resumed_on)
        assert done.returncode == 0, f"in {phase}, resumed: {done.stderr}"
        for stage in {name.partition("/")[0] for name in RESULTS[job.stage]}:
            Store(out).verify(stage)
        left = {path.name for path in out.iterdir()} - {"run.toml", *RESULTS}
        assert not left, f"in {phase}: left {left}"
        return Outcome(job, ranks, resumed_on, phase, self._difference(out, job, ranks), seconds)

    def _disturb(self, process, job: Job, out: Path, number: signal.Signals) -> tuple[str, float]:
        """Send the signal, and return the phase that the job had reached, and the seconds until it ended."""
        sent = time.monotonic()
        if number == signal.SIGKILL:
            launch.kill(process.pid)
        elif process.poll() is None:
            process.send_signal(number)
        try:
            _, printed = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            launch.kill(process.pid)
            raise AssertionError(f"does not stop within {PATIENCE:g} s of {number.name}") from None
        phase, code = phase_of(out, job), process.returncode
        allowed = (0, *CODES[number]) if phase in ("start-up", "end") or number == signal.SIGKILL else (0, 75, 130)
        assert code in allowed, f"{number.name} in {phase}: exit code {code}: {printed}"
        unexpected = [word for word in ("Traceback", "PETSC ERROR", "Exception ignored") if word in printed]
        assert number == signal.SIGKILL or not unexpected, f"{number.name} in {phase}: {printed}"
        return phase, time.monotonic() - sent

    def _difference(self, out: Path, job: Job, ranks: int) -> float:
        largest = 0.0
        for name in RESULTS[job.stage]:
            found, expected = numbers(out / name), numbers(self._reference(job, ranks) / name)
            assert found.keys() == expected.keys(), f"{name} holds {list(found)}, not {list(expected)}"
            for key, values in expected.items():
                if values.dtype.kind in "fc" and values.size and (scale := np.nanmax(np.abs(values))):
                    largest = max(largest, float(np.nanmax(np.abs(found[key] - values)) / scale))
                else:
                    np.testing.assert_array_equal(found[key], values)
        return largest

    def _fresh(self, name: str) -> Path:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / name).mkdir()
        return self.folder / name

    def _command(self, job: Job, out: Path) -> list[str]:
        what = [str(out)] if job.stage == "view" else [str(write_run_file(job, self.folder)), "--out", str(out)]
        return [job.stage, *what, "-q", *["--shard"] * job.shard]

    def _start(self, job: Job, out: Path, ranks: int):
        if self._warm and ranks == 1:
            return Fork(*self._command(job, out))
        return launch.start("-c", PROGRAM, *self._command(job, out), ranks=ranks)

    def _wait(self, process, out: Path, job: Job) -> None:
        """Wait until the stage begins to write or the process ends."""
        stage = "pde" if job.stage == "run" else job.stage
        while process.poll() is None and not (out / f"{stage}.partial").exists() and not (out / stage).exists():
            time.sleep(0.002)

    def _reference(self, job: Job, ranks: int) -> Path:
        return self.folder / f"{job}-{ranks}".replace(" ", "-")

    def _prepare(self, job: Job, out: Path) -> None:
        """Copy the results that the stage reads."""
        for stage in BEFORE.get(job.stage, ()):
            before = self.folder / f"before-{job.stage}"
            if not (before / stage).exists():
                path = write_run_file(job, self.folder)
                (done,) = launch.run_all([[stage, path, "--out", before, "-q"]], ranks=1)
                assert done.returncode == 0, done.stderr
            shutil.copytree(before / stage, out / stage)

    def _undisturbed(self, job: Job, ranks: int) -> tuple[float, float]:
        """Seconds of the reference run until its first file and from there to its end; runs it if necessary."""
        if (job, ranks) not in self._seconds:
            if self._warm and ranks > 1:
                self._seconds[job, ranks] = 0.0, self._warm_seconds(job, ranks)
                return self._seconds[job, ranks]
            out = self._fresh(self._reference(job, ranks).name)
            self._prepare(job, out)
            began = time.monotonic()
            process = self._start(job, out, ranks)
            self._wait(process, out, job)
            wrote = time.monotonic()
            _, printed = process.communicate()
            assert process.returncode == 0, f"{job} on {ranks} ranks: {printed}"
            self._seconds[job, ranks] = wrote - began, time.monotonic() - wrote
        return self._seconds[job, ranks]

    def _warm_seconds(self, job: Job, ranks: int) -> float:
        for _ in range(2):  # the first run may import libraries
            out = self._fresh(self._reference(job, ranks).name)
            self._prepare(job, out)
            began = time.monotonic()
            (done,) = launch.run_all([self._command(job, out)], ranks=ranks)
            assert done.returncode == 0, f"{job} on {ranks} ranks: {done.stderr}"
        return time.monotonic() - began

    def judge(self, number: int) -> Verdict:
        random = Random(number)
        job, how = random.choice(JOBS), random.choice(SIGNALS)
        ranks = random.choice(RANKS[1:] if job.shard else RANKS)
        where = f"{how.name} to {job} on {ranks}"
        try:
            outcome = self.trial(job, ranks, how, random)
        except AssertionError as failure:
            return Verdict(f"{how.name} failed", f"{where}: {failure}")
        wrong = "" if outcome.passed else f"{where} in {outcome.phase}: differs by {outcome.difference:.1e}"
        return Verdict(f"{how.name} in {outcome.phase}", wrong)


def run(first: int, count: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return judge_all("disturbed jobs", Bench(Path(folder)).judge, first, count, long=True)
