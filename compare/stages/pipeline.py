"""All stages of one run file in their order, and the summary at the end."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias import nn, pde
from freqbias.compare.comparison import cause_title, is_cause
from freqbias.compare.style import aligned, percent
from freqbias.meshes import plan_mesh
from freqbias.pde import check_memory, refuse_torchrun, start_petsc
from freqbias.problem import Problem, RunFile, stage_keys
from freqbias.runtime import StopRequest, Store, duration, log, on_root

if TYPE_CHECKING:
    from freqbias.nn import TrainingPlan

STAGES = ("pde", "nn", "ntk", "compare")
FILES = {
    "compare/figure4.png": "the comparison as a figure (.pdf beside it)",
    "compare/split.png": "the causes of the distance (.pdf beside it)",
    "compare/kappa.png": "the learning rate of each frequency (.pdf beside it)",
    "compare/metrics.csv": "errors and losses at each time",
    "compare/fields.pvd": "both spectra, for ParaView",
    "pde/fields.pvd": "the finite-element solution, for ParaView",
    "run.toml": "the run file with every default filled in",
}


def run_all(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    petsc: Sequence[str] = (),
    stages: Sequence[str] = STAGES,
) -> None:
    """Run the stages pde, nn, ntk and compare, or some of them, in this order; collective.

    petsc: command-line options for PETSc. Raises what the stages raise; what can be refused early is refused before the
    first stage starts. The libraries of a finished stage are not imported.
    """
    keys = {name: stage_keys(run, name) for name in stages}
    if resume and on_root(store.overwrite_interrupted, keys):  # --overwrite was killed halfway
        resume, overwrite = False, True
    finished = on_root(_refuse_early, run, problem, store, stages, resume=resume, overwrite=overwrite)
    unfinished = set(stages) - set(finished)
    plan = on_root(_plan_training, run, problem, broadcast=False) if {"nn", "ntk"} & unfinished else None
    if "pde" in unfinished:
        refuse_torchrun()
        start_petsc(petsc)
    if overwrite:
        on_root(store.begin_overwrite, keys)  # --resume then continues an interrupted --overwrite
        resume, overwrite = True, False
    log.info("%s: results go to %s", run.name, store.root)
    options: dict[str, dict[str, Any]] = {
        "pde": {"petsc": petsc}, "nn": {"plan": plan}, "ntk": {"plan": plan}, "compare": {"renew": resume},
    }  # fmt: skip
    for name in stages:
        if name in finished:
            on_root(store.repair, name)
            log.info("%s: finished already, in %s", name, store.root / name)
            continue
        run_stage = stage_function(name)
        run_stage(run, problem, store, resume=resume, overwrite=overwrite, stop=stop, **options[name])


def stage_function(name: str) -> Callable[..., None]:
    """The function that runs a stage. This imports its libraries, which takes seconds."""
    match name:
        case "pde":
            return pde.run_pde
        case "nn":
            return nn.run_nn
        case "ntk":
            return nn.run_ntk
    from freqbias.compare.stages.compare_stage import run_compare

    return run_compare


def _refuse_early(
    run: RunFile, problem: Problem, store: Store, stages: Sequence[str], *, resume: bool, overwrite: bool
) -> list[str]:
    """The stages that are finished. Raises if a result is in the way, and for a mesh that the stage pde would refuse.

    `compare` never counts as finished here: whether its sources are the same is not known yet.
    """
    plan = plan_mesh(problem, run.pde, run.mesh)
    finished = [
        name for name in stages if store.check(name, keys=stage_keys(run, name), resume=resume, overwrite=overwrite)
    ]
    if "pde" in stages and "pde" not in finished:
        check_memory(problem, run.pde, run.mesh, plan)
    return [name for name in finished if name != "compare"]


def _plan_training(run: RunFile, problem: Problem) -> "TrainingPlan":
    """The plan of the stages nn and ntk. It draws the network, which takes long for a large one, so they share it.

    Raises for settings that these stages would refuse.
    """
    from freqbias.compare.spectra import target_outside_mesh
    from freqbias.nn import plan_training

    plan = plan_training(problem, run.training, tolerance=run.training_tolerance)
    if warning := target_outside_mesh(problem, plan_mesh(problem, run.pde, run.mesh)):
        log.warning("%s", warning)
    return plan


def print_summary(store: Store) -> None:
    """Print times, sizes and errors of a finished run: a table on a terminal, plain lines elsewhere. Rank 0 only."""
    rows = [("", "finite elements", "network"), *_run_rows(store)]
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        table = Table(*rows[0], box=SIMPLE_HEAD)
        for row in rows[1:]:
            table.add_row(*row)
        Console().print(table)
    else:
        print()
        print(aligned(rows))
    print()
    print(aligned([*_error_rows(store), ("results", str(store.root))]))
    print(aligned([(f"  {name}", what) for name, what in FILES.items() if (store.root / name).is_file()]))


def _run_rows(store: Store) -> list[tuple[str, ...]]:
    spectrum, spectrum_sizes = _read(store.root / "pde" / "spectrum.nc")
    history, _ = _read(store.root / "nn" / "error.nc")
    metrics = _metrics(store)
    seconds = [store.manifest(stage)["seconds"] for stage in ("pde", "nn")]
    return [
        ("time", *map(_seconds, seconds)),
        ("size", f"{spectrum_sizes['node']:,} dofs", f"{history['width']:,} neurons"),
        (
            "method",
            f"{spectrum['operator']} operator, {spectrum['integrator']}",
            f"{history['integrator']}, {history['device']}",
        ),
        ("steps", f"{spectrum['steps']:,}{_solves(spectrum)}", f"{history['steps']:,}"),
        ("their error", f"{spectrum['error_estimate']:.1e} of the start", ""),
        ("loss", *(f"{loss[0]:.3g} -> {loss[-1]:.3g}" for loss in (metrics["loss_pde"], metrics["loss_nn"]))),
    ]


def _solves(spectrum: Mapping[str, Any]) -> str:
    if not spectrum["solves"]:
        return ""
    return f" ({spectrum['solves']:,} solves, {spectrum['factorisations']:,} factorisations)"


def _error_rows(store: Store) -> list[tuple[str, str]]:
    metrics = _metrics(store)
    rows = []
    titles = {"relative_l2_error": "relative L2 error", "error_over_initial": "error over the start"}
    titles |= {name: f"  of it {cause_title(name)}" for name in metrics.dtype.names or () if is_cause(name)}
    for name, title in titles.items():
        defined = metrics[np.isfinite(metrics[name])]  # a network without any error has no relative one
        if defined.size:
            errors, worst = defined[name], int(defined[name].argmax())
            at = f"at t = {defined['time'][worst]:g}"
            rows.append((title, f"median {percent(np.median(errors))}, worst {percent(errors[worst])} {at}"))
    return rows


def _metrics(store: Store) -> np.ndarray:
    return np.atleast_1d(np.genfromtxt(store.root / "compare" / "metrics.csv", delimiter=",", names=True))


def _read(path: Path) -> tuple[Mapping[str, Any], Mapping[Any, int]]:
    """The attributes and the dimension sizes of a netCDF file."""
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as data:
        return dict(data.attrs), dict(data.sizes)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else duration(seconds)
