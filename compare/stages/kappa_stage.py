"""The stage `kappa`, which measures frequency learning rates and writes kappa.nc, kappa.csv, bands.csv and kappa.png.

The stage needs the result of the stage `pde`, and uses those of `nn` and `ntk` if they exist, or a user's own errors.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from freqbias.compare.comparison import check_start, common_times, network_attributes
from freqbias.compare.kappa import BANDS, Kappa, draw_kappa, measure
from freqbias.compare.spectra import errors_on_mesh, leakage, solution_on_mesh
from freqbias.compare.stages.sources import Sources, find_sources, load_histories
from freqbias.compare.stages.stage_output import is_finished, new_stage
from freqbias.errors import InputError
from freqbias.problem import Problem, RunFile, Spectrum, errors_in_order, match_times, stage_keys
from freqbias.runtime import Stage, Store, announced, log, on_root, threads_alone, version_of

MAX_REGIONS = 1000


@dataclass(frozen=True)
class Options:
    """The options of `freqbias kappa`, described in `freqbias.compare.kappa.measurement.measure`."""

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
    """Run the stage and write the folder `kappa/`. Collective. Rank 0 works, but all ranks share an L2 projection.

    error_file: a user's own errors in the format of error.nc. The stage then ignores the results of `nn` and `ntk`.

    Raises UsageError if the result of an earlier stage is damaged or from another run file, if the result of `pde` is
    missing, and if `kappa/` exists but may not be replaced. Raises InputError for options that the problem or the
    output times do not allow, and if the errors do not belong to the data.
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
            raise InputError(f"--{option} {time} is not a time; give a time, or leave out --{option}")
    if options.floor is not None and not 0 < options.floor < 1:
        raise InputError(
            f"--floor {options.floor:g} is not between 0 and 1; give a fraction of the largest |v(0)|, such as 0.01"
        )
    if not 1 <= options.bands <= MAX_REGIONS:
        raise InputError(f"--bands {options.bands} is not allowed; give a number from 1 to {MAX_REGIONS}")
    if options.directions is not None:
        allowed = {1: range(0), 2: range(2, MAX_REGIONS + 1), 3: range(3, 4)}[dimension]
        if options.directions not in allowed:
            raise InputError(
                f"--directions {options.directions} is not allowed in {dimension}-D; "
                + (f"give a number from {min(allowed)} to {max(allowed)}" if allowed else "leave out --directions")
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
    sources = find_sources(run, store, error_files=[] if error_file is None else [error_file], trained=False)
    keys = stage_keys(run, "compare").with_options("kappa", asdict(options), defaults=asdict(Options()))
    if is_finished(store, "kappa", keys, resume=resume, overwrite=overwrite, sources=sources):
        return
    with announced("kappa: measuring the learning rates"):
        rates = measure_all(run, problem, sources, options)
    with (
        new_stage(store, "kappa", keys, overwrite=resume or overwrite, run=run, sources=sources) as stage,
        announced("kappa: drawing the figures"),
    ):
        write(stage, rates)


def measure_all(run: RunFile, problem: Problem, sources: Sources, options: Options) -> Kappa:
    """Measure the rates of all sources at their common times. The noise is the tolerance of the spectrum."""
    spectrum = Spectrum.load(sources.paths["pde"])
    network, predictions = load_histories(sources, problem.samples)
    histories = ({} if network is None else {"nn": network}) | predictions
    time = spectrum.time
    for name, history in histories.items():
        whose = "the network's errors" if name == "nn" else f"the prediction {name}"
        time = time[common_times(time, history.time, whose=whose)[0]]
    projection, threads = run.compare.projection, threads_alone()
    solution = solution_on_mesh(spectrum, problem.sites, projection=projection, threads=threads)
    spectra = {"pde": solution[match_times(spectrum.time, time)[0]]}
    for name, history in histories.items():
        error = errors_in_order(history, problem.samples)
        if name == "nn":
            check_start(error, history, problem, spectrum)
        error = error[match_times(time, history.time)[1]]
        spectra[name] = errors_on_mesh(error, problem.sites, spectrum, projection=projection, threads=threads)
    attributes = {
        "name": problem.name, "unit": problem.unit, "freqbias": version_of("freqbias"),
        **({} if network is None else network_attributes(network)),
        **({"diffusion": 0} if problem.rates.frequencies == 0 else {}),
    }  # fmt: skip
    return measure(
        spectrum, time, spectra, problem, start=options.start, end=options.end, initial=solution[0],
        floor=options.floor, noise=spectrum.attributes.get("tolerance", 0.0), leakage=leakage(spectrum),
        bands=options.bands, directions=options.directions, shift=spectrum.attributes.get("shift", 0.0),
        attributes=attributes,
    )  # fmt: skip


def write(stage: Stage, rates: Kappa) -> None:
    """Write all files of the stage, and warn of rates that are missing."""
    if rates.warning:
        log.warning("kappa: %s", rates.warning)
    for name, save in (
        ("kappa.nc", rates.save),
        ("kappa.csv", rates.save_table),
        ("bands.csv", rates.save_regions),
    ):
        with stage.writing(name) as path:
            save(path)
    with stage.writing("kappa.pdf") as path:
        draw_kappa(rates, path.with_suffix(".png"), path)
