"""The stage `compare`, which compares the results of the stages `pde` and `nn`, and of `ntk` if they exist.

With several trainings of a user's own, it writes trainings.csv and the figure trainings.

The stage writes spectra.nc, fields.pvd, metrics.csv, kappa.csv and the figures figure4, split and kappa. With draws,
the stage also writes draw_bands.csv, and with predictions for minibatches minibatch_bands.csv. For samples on a grid,
it also writes what has been learnt: learned.nc, a figure, and .wav files of sounds.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from freqbias.compare.comparison import Comparison, Learned, Trainings, compare
from freqbias.compare.stages.sources import Sources, find_sources, load_histories, load_own_errors
from freqbias.compare.stages.stage_output import is_finished, new_stage
from freqbias.errors import InputError
from freqbias.pde import start_petsc
from freqbias.problem import Draws, MinibatchErrors, Problem, RunFile, Spectrum, error_prefix, stage_keys
from freqbias.runtime import Stage, StopRequest, Store, announced, log, on_root, threads_alone

if TYPE_CHECKING:
    from freqbias.compare.kappa import Kappa


def run_compare(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    error_files: Sequence[Path] = (),
    match: Literal["time", "loss"] = "time",
    renew: bool = False,
) -> None:
    """Run the stage and write the folder `compare/`. Collective. Rank 0 works, but all ranks share an L2 projection.

    error_files: a user's own errors in the format of error.nc. The stage then ignores the results of `nn`, and those of
    `ntk`, which predict the errors of `nn`. The figures show the first file. trainings.csv and the figure trainings
    show all of them, if there are several or if they are matched at equal loss.
    match: whether the user's own errors are compared with the equation at equal time or at equal loss.
    renew: with resume, repeat a finished comparison whose sources have changed.

    Raises UsageError if the result of an earlier stage is missing, damaged, or from another run file, and if `compare/`
    exists but may not be replaced. Raises InputError if the errors do not belong to the data, and StoppedEarly.
    """
    start_petsc()  # on every rank at the same time
    stop.install()  # after PETSc, which has a handler of its own for SIGTERM
    on_root(
        _run_compare,
        run,
        problem,
        store,
        resume=resume,
        overwrite=overwrite,
        stop=stop,
        error_files=error_files,
        match=match,
        renew=renew,
        broadcast=False,
    )


def _run_compare(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    error_files: Sequence[Path],
    match: Literal["time", "loss"],
    renew: bool,
) -> None:
    if match == "loss" and not error_files:
        raise InputError("--match loss is for errors of your own; give --error FILE.nc, or leave --match out")
    sources, keys = find_sources(run, store, error_files=error_files, match=match), stage_keys(run, "compare")
    if is_finished(store, "compare", keys, resume=resume, overwrite=overwrite, sources=sources, renew=renew):
        return
    with announced("compare: computing the spectra of the errors"):
        comparison = _comparison(run, problem, sources)
        trainings = _trainings(run, problem, sources, comparison)
    with new_stage(store, "compare", keys, overwrite=resume or overwrite, run=run, sources=sources) as stage:
        write(stage, comparison, run, problem, stop)
        if trainings is not None:
            _write_trainings(stage, trainings, run, stop)


def read_comparison(run: RunFile, problem: Problem, store: Store) -> Comparison:
    """Compare the finished results and return the comparison. On rank 0 only.

    Raises UsageError if a result is missing, damaged, or from another run file.
    """
    return _comparison(run, problem, find_sources(run, store))


def _comparison(run: RunFile, problem: Problem, sources: Sources) -> Comparison:
    history, predictions = load_histories(sources, problem.samples)
    assert history is not None  # otherwise find_sources would have raised an error
    spectrum = Spectrum.load(sources.paths["pde"])
    draws = Draws.load(sources.paths["draws"]) if "draws" in sources.paths else None
    minibatches = MinibatchErrors.load(sources.paths["minibatches"]) if "minibatches" in sources.paths else None
    with _named(sources, next(iter(sources.own_errors), "")):
        return compare(
            spectrum, history, problem,
            predictions=predictions, draws=draws, minibatches=minibatches, projection=run.compare.projection,
            threads=threads_alone(), match=sources.match,
        )  # fmt: skip


@contextmanager
def _named(sources: Sources, name: str) -> Iterator[None]:
    """If there are several files of a user's errors, name this one before its warnings and in its errors."""
    if len(sources.own_errors) < 2:
        yield
        return
    log.info("compare: %s", sources.own_errors[name])
    with error_prefix(f"--error {sources.own_errors[name]}: "):
        yield


