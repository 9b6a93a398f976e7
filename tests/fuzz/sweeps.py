"""SIGKILL of random processes of sweeps, then --resume: the dataset must be that of an undisturbed sweep, to the bit.

    uv run python -m tests.fuzz sweeps --count 30

Each case starts a sweep with two processes, under mpirun with four ranks, or as two jobs in one folder. It kills one
process of them, or all, at a random instant, waits for the others, and repeats the command with --resume. Only the
times that stages took may differ.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import xarray as xr

import freqbias
from tests import launch
from tests.compare.sweeps import AXES, RUN
from tests.fuzz.verdicts import Verdict, judge_all

COMMAND = "from freqbias.compare.program import main; main()"
MODES = {"two processes": 1, "four ranks": 4, "groups of ranks": 4, "two jobs": 1}  # ranks
OPTIONS = {"two processes": ["--jobs", "2"], "groups of ranks": ["--ranks-per-run", "2"], "two jobs": ["--jobs", "1"]}
PATIENCE = 240.0  # seconds; four ranks share the cores of the machine


@dataclass(frozen=True)
class Outcome:
    """How much was finished when the process was killed, and how the killed command ended."""

    mode: str
    finished: int
    codes: tuple[int, ...]


class Bench:
    """Trials in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "my.toml").write_text(RUN)
        self._references: dict[int, Path] = {}
        self._seconds: dict[str, float] = {}

    def trial(self, mode: str, random: Random) -> Outcome:
        """Kill, resume, compare. Raises AssertionError if the results differ."""
        expected, duration = self._reference(mode)
        out = self._fresh("disturbed")
        jobs = [self._start(mode, out, resume=mode == "two jobs") for _ in range(1 + (mode == "two jobs"))]
        if random.random() < 0.7:  # while stages are computed; else at any time, also while the processes start
            self._wait_for_a_stage(out, jobs)
        time.sleep(random.uniform(0.0, 0.5) * duration)
        family = [pid for job in jobs for pid in (job.pid, *launch.descendants(job.pid))]
        finished = len(list(out.glob("runs/*/*/manifest.json")))
        if random.random() < 0.3:
            for job in jobs:
                launch.kill(job.pid)
        else:
            with suppress(ProcessLookupError):
                os.kill(random.choice(family), signal.SIGKILL)
        codes = tuple(self._end(job) for job in jobs)
        done = self._start(mode, out, resume=True)
        assert self._end(done) == 0, f"{mode}, resumed: {self._printed(done)}"
        found = freqbias.open(out)
        different = [
            str(name) for name in found.variables if name != "seconds" and not found[name].equals(expected[name])
        ]
        assert not different and found.sizes == expected.sizes, (
            f"{', '.join(different) or 'sizes'} differ: {found.sizes}"
        )
        left = [path.name for path in out.glob("runs/*/.*")] + [path.name for path in out.glob("runs/*/*.partial")]
        assert not left, f"{mode}: left {left}"
        return Outcome(mode, finished, codes)

    def _wait_for_a_stage(self, out: Path, jobs: list[subprocess.Popen[str]]) -> None:
        """Return once a stage is finished, or all jobs have ended."""
        while not any(out.glob("runs/*/*/manifest.json")) and any(job.poll() is None for job in jobs):
            time.sleep(0.02)

    def _reference(self, mode: str) -> tuple[xr.Dataset, float]:
        """Return the dataset of an undisturbed sweep on as many ranks a run, and the seconds that this mode takes."""
        if mode not in self._seconds:
            out, begin = self._fresh(mode.replace(" ", "-")), time.monotonic()
            process = self._start(mode, out)
            assert self._end(process) == 0, self._printed(process)
            self._seconds[mode] = time.monotonic() - begin
        return freqbias.open(self.folder / mode.replace(" ", "-")), self._seconds[mode]

    def _start(self, mode: str, out: Path, *, resume: bool = False) -> subprocess.Popen[str]:
        words = ["sweep", str(self.folder / "my.toml"), *AXES, "--out", str(out), "-q", *OPTIONS.get(mode, [])]
        return launch.start("-c", COMMAND, *words, *(["--resume"] if resume else []), ranks=MODES[mode])

    def _end(self, process: subprocess.Popen[str]) -> int:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            launch.kill(process.pid)
            raise AssertionError(f"does not end within {PATIENCE:g} s") from None
        return process.returncode

    def _printed(self, process: subprocess.Popen[str]) -> str:
        assert process.stderr is not None
        return process.stderr.read()

    def _fresh(self, name: str) -> Path:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return self.folder / name

    def judge(self, number: int) -> Verdict:
        """Run the case with this number."""
        random = Random(number)
        mode = random.choice(list(MODES))
        try:
            outcome = self.trial(mode, random)
        except AssertionError as failure:
            return Verdict(f"{mode} failed", str(failure))
        return Verdict(f"{mode}, {'some' if outcome.finished else 'no'} stages finished")


def run(first: int, count: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return judge_all("disturbed sweeps", Bench(Path(folder)).judge, first, count, long=True)
