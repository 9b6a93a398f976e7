"""The runs that the figures of the paper need: run files and results."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from freqbias.compare.comparison import Comparison
from freqbias.compare.stages import read_comparison
from freqbias.problem import ErrorHistory, Problem, RunFile, load, parse, stage_keys
from freqbias.runtime import Store, on_root

QUICK = "-quick"  # suffix of all names with --quick, so that quick results never replace full results


@dataclass(frozen=True)
class FigureRun:
    """A run, and the stages of this run that a figure needs. No figure needs the pictures of the stage `compare`."""

    run: RunFile
    stages: tuple[str, ...] = ("pde", "nn", "ntk")


@dataclass(frozen=True)
class PaperRuns:
    """The run files of the paper.

    folder: the folder of the run files. out: the folder for results. quick: whether to use narrow networks.
    """

    folder: Path
    out: Path
    quick: bool

    def run_file(
        self, stem: str, *, name: str = "", quick_network: Mapping[str, Any] | None = None, **changes: Mapping[str, Any]
    ) -> RunFile:
        """Return the run file `stem`.toml with changed keys. Collective.

        name: the new name of the run. quick_network: keys of [network] to change if `quick`.
        changes: keys to change, by section. If the new keys contain `kind`, they replace the whole section.
        Raises InputError like `load` and `parse`.
        """
        run = on_root(load, self.folder / f"{stem}.toml")
        sections = run.model_dump(exclude_none=True)
        if self.quick and quick_network:
            changes["network"] = {**changes.get("network", {}), **quick_network}
        for section, keys in changes.items():
            sections[section] = keys if "kind" in keys else {**sections[section], **keys}
        return parse({**sections, "name": self.name(name or run.name)})

    def name(self, name: str) -> str:
        """Return the name of a run or picture. With --quick, the name has the suffix QUICK."""
        return name + QUICK if self.quick else name


@dataclass(frozen=True)
class Result:
    """A computed run. Files of the run are read when they are first needed, on rank 0 only."""

    run: RunFile
    problem: Problem
    store: Store

    @cached_property
    def comparison(self) -> Comparison:
        return read_comparison(self.run, self.problem, self.store)

    def history(self, stage: str = "nn", name: str = "error.nc") -> ErrorHistory:
        """Return the errors in the file `name` of a stage."""
        return ErrorHistory.load(self.store.verify(stage, keys=stage_keys(self.run, stage), needs=[name]) / name)
