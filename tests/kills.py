"""SIGKILL at random instants, then --resume: the result must be that of an uninterrupted run.

    uv run python -m tests.kills --count 50 --seed 0
    uv run python -m tests.kills --count 20 --stage nn
    uv run python -m tests.kills --count 5 --stage ntk

Each trial draws a stage (without --stage), operator, integrator and number of ranks. It kills the job at a random
instant of start-up, steps or writing, resumes it on a random number of ranks, and compares the results: to the last bit
on the same number of ranks, otherwise to rounding. One job runs at a time; all trials take some minutes.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import get_args

import numpy as np

from freqbias.problem import ErrorHistory, Pde, Training
from freqbias.runtime import Store
from tests import launch
from tests.interrupted import STAGES, error_of, run_text

INTEGRATORS = get_args(Pde.model_fields["integrator"].annotation)
TRAINING_KEYS = {"sgd": {"training_keys": "batch = 20"}, "adam": {"training_step": 0.001, "end": 1.0}}
TRAININGS = get_args(Training.model_fields["integrator"].annotation)
OPERATORS = get_args(Pde.model_fields["operator"].annotation)
STEPS = {"crank-nicolson": 0.5, "backward-euler": 0.5}
RANKS = (1, 2, 3)
IN_START_UP = 0.2  # fraction of kills before the first file is written
ROUNDING = 1e-8  # relative to the start: conjugate gradients stop within their tolerance, depending on the partition


@dataclass(frozen=True)
class Job:
    """The command to kill.

    operator, integrator: of the pde, also for compare; for nn and ntk the operator is "" and the integrator that of the
    training.
    """

    stage: str
    operator: str
    integrator: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.stage, self.operator, self.integrator)))


@dataclass(frozen=True)
class Outcome:
    """phase: where the kill happened (start-up, steps, writing, end). difference: of the results, over the largest."""

    job: Job
    killed_on: int
    resumed_on: int
    phase: str
    difference: float

    @property
    def passed(self) -> bool:
        same = self.killed_on == self.resumed_on or self.job.stage != "pde"
        return self.difference <= (0.0 if same else ROUNDING)


JOBS = [Job("pde", *kind) for kind in product(OPERATORS, INTEGRATORS)]
JOBS += [Job("nn", "", integrator) for integrator in TRAININGS]
JOBS += [Job("ntk", "", "rk4"), Job("compare", "data", "lanczos")]
PREDICTIONS = ("infinite-width", "infinite-width-steps", "empirical", "empirical-steps")
COMMAND = "from freqbias.compare.commands.app import main; main()"


class Bench:
    """Trials in a folder, with the uninterrupted runs of all jobs as they are needed."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder, self.random = folder, random
        self._seconds: dict[tuple[Job, int], tuple[float, float]] = {}

    def trial(self, job: Job, ranks: int) -> Outcome:
        """Kill, resume, compare. Raises AssertionError if the resumed run fails or leaves temporary files."""
        out = self._fresh("killed")
        self._prepare(job, out)
        start_up, work = self._uninterrupted(job, ranks)
        process = self._start(job, out, ranks)
        if self.random.random() < IN_START_UP:
            time.sleep(self.random.uniform(0.0, start_up))
        else:
            self._wait(process, out, job)
            time.sleep(self.random.uniform(0.0, work))
        launch.kill(process.pid)
        process.communicate()
        phase = phase_of(out, job)
        resumed_on = self.random.choice(RANKS) if job.stage == "pde" else ranks
        (done,) = launch.run_all([[*self._command(job, out), "--resume"]], ranks=resumed_on)
        assert done.returncode == 0, f"{job}, killed in {phase}: {done.stderr}"
        Store(out).verify(job.stage)
        left = {path.name for path in out.iterdir()} - {"run.toml", "pde", "nn", "ntk", "compare"}
        assert not left, f"{job}, killed in {phase}: left {left}"
        expected = result(self._reference(job, ranks), job)
        difference = float(np.abs(result(out, job) - expected).max() / np.abs(expected).max())
        return Outcome(job, ranks, resumed_on, phase, difference)

    def _fresh(self, name: str) -> Path:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / name).mkdir()
        return self.folder / name

    def _run_file(self, job: Job) -> Path:
        path = self.folder / f"{job}.toml".replace(" ", "-")
        if job.stage == "nn":
            settings = {"training_integrator": job.integrator, "training_step": 0.1, "checkpoint": 0.0, "end": 20.0}
            settings |= TRAINING_KEYS.get(job.integrator, {})
        elif job.stage == "ntk":  # wide, for products that take some seconds
            settings = {"training_integrator": job.integrator, "width": 200_000}
        else:
            step = STEPS.get(job.integrator, '"auto"')
            settings = {"operator": job.operator, "integrator": job.integrator, "step": step}
        path.write_text(run_text(**settings))
        return path

    def _command(self, job: Job, out: Path) -> list[str]:
        return [job.stage, str(self._run_file(job)), "--out", str(out), "-q"]

    def _start(self, job: Job, out: Path, ranks: int):
        return launch.start("-c", COMMAND, *self._command(job, out), ranks=ranks)

    def _wait(self, process, out: Path, job: Job) -> None:
        """Wait until the stage begins to write or the process ends."""
        while process.poll() is None and not (out / f"{job.stage}.partial").exists() and not (out / job.stage).exists():
            time.sleep(0.002)

    def _reference(self, job: Job, ranks: int) -> Path:
        return self.folder / f"{job}-{ranks}".replace(" ", "-")

    def _prepare(self, job: Job, out: Path) -> None:
        """Copy the results that compare needs."""
        if job.stage == "compare":
            for stage in STAGES:
                before = Job("nn", "", "rk4") if stage == "nn" else Job(stage, job.operator, job.integrator)
                self._uninterrupted(before, 1)
                shutil.copytree(self._reference(before, 1) / stage, out / stage)

    def _uninterrupted(self, job: Job, ranks: int) -> tuple[float, float]:
        """Seconds of the reference run until its first file and from there to its end; runs it if necessary.

        The reference run starts like the job to kill, because a warm process needs less time.
        """
        if (job, ranks) not in self._seconds:
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


