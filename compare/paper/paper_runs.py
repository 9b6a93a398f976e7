"""The runs that the figures of the paper need: their run files and their results."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from freqbias.compare.comparison import Comparison
from freqbias.compare.stages import read_comparison
from freqbias.problem import ErrorHistory, Problem, RunFile, load, parse, stage_keys
from freqbias.runtime import Store, on_root

QUICK = "-quick"  # suffix of all names with --quick, which therefore never replaces the full results


@dataclass(frozen=True)
class FigureRun:
    """A run and the stages that a figure needs of it. Figures make their own pictures, so `compare` is not one."""

    run: RunFile
    stages: tuple[str, ...] = ("pde", "nn", "ntk")


@dataclass(frozen=True)
class PaperRuns:
    """Run files of the paper. folder: where they are; out: where results go; quick: whether networks may be narrow."""

    folder: Path
    out: Path
    quick: bool

    def run_file(
        self, stem: str, *, name: str = "", quick_network: Mapping[str, Any] | None = None, **changes: Mapping[str, Any]
    ) -> RunFile:
        """The run file `stem`.toml with changed keys; collective.

        name: the new name of the run. quick_network: keys of [network] to change if `quick`. changes: keys to change,
        by section; a section with a `kind` is replaced as a whole. Raises InputError like `load` and `parse`.
        """
        run = on_root(load, self.folder / f"{stem}.toml")
        sections = run.model_dump(exclude_none=True)
        if self.quick and quick_network:
            changes["network"] = {**changes.get("network", {}), **quick_network}
        for section, keys in changes.items():
            sections[section] = keys if "kind" in keys else {**sections[section], **keys}
        return parse({**sections, "name": self.name(name or run.name)})

    def name(self, name: str) -> str:
        """The name of a run or picture, with the suffix of --quick."""
        return name + QUICK if self.quick else name


@dataclass(frozen=True)
class Result:
    """A computed run. Its records are read when first used, on rank 0 only."""

    run: RunFile
    problem: Problem
    store: Store

    @cached_property
    def comparison(self) -> Comparison:
        return read_comparison(self.run, self.problem, self.store)

    def history(self, stage: str = "nn", name: str = "error.nc") -> ErrorHistory:
        """The errors in the file `name` of a stage."""
        return ErrorHistory.load(self.store.verify(stage, keys=stage_keys(self.run, stage)) / name)
