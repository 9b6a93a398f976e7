"""The stage `compare` of a result: from those of `pde`, `nn` and, where it is there, `ntk` to spectra.nc, fields.pvd,
metrics.csv, kappa.csv, figure4, split and kappa."""

from pathlib import Path

import numpy as np

from freqbias.compare.comparison import Comparison, compare
from freqbias.compare.stages.sources import Sources, find_sources, load_histories, made_from
from freqbias.errors import InputError
from freqbias.problem import Problem, RunFile, Spectrum, every_stage_keys, resolved, stage_keys
from freqbias.runtime import Stage, StopRequest, Store, log, on_root, threads_alone


def run_compare(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    error_file: Path | None = None,
    renew: bool = False,
) -> None:
    """Compare, and write the folder `compare/`; collective: rank 0 works, and the others
    sleep, but for their share of an L2 projection.

    error_file: a user's own errors in the format of error.nc, in place of those of `nn`; `ntk`, which predicts those
    of `nn`, is then left out.
    renew: with resume, a finished comparison of other sources is made anew, not refused.
    Raises UsageError where the result of an earlier stage is missing, damaged, or of another run file, or one of this
    stage is in the way; InputError where the errors do not belong to the data; StoppedEarly.
    """
    from freqbias.pde import write_fields  # noqa: F401  (starts PETSc, which every rank must do at the same time)

    stop.install()  # after PETSc, which has a handler of its own for SIGTERM
    on_root(
        _run_compare,
        run,
        problem,
        store,
        resume=resume,
        overwrite=overwrite,
        stop=stop,
        error_file=error_file,
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
    error_file: Path | None,
    renew: bool,
) -> None:
    sources = find_sources(run, store, error_file=error_file)
    keys = stage_keys(run, "compare")
    if store.check("compare", keys=keys, resume=resume, overwrite=overwrite) and made_from(
        store, "compare", sources, renew=renew
    ):
        log.info("compare: finished already, in %s", store.root / "compare")
        return
    comparison = _comparison(run, problem, sources)
    # An unfinished one has nothing to go on from: it starts afresh.
    with store.open("compare", keys=keys, overwrite=resume or overwrite) as stage:
        store.save_run_file(resolved(run), every_stage_keys(run))
        write(stage, comparison, problem, stop)
        stage.finish(sources=sources.hashes)
    log.info("compare: wrote %s", stage.folder)


def read_comparison(run: RunFile, problem: Problem, store: Store) -> Comparison:
    """The comparison of the results that are there, on rank 0 only. Raises UsageError where one is missing, damaged,
    or of another run file."""
    return _comparison(run, problem, find_sources(run, store, error_file=None))


def _comparison(run: RunFile, problem: Problem, sources: Sources) -> Comparison:
    history, predictions = load_histories(sources)
    assert history is not None  # or find_sources would have raised
    spectrum = Spectrum.load(sources.paths["pde"])
    return compare(
        spectrum, history, problem, predictions=predictions, projection=run.compare.projection, threads=threads_alone()
    )


def write(stage: Stage, comparison: Comparison, problem: Problem, stop: StopRequest) -> None:
    """All files of the stage."""
    from freqbias.compare.comparison import draw_causes, draw_comparison
    from freqbias.compare.kappa import BANDS, draw_kappa, kappa_of
    from freqbias.pde import write_fields

    with stage.writing("spectra.nc") as path:
        comparison.save(path)
    with stage.writing("metrics.csv") as path:
        comparison.save_metrics(path)
    if len(comparison.time) > 1:
        try:
            rates = kappa_of(comparison, problem, bands=BANDS if problem.dimension == 1 else 0)
        except InputError as nothing:  # is left where a user's errors begin
            log.warning("compare: no kappa.csv; `freqbias kappa` would say: %s", nothing)
        else:
            with stage.writing("kappa.csv") as path:
                rates.save_table(path)
            if rates.regions:
                with stage.writing("kappa.pdf") as path:
                    draw_kappa(rates, path.with_suffix(".png"), path)
    stop.check()
    with stage.writing("fields.pvd") as path:
        write_fields(
            path.parent,
            time=comparison.time,
            frequency=comparison.frequency,
            cells=comparison.cells,
            cell_type=comparison.cell_type,
            point_data=fields(comparison),
        )
    stop.check()
    if comparison.split:
        with stage.writing("split.pdf") as path:
            draw_causes(comparison, path.with_suffix(".png"), path)
    if comparison.frequency.shape[1] > 2:
        log.info("compare: figure4 is drawn in one and two dimensions; look at fields.pvd in ParaView")
        return
    with stage.writing("figure4.pdf") as path:
        draw_comparison(comparison, path.with_suffix(".png"), path)


def fields(comparison: Comparison) -> dict[str, np.ndarray]:
    """Magnitudes on the nodes, (T, n) each: the root of the sum over channels of squares."""
    magnitudes = {
        "pde_magnitude": comparison.pde,
        "nn_magnitude": comparison.nn,
        "difference_magnitude": comparison.nn - comparison.pde,
    }
    return {name: np.linalg.norm(values, axis=1) for name, values in magnitudes.items()}