def result(out: Path, job: Job) -> np.ndarray:
    """The result as an array."""
    if job.stage == "compare":
        return np.loadtxt(out / "compare" / "metrics.csv", delimiter=",", skiprows=2)  # from t > 0
    if job.stage == "ntk":
        return np.stack([ErrorHistory.load(out / "ntk" / f"{name}.nc").error for name in PREDICTIONS])
    return error_of(out, job.stage)


def phase_of(out: Path, job: Job) -> str:
    """The phase that the killed job had reached."""
    partial = out / f"{job.stage}.partial"
    if not partial.exists():
        return "end" if (out / job.stage).exists() else "start-up"
    written = [path for path in partial.iterdir() if path.name not in ("unfinished.json", "parts", ".tmp")]
    return "writing" if written or any((partial / ".tmp").glob("*")) else "steps"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=[*STAGES, "ntk", "compare"], help="only this stage")
    asked = parser.parse_args()
    random = Random(asked.seed)
    jobs = [job for job in JOBS if asked.stage in (None, job.stage)]
    kinds = [(job, ranks) for job in jobs for ranks in (RANKS if job.stage == "pde" else (1,))]
    random.shuffle(kinds)
    outcomes, failures = [], 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), random)
        for number in range(asked.count):
            job, ranks = kinds[number % len(kinds)]
            try:
                outcome = bench.trial(job, ranks)
                outcomes.append(outcome)
                failures += not outcome.passed
                verdict = "passed" if outcome.passed else "FAILED"
                on = f"killed on {ranks} in {outcome.phase}, resumed on {outcome.resumed_on}"
                print(f"{number + 1:>3} {job}: {on}, difference {outcome.difference:.1e}: {verdict}", flush=True)
            except AssertionError as failure:
                failures += 1
                print(f"{number + 1:>3} FAILED {failure}", flush=True)
    phases = Counter(outcome.phase for outcome in outcomes)
    counts = ", ".join(f"{phases[phase]} in {phase}" for phase in ("start-up", "steps", "writing", "end"))
    exact = sum(outcome.difference == 0 for outcome in outcomes)
    print(f"{asked.count} kills ({counts}): {asked.count - failures} passed, {exact} of them to the last bit")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
