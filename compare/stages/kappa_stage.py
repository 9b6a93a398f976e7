"""The stage `kappa` of a result: frequency learning rates of what is finished of `pde`, `nn` and `ntk`, or of a user's
own errors: kappa.nc, kappa.csv, bands.csv and kappa.png."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from freqbias.compare.comparison import common_times, errors_in_order, provenance_of
from freqbias.compare.kappa import BANDS, Kappa, draw_kappa, leakage, measure
from freqbias.compare.spectra import onto_mesh, solution_on_mesh
from freqbias.compare.stages.sources import Sources, find_sources, load_histories, made_from
from freqbias.errors import InputError
from freqbias.problem import Problem, RunFile, Spectrum, every_stage_keys, resolved, stage_keys
from freqbias.runtime import Stage, Store, log, on_root, threads_alone, version_of

MOST_REGIONS = 1000


@dataclass(frozen=True)
class Options:
    """What `freqbias kappa` is asked for; see `freqbias.compare.kappa.measurement.measure`."""

    start: float | None = None
    end: float | None = None
    floor: float | None = None
    bands: int = BANDS
    directions: int | None = None


def run_kappa(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    options: Options | None = None,
    error_file: Path | None = None,
) -> None:
    """Measure, and write the folder `kappa/`; collective: rank 0 works, and the others sleep, but
    for their share of an L2 projection.

    error_file: a user's own errors in the format of error.nc, in place of those of `nn`.
    Raises UsageError where the result of `pde` is missing, damaged, or of another run file, or one of this stage is in
    the way; InputError for options that the problem or its times do not allow, and errors that do not belong to it.
    """
    options = options or Options()
    _check(options, problem.dimension)
    on_root(
        _run_kappa,
        run,
        problem,
        store,
        options,
        resume=resume,
        overwrite=overwrite,
        error_file=error_file,
        broadcast=False,
    )


def _check(options: Options, dimension: int) -> None:
    for option, time in (("from", options.start), ("to", options.end)):
        if time is not None and np.isnan(time):
            raise InputError(f"--{option} {time}: give a time, or leave it out")
    if options.floor is not None and not 0 < options.floor < 1:
        raise InputError(f"--floor {options.floor:g}: give a share of the largest |v(0)| between 0 and 1, such as 0.01")
    if not 1 <= options.bands <= MOST_REGIONS:
        raise InputError(f"--bands {options.bands}: give a number from 1 to {MOST_REGIONS}")
    if options.directions is not None:
        allowed = {1: range(0), 2: range(2, MOST_REGIONS + 1), 3: range(3, 4)}[dimension]
        if options.directions not in allowed:
            raise InputError(
                f"--directions {options.directions}: in {dimension} dimension(s) "
                + (f"give a number from {min(allowed)} to {max(allowed)}" if allowed else "leave it out")
            )


def _run_kappa(
    run: RunFile,
    problem: Problem,
    store: Store,
    options: Options,
    *,
    resume: bool,
    overwrite: bool,
    error_file: Path | None,
) -> None:
    sources = find_sources(run, store, error_file=error_file, trained=False)
    keys = stage_keys(run, "compare") | {"kappa": asdict(options)}
    if store.check("kappa", keys=keys, resume=resume, overwrite=overwrite) and made_from(
        store, "kappa", sources, renew=False
    ):
        log.info("kappa: finished already, in %s", store.root / "kappa")
        return
    rates = measure_all(run, problem, sources, options)
    with store.open("kappa", keys=keys, overwrite=resume or overwrite) as stage:
        store.save_run_file(resolved(run), every_stage_keys(run))
        write(stage, rates)
        stage.finish(sources=sources.hashes)
    log.info("kappa: wrote %s", stage.folder)


def measure_all(run: RunFile, problem: Problem, sources: Sources, options: Options) -> Kappa:
    """The rates of all sources at the times that they have in common; the noise is the tolerance of the spectrum."""
    spectrum = Spectrum.load(sources.paths["pde"])
    network, predictions = load_histories(sources)
    histories = ({} if network is None else {"nn": network}) | predictions
    time = spectrum.time
    for history in histories.values():
        time = time[common_times(time, history.time)[0]]
    projection, threads = run.compare.projection, threads_alone()
    solution = solution_on_mesh(spectrum, problem.sites, projection=projection, threads=threads)
    spectra = {"pde": solution[common_times(spectrum.time, time)[0]]}
    for name, history in histories.items():
        error = errors_in_order(history, problem)[common_times(time, history.time)[1]]
        spectra[name] = onto_mesh(error, problem.sites, spectrum, projection=projection, threads=threads)
    attributes = {
        "name": problem.name, "unit": problem.unit, "freqbias": version_of("freqbias"),
        **({} if network is None else provenance_of(network)),
    }  # fmt: skip
    return measure(
        spectrum, time, spectra, problem, start=options.start, end=options.end, initial=solution[0],
        floor=options.floor, noise=spectrum.attributes.get("tolerance", 0.0), leakage=leakage(spectrum),
        bands=options.bands, directions=options.directions, attributes=attributes,
    )  # fmt: skip


def write(stage: Stage, rates: Kappa) -> None:
    """All files of the stage."""
    for name, save in (
        ("kappa.nc", rates.save),
        ("kappa.csv", rates.save_table),
        ("bands.csv", rates.save_regions),
    ):
        with stage.writing(name) as path:
            save(path)
    with stage.writing("kappa.pdf") as path:
        draw_kappa(rates, path.with_suffix(".png"), path)
