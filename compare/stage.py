"""The stage `compare` of a result: from those of `pde`, `nn` and, where it is there, `ntk` to spectra.nc, fields.pvd,
metrics.csv, kappa.csv, figure4, split and kappa."""

from pathlib import Path

import numpy as np

from compare.metrics import Comparison, compare
from problem import ErrorHistory, InputError, Problem, RunFile, Spectrum, every_stage_keys, resolved, stage_keys
from runtime import (
    Stage,
    StopRequest,
    Store,
    UsageError,
    changed_keys,
    log,
    on_root,
    sha256_of,
    threads_alone,
)

SAME_STEP = 0.01  # relative


def run_stage(
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
    """Compare, and write the folder `compare/`; collective: rank 0 works, the others sleep.

    error_file: a user's own errors in the format of error.nc, in place of those of `nn`; `ntk`, which predicts those
    of `nn`, is then left out.
    renew: with resume, a finished comparison of other sources is made anew, not refused.
    Raises UsageError where the result of an earlier stage is missing, damaged, or of another run file, or one of this
    stage is in the way; InputError where the errors do not belong to the data; StoppedEarly.
    """
    import pde.fields  # noqa: F401  (starts PETSc, which every rank must do at the same time)

    stop.install()  # after PETSc, which has a handler of its own for SIGTERM
    on_root(
        _run_stage,
        run,
        problem,
        store,
        resume=resume,
        overwrite=overwrite,
        stop=stop,
        error_file=error_file,
        renew=renew,
        share=False,
    )


def _run_stage(
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
    sources = _sources(run, store, error_file)
    keys = stage_keys(run, "compare")
    hashes = {name: sha256_of(path) for name, path in sources.items()}
    if store.check("compare", keys=keys, resume=resume, overwrite=overwrite) and _of(store, hashes, renew=renew):
        log.info("compare: finished already, in %s", store.root / "compare")
        return
    comparison = _comparison(problem, sources)
    # An unfinished one has nothing to go on from: it starts afresh.
    with store.open("compare", keys=keys, overwrite=resume or overwrite) as stage:
        store.keep_run_file(resolved(run), every_stage_keys(run))
        write(stage, comparison, stop)
        stage.finish(sources=hashes)
    log.info("compare: wrote %s", stage.folder)


def read_comparison(run: RunFile, problem: Problem, store: Store) -> Comparison:
    """The comparison of the results that are there, on rank 0 only. Raises UsageError where one is missing, damaged,
    or of another run file."""
    return _comparison(problem, _sources(run, store, None))


def _sources(run: RunFile, store: Store, error_file: Path | None) -> dict[str, Path]:
    """The files to compare: `pde`, and the user's own `error`, or `nn` and what `ntk` has predicted."""
    sources = {"pde": store.verify("pde", keys=stage_keys(run, "pde")) / "spectrum.nc"}
    if error_file is None:
        sources["nn"] = store.verify("nn", keys=stage_keys(run, "nn")) / "error.nc"
        if (store.root / "ntk").is_dir():
            folder = store.verify("ntk", keys=stage_keys(run, "ntk"))
            sources |= {path.stem: path for path in sorted(folder.glob("*.nc"))}
    else:
        if not error_file.is_file():
            raise InputError(f"--error {error_file}: no such file; give a netCDF file in the format of error.nc")
        sources["error"] = error_file
    return sources


def _comparison(problem: Problem, sources: dict[str, Path]) -> Comparison:
    history = ErrorHistory.load(sources.get("error") or sources["nn"])
    predictions = {name: ErrorHistory.load(path) for name, path in sources.items() if path.parent.name == "ntk"}
    if not _as_planned(history):
        predictions = {name: each for name, each in predictions.items() if name != "empirical-steps"}
        log.warning("compare: the training did not begin with the steps that were predicted: they are left out")
    spectrum = Spectrum.load(sources["pde"])
    return compare(spectrum, history, problem, predictions=predictions, threads=threads_alone())


def _as_planned(history: ErrorHistory) -> bool:
    """Whether the training began with the step that it was planned with; a user's own has none."""
    first, planned = (history.attributes.get(name) for name in ("first_step", "step"))
    return first is None or abs(first / planned - 1) < SAME_STEP


def _of(store: Store, hashes: dict[str, str], *, renew: bool) -> bool:
    """Whether the finished comparison is of these sources, which count by their content; UsageError unless renew."""
    changes = changed_keys({"sources": store.manifest("compare")["sources"]}, {"sources": hashes})
    if changes and not renew:
        raise UsageError(
            f"{store.root / 'compare'} compares other results ({'; '.join(changes)}): "
            "choose another --out, or compare again with --overwrite"
        )
    if changes:
        log.info("compare: made anew, since what it compares has changed (%s)", "; ".join(changes))
    return not changes


def write(stage: Stage, comparison: Comparison, stop: StopRequest) -> None:
    """All files of the stage."""
    from compare.figures import figure4
    from compare.kappa import save_rates
    from compare.kappa_figure import draw_kappa
    from compare.split_figure import draw_split
    from pde.fields import write_fields

    with stage.writing("spectra.nc") as path:
        comparison.save(path)
    with stage.writing("metrics.csv") as path:
        comparison.save_metrics(path)
    over_time = len(comparison.time) > 1
    if over_time:
        with stage.writing("kappa.csv") as path:
            save_rates(comparison, path)
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
            draw_split(comparison, path.with_suffix(".png"), path)
    if comparison.frequency.shape[1] > 2:
        log.info("compare: figure4 is drawn in one and two dimensions; look at fields.pvd in ParaView")
        return
    with stage.writing("figure4.pdf") as path:
        figure4(comparison, path.with_suffix(".png"), path)
    if over_time and comparison.frequency.shape[1] == 1:
        with stage.writing("kappa.pdf") as path:
            draw_kappa(comparison, path.with_suffix(".png"), path)


def fields(comparison: Comparison) -> dict[str, np.ndarray]:
    """Magnitudes on the nodes, (T, n) each: the root of the sum over channels of squares."""
    magnitudes = {
        "pde_magnitude": comparison.pde,
        "nn_magnitude": comparison.nn,
        "difference_magnitude": comparison.nn - comparison.pde,
    }
    return {name: np.linalg.norm(values, axis=1) for name, values in magnitudes.items()}
