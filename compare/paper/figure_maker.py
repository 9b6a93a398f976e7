"""`freqbias figures`: compute the runs that a figure needs, unless they are finished, and draw the pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import matplotlib.style
from matplotlib.figure import Figure

from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result
from freqbias.compare.stages import run_all
from freqbias.compare.style import STYLE, save_figure
from freqbias.errors import UsageError
from freqbias.problem import RunFile, build, stage_keys
from freqbias.runtime import StopRequest, Store, atomic_write, key_hash, log, on_root, world, writable

FIGURES = (1, 2, 3, 4, 5, 6, 7)


class PaperFigure(Protocol):
    """The two functions of each module figureN."""

    def runs(self, paper_runs: PaperRuns) -> list[FigureRun]:
        """Return the runs that the figure needs. Called on every rank."""

    def draw(self, results: list[Result]) -> dict[str, Figure]:
        """Return the pictures by name. results: in the order of `runs`. Called on rank 0 only."""


def figure_module(number: int) -> PaperFigure:
    """Import and return the module of a figure. The other modules, and the libraries they need, are not imported."""
    match number:
        case 1:
            from freqbias.compare.paper import figure1

            return figure1
        case 2:
            from freqbias.compare.paper import figure2

            return figure2
        case 3:
            from freqbias.compare.paper import figure3

            return figure3
        case 4:
            from freqbias.compare.paper import figure4

            return figure4
        case 5:
            from freqbias.compare.paper import figure5

            return figure5
        case 6:
            from freqbias.compare.paper import figure6

            return figure6
        case 7:
            from freqbias.compare.paper import figure7

            return figure7
    raise UsageError(f"figure {number} does not exist; choose from {', '.join(map(str, FIGURES))}")


def make_figures(numbers: Sequence[int], paper_runs: PaperRuns, stop: StopRequest) -> list[Path]:
    """Draw these figures in `out`/figures, and return the paths of the pictures. Collective.

    Uses finished results in `out`/NAME, continues unfinished results and computes missing results. Raises the errors of
    the stages, and UsageError if a result in `out`/NAME was computed with other keys.
    """
    paths: list[Path] = []
    for number, figure in [(number, figure_module(number)) for number in numbers]:
        results = [compute(figure_run, paper_runs, stop) for figure_run in figure.runs(paper_runs)]
        stop.check(world())  # on all ranks together: if one rank stopped alone, the others would wait forever
        paths += on_root(_save, number, figure, results, paper_runs)
    return paths


def compute(figure_run: FigureRun, paper_runs: PaperRuns, stop: StopRequest) -> Result:
    """Compute a run unless the result is finished, and return the result. Collective."""
    run = figure_run.run
    problem, store = on_root(build, run), Store(paper_runs.out / run.name)
    if figure_run.stages:
        try:
            run_all(run, problem, store, resume=True, overwrite=False, stop=stop, stages=figure_run.stages)
        except UsageError as refused:
            if "--overwrite" not in str(refused):  # such as a full disk: removing a result cannot help
                raise
            raise UsageError(f"{refused}; `freqbias figures` never overwrites a result: remove {store.root}") from None
    return Result(run, problem, store)


def _save(number: int, paper_figure: PaperFigure, results: list[Result], paper_runs: PaperRuns) -> list[Path]:
    """Draw a figure and write figures/NAME.png and .pdf. Each file is written completely or not at all."""
    folder = paper_runs.out / "figures"
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths, source = [], provenance([result.run for result in results])
    with matplotlib.style.context(STYLE):
        for name, figure in paper_figure.draw(results).items():
            for suffix in (".png", ".pdf"):
                path = folder / f"{paper_runs.name(name)}{suffix}"
                with atomic_write(path) as partial:
                    save_figure(figure, [partial], name, source)
                paths.append(path)
    log.info("figure %d: wrote %s", number, ", ".join(str(path) for path in paths if path.suffix == ".png"))
    return paths


def provenance(runs: Sequence[RunFile]) -> str:
    """Return the source of a picture, for the metadata: the name, seed and key hash of each run."""
    described = [f"{run.name} (seed {run.seed}, keys {key_hash(stage_keys(run, 'compare'))[:12]})" for run in runs]
    return f"From the results of {'; '.join(described) or 'no run'}"