def _trainings(run: RunFile, problem: Problem, sources: Sources, first: Comparison) -> Trainings | None:
    """Return the comparisons of all of the user's own errors, or None if the first comparison says it all."""
    files = sources.own_errors
    if len(files) < 2 and sources.match == "time":
        return None
    spectrum, (name, *others) = Spectrum.load(sources.paths["pde"]), files
    comparisons = {name: first}
    for other in others:
        with _named(sources, other):
            comparisons[other] = compare(
                spectrum, load_own_errors(files[other], problem.samples), problem,
                projection=run.compare.projection, threads=threads_alone(), match=sources.match,
            )  # fmt: skip
    return Trainings(comparisons)


def _write_trainings(stage: Stage, trainings: Trainings, run: RunFile, stop: StopRequest) -> None:
    with stage.writing("trainings.csv") as path:
        trainings.save(path)
    if run.compare.figures:
        from freqbias.compare.comparison import draw_trainings

        _draw(stage, stop, "trainings", partial(draw_trainings, trainings))


def write(stage: Stage, comparison: Comparison, run: RunFile, problem: Problem, stop: StopRequest) -> None:
    """Write all files of the stage."""
    with stage.writing("spectra.nc") as path:
        comparison.save(path)
    with stage.writing("metrics.csv") as path:
        comparison.save_metrics(path)
    if comparison.band is not None and comparison.band.bands is not None:
        with stage.writing("draw_bands.csv") as path:
            comparison.band.bands.save(path, comparison.time)
    if comparison.minibatches is not None:
        with stage.writing("minibatch_bands.csv") as path:
            comparison.minibatches.bands.save(path, comparison.time)
    at_equal_time = "time_nn" not in comparison.metrics  # otherwise a rate in time has no meaning
    rates = _write_rates(stage, comparison, problem) if len(comparison.time) > 1 and at_equal_time else None
    if comparison.learned is not None:
        with stage.writing("learned.nc") as path:
            comparison.learned.save(path)
        _write_sounds(stage, comparison.learned)
    stop.check()
    if run.pde.fields:
        _write_fields(stage, comparison)
    if run.compare.figures:
        _draw_figures(stage, comparison, rates, stop)


def _write_fields(stage: Stage, comparison: Comparison) -> None:
    from freqbias.pde import write_fields

    with stage.writing("fields.pvd") as path:
        write_fields(
            path.parent,
            time=comparison.time,
            frequency=comparison.frequency,
            cells=comparison.cells,
            cell_type=comparison.cell_type,
            point_data=magnitude_fields(comparison),
        )


def _draw_figures(stage: Stage, comparison: Comparison, rates: "Kappa | None", stop: StopRequest) -> None:
    from freqbias.compare.comparison import draw_causes, draw_comparison, draw_learned
    from freqbias.compare.kappa import draw_kappa

    if rates is not None and rates.regions:
        _draw(stage, stop, "kappa", partial(draw_kappa, rates))
    if comparison.causes:
        _draw(stage, stop, "split", partial(draw_causes, comparison))
    if comparison.learned is not None:
        _draw(stage, stop, "learned", partial(draw_learned, comparison.learned))
    if comparison.frequency.shape[1] > 2:
        log.info("compare: figure4 is drawn only in one and two dimensions; open fields.pvd in ParaView instead")
        return
    _draw(stage, stop, "figure4", partial(draw_comparison, comparison))


def _draw(stage: Stage, stop: StopRequest, name: str, draw: Callable[[Path, Path], object]) -> None:
    """Write NAME.png and NAME.pdf."""
    stop.check()
    with announced(f"compare: drawing {name}"), stage.writing(f"{name}.pdf") as path:
        draw(path.with_suffix(".png"), path)


def _write_sounds(stage: Stage, learned: Learned) -> None:
    if learned.is_sound and learned.has_gaps:
        log.info("compare: no .wav files are written, because the held-out samples are not known at all times")
        return
    for name in learned.fields if learned.is_sound else ():
        with stage.writing(f"learned-{name}.wav") as path:
            learned.save_sound(path, name)


def _write_rates(stage: Stage, comparison: Comparison, problem: Problem) -> "Kappa | None":
    """Write kappa.csv, and return the rates, if there are any."""
    from freqbias.compare.kappa import BANDS, comparison_rates

    try:
        rates = comparison_rates(comparison, problem, bands=BANDS if problem.dimension == 1 else 0)
    except InputError as error:  # a user's errors may begin when nothing is left to learn
        log.warning("compare: no kappa.csv is written, because no learning rate is defined: %s", error)
        return None
    if rates.warning:
        log.warning("compare: %s", rates.warning)
    with stage.writing("kappa.csv") as path:
        rates.save_table(path)
    return rates


def magnitude_fields(comparison: Comparison) -> dict[str, np.ndarray]:
    """Return |v| = (sum_c |v_c|^2)^(1/2) (T, n) of both spectra and of their difference, by field name."""
    spectra = {
        "pde_magnitude": comparison.pde,
        "nn_magnitude": comparison.nn,
        "difference_magnitude": comparison.nn - comparison.pde,
    }
    return {name: np.linalg.norm(values, axis=1) for name, values in spectra.items()}
