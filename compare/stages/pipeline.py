"""Everything for one run file: the stages in their order, and the summary at the end."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias import nn, pde
from freqbias.compare.comparison import is_cause, title
from freqbias.compare.style import aligned, percent
from freqbias.meshes import plan_mesh
from freqbias.pde import check_memory, start_petsc
from freqbias.problem import Problem, RunFile, stage_keys
from freqbias.runtime import StopRequest, Store, duration, log, on_root

if TYPE_CHECKING:
    from freqbias.nn import TrainingPlan

STAGES = ("pde", "nn", "ntk", "compare")
FILES = {
    "compare/figure4.png": "the comparison as a picture (.pdf beside it)",
    "compare/split.png": "where the distance comes from (.pdf beside it)",
    "compare/kappa.png": "how fast each frequency is learnt (.pdf beside it)",
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
    """The stages pde, nn, ntk and compare, or some of them, in this order; collective. Raises what they raise, and
    what can be refused at once before the first of them starts. What is finished is not even imported. petsc: words of
    a command line for PETSc."""
    keys = {name: stage_keys(run, name) for name in stages}
    if resume and on_root(store.overwrite_interrupted, keys):  # --overwrite was killed halfway
        resume, overwrite = False, True
    done = on_root(_refuse_early, run, problem, store, stages, resume=resume, overwrite=overwrite)
    left = set(stages) - set(done)
    training = on_root(_plan_training, run, problem, broadcast=False) if {"nn", "ntk"} & left else None
    if "pde" in stages and "pde" not in done:
        start_petsc(petsc)
    if overwrite:
        on_root(store.begin_overwrite, keys)  # so that --resume goes on with an --overwrite that is interrupted
        resume, overwrite = True, False
    log.info("%s: results go to %s", run.name, store.root)
    flags = {"resume": resume, "overwrite": overwrite, "stop": stop}
    own: dict[str, dict[str, Any]] = {"pde": {"petsc": petsc}, "compare": {"renew": resume}}
    own |= {name: {"plan": training} for name in ("nn", "ntk")}
    for name in stages:
        if name in done:
            on_root(store.repair, name)
            log.info("%s: finished already, in %s", name, store.root / name)
            continue
        stage_function(name)(run, problem, store, **flags, **own.get(name, {}))


def stage_function(name: str) -> Callable[..., None]:
    """The function that runs a stage. Its libraries take seconds to import: ask only for stages that are not finished."""
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
    """The stages that are finished. Raises for results in the way, and for a mesh that the stage pde would refuse."""
    layout = plan_mesh(problem, run.pde, run.mesh)
    finished = [
        name for name in stages if store.check(name, keys=stage_keys(run, name), resume=resume, overwrite=overwrite)
    ]
    done = [name for name in finished if name != "compare"]  # which is also to be of these
    if "pde" in stages and "pde" not in done:
        check_memory(problem, run.pde, run.mesh, layout)
    return done


def _plan_training(run: RunFile, problem: Problem) -> "TrainingPlan":
    """What the stages nn and ntk follow; drawing the network takes long where it is large, so once. Raises for settings
    that they would refuse."""
    from freqbias.compare.commands import never_learnt
    from freqbias.nn import plan_training

    training = plan_training(problem, run.training, tolerance=run.training_tolerance)
    if warning := never_learnt(problem, plan_mesh(problem, run.pde, run.mesh)):
        log.warning("%s", warning)
    return training


def print_summary(store: Store) -> None:
    """Print what a finished run took and found: a table on a terminal, plain lines elsewhere. On rank 0 only."""
    rows = [("", "finite elements", "network"), *_both(store)]
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
    print(aligned([*_errors(store), ("results", str(store.root))]))
    print(aligned([(f"  {name}", what) for name, what in FILES.items() if (store.root / name).is_file()]))


def _both(store: Store) -> list[tuple[str, ...]]:
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


def _errors(store: Store) -> list[tuple[str, str]]:
    metrics = _metrics(store)
    lines = []
    titles = {"relative_l2_error": "relative L2 error", "error_over_initial": "error over the start"}
    titles |= {name: f"  of it {title(name)}" for name in metrics.dtype.names or () if is_cause(name)}
    for name, words in titles.items():
        there = metrics[np.isfinite(metrics[name])]  # a network without any error has no relative one
        if there.size:
            shares, worst = there[name], int(there[name].argmax())
            at = f"at t = {there['time'][worst]:g}"
            lines.append((words, f"median {percent(np.median(shares))}, worst {percent(shares[worst])} {at}"))
    return lines


def _metrics(store: Store) -> np.ndarray:
    return np.atleast_1d(np.genfromtxt(store.root / "compare" / "metrics.csv", delimiter=",", names=True))


def _read(path: Path) -> tuple[Mapping[str, Any], Mapping[Any, int]]:
    """Attributes and dimensions of a netCDF file."""
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as data:
        return dict(data.attrs), dict(data.sizes)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else duration(seconds)
