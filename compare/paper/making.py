"""`freqbias figures`: the runs that a figure needs, made or found finished, then the pictures of them.

A module for each figure has two functions: `jobs(shelf)`, the runs with their stages, and `draw(results)`, the pictures
by name from the results of these runs, in their order. The first is called on every rank, the second on rank 0 alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import matplotlib.style

from freqbias.compare.comparison import Comparison
from freqbias.compare.stages import read_comparison, run_all
from freqbias.compare.style import STYLE, figure_metadata
from freqbias.errors import UsageError
from freqbias.problem import ErrorHistory, Problem, RunFile, build, load, parse, stage_keys
from freqbias.runtime import StopRequest, Store, atomic_write, key_hash, log, on_root, world, writable

FIGURES = {
    1: "freqbias.compare.paper.figure1",
    2: "freqbias.compare.paper.figure2",
    3: "freqbias.compare.paper.figure3",
    4: "freqbias.compare.paper.figure4",
    5: "freqbias.compare.paper.figure5",
    6: "freqbias.compare.paper.figure6",
}
QUICK = "-quick"  # ends the names of what --quick makes, so that it never takes the place of the figures themselves


@dataclass(frozen=True)
class Job:
    """A run, and which of its stages a figure needs; the pictures of the stage compare are for `freqbias run`."""

    run: RunFile
    stages: tuple[str, ...] = ("pde", "nn", "ntk")


@dataclass(frozen=True)
class PaperRun:
    """Where run files come from, `folder`, and where results go, `out`; quick: whether narrower networks will do."""

    folder: Path
    out: Path
    quick: bool

    def take(
        self, stem: str, *, name: str = "", quick: Mapping[str, Any] | None = None, **changes: Mapping[str, Any]
    ) -> RunFile:
        """The run file `stem`.toml, under another name with other keys, by section; with a `kind` they are all of its
        keys. quick: keys of [network] where narrow networks will do. Collective. Raises InputError as reading a run
        file does."""
        run = on_root(load, self.folder / f"{stem}.toml")
        tables = run.model_dump(exclude_none=True)
        if self.quick and quick:
            changes["network"] = {**changes.get("network", {}), **quick}
        for section, keys in changes.items():
            tables[section] = keys if "kind" in keys else {**tables[section], **keys}
        return parse({**tables, "name": self.name(name or run.name)})

    def name(self, name: str) -> str:
        return name + QUICK if self.quick else name


@dataclass(frozen=True)
class Result:
    """A run that is computed: its records, read when they are asked for; on rank 0 only."""

    run: RunFile
    problem: Problem
    store: Store

    @cached_property
    def comparison(self) -> Comparison:
        return read_comparison(self.run, self.problem, self.store)

    def history(self, stage: str = "nn", name: str = "error.nc") -> ErrorHistory:
        """The errors that a stage has left."""
        return ErrorHistory.load(self.store.verify(stage, keys=stage_keys(self.run, stage)) / name)


def make(numbers: Sequence[int], paper_run: PaperRun, stop: StopRequest) -> list[Path]:
    """Make these figures; collective. Returns the paths of the pictures, in `out`/figures.

    What is finished in `out`/NAME is not computed again, what is unfinished is gone on from. Raises what the stages
    raise, UsageError among it where a result there is of other keys.
    """
    made: list[Path] = []
    for number in numbers:
        module = import_module(FIGURES[number])
        results = [compute(job, paper_run, stop) for job in module.jobs(paper_run)]
        stop.check(world())  # or a rank alone would go on
        made += on_root(_save, number, module.draw, results, paper_run)
    return made


def compute(job: Job, paper_run: PaperRun, stop: StopRequest) -> Result:
    """The job's stages, made or found finished; collective."""
    problem, store = on_root(build, job.run), Store(paper_run.out / job.run.name)
    if job.stages:
        try:
            run_all(job.run, problem, store, resume=True, overwrite=False, stop=stop, stages=job.stages)
        except UsageError as refused:
            if "--overwrite" not in str(refused):  # as of a full disk, which takes nothing from what is there
                raise
            raise UsageError(f"{refused}; `freqbias figures` overwrites nothing: remove {store.root} itself") from None
    return Result(job.run, problem, store)


def _save(number: int, draw: Any, results: list[Result], paper_run: PaperRun) -> list[Path]:
    """Draw and write `figures/NAME.png` and `.pdf`, whole or not at all."""
    folder = paper_run.out / "figures"
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with matplotlib.style.context(STYLE):
        for name, figure in draw(results).items():
            for suffix in (".png", ".pdf"):
                path = folder / f"{paper_run.name(name)}{suffix}"
                with atomic_write(path) as aside:
                    figure.savefig(
                        aside, metadata=figure_metadata(name, suffix, source([each.run for each in results]))
                    )
                paths.append(path)
    log.info("figure %d: wrote %s", number, ", ".join(str(path) for path in paths if path.suffix == ".png"))
    return paths


def source(runs: Sequence[RunFile]) -> str:
    """The runs a figure is made from: the name, seed and hash of the keys of each."""
    each = [f"{run.name} (seed {run.seed}, keys {key_hash(stage_keys(run, 'compare'))[:12]})" for run in runs]
    return f"From the results of {'; '.join(each) or 'no run'}"
