"""Run all stages of one run file in order, and print a summary."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias import nn, pde
from freqbias.compare.comparison import cause_title, is_cause
from freqbias.compare.style import aligned, percent
from freqbias.meshes import plan_mesh
from freqbias.pde import check_memory, refuse_torchrun, start_petsc
from freqbias.problem import Problem, RunFile, network_size, read_netcdf, stage_keys
from freqbias.runtime import StopRequest, Store, duration, log, log_findings, on_root, seconds_since_start

if TYPE_CHECKING:
    from freqbias.nn import TrainingPlan

STAGES = ("pde", "nn", "ntk", "compare")
FILES = {
    "compare/figure4.png": "the comparison as a figure (also figure4.pdf)",
    "compare/split.png": "the causes of the distance (also split.pdf)",
    "compare/kappa.png": "the learning rate of each frequency (also kappa.pdf)",
    "compare/learned.png": "what network and equation have learnt (also learned.pdf, learned.nc)",
    "compare/learned-nn.wav": "the sound that the network has learnt (also learned-pde.wav)",
    "compare/metrics.csv": "errors and losses at each time",
    "compare/fields.pvd": "both spectra, for ParaView",
    "pde/fields.pvd": "the finite-element solution, for ParaView",
    "nn/network.safetensors": "the trained network, for `freqbias evaluate` and freqbias.nn.load",
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
) -> dict[str, float]:
    """Run the stages pde, nn, ntk and compare, or some of these stages, in this order. Collective.

    Return the seconds that each stage took, with the import of its libraries. A stage that was finished takes none.

    petsc: command-line options for PETSc. Raises the errors of the stages. Errors that can be found early are raised
    before the first stage starts. The libraries of a finished stage are not imported.
    """
    log_findings(problem.notes, problem.warnings)  # before a refusal, whose cause they may be
    keys = {name: stage_keys(run, name) for name in stages}
    if resume and on_root(store.overwrite_interrupted, keys):  # an earlier --overwrite was killed
        resume, overwrite = False, True
    finished = on_root(_refuse_early, run, problem, store, stages, resume=resume, overwrite=overwrite)
    unfinished = set(stages) - set(finished)
    plan = on_root(_plan_training, run, problem, broadcast=False) if {"nn", "ntk"} & unfinished else None
    if "pde" in unfinished:
        refuse_torchrun()
        start_petsc(petsc)
    if overwrite:
        on_root(store.begin_overwrite, keys)  # so that --resume can continue an interrupted --overwrite
        resume, overwrite = True, False
    log.info("%s: results go to %s", run.name, store.root)
    options: dict[str, dict[str, Any]] = {
        "pde": {"petsc": petsc}, "nn": {"plan": plan}, "ntk": {"plan": plan}, "compare": {"renew": resume},
    }  # fmt: skip
    seconds = dict[str, float]()
    for name in stages:
        if name in finished:
            on_root(store.repair, name)
            log.info("%s: finished already, in %s", name, store.root / name)
            continue
        began = time.monotonic()
        run_stage = stage_function(name)
        run_stage(run, problem, store, resume=resume, overwrite=overwrite, stop=stop, **options[name])
        seconds[name] = time.monotonic() - began
    return seconds


def stage_function(name: str) -> Callable[..., object]:
    """Return the function that runs a stage. The import of the stage's libraries takes seconds."""
    match name:
        case "pde":
            return pde.run_pde
        case "nn":
            return nn.run_nn
        case "ntk":
            return nn.run_ntk
        case "design":
            from freqbias.compare.stages.design_stage import run_design

            return run_design
    from freqbias.compare.stages.compare_stage import run_compare

    return run_compare


def _refuse_early(
    run: RunFile, problem: Problem, store: Store, stages: Sequence[str], *, resume: bool, overwrite: bool
) -> list[str]:
    """Return the stages that are finished, except `compare`, whose sources may still change.

    Raises an error if a result exists but may not be replaced, and if the stage pde would refuse the mesh.
    """
    plan = plan_mesh(problem, run.pde, run.mesh)
    finished = [
        name for name in stages if store.check(name, keys=stage_keys(run, name), resume=resume, overwrite=overwrite)
    ]
    if "pde" in stages and "pde" not in finished:
        check_memory(problem, run.pde, run.mesh, plan)
    return [name for name in finished if name != "compare"]


def _plan_training(run: RunFile, problem: Problem) -> "TrainingPlan":
    """Return the plan of the training, which the stages nn and ntk share, because drawing a large network takes long.

    Raises an error for settings that these stages would refuse.
    """
    from freqbias.compare.spectra import target_outside_mesh
    from freqbias.nn import plan_training

    plan = plan_training(problem, run.training, tolerance=run.training_tolerance)
    if warning := target_outside_mesh(problem, plan_mesh(problem, run.pde, run.mesh)):
        log.warning("%s", warning)
    return plan


def print_summary(store: Store, seconds: Mapping[str, float]) -> None:
    """Print times, sizes and errors of a finished run. On rank 0 only.

    seconds: what `run_all` returned.

    On a terminal, the summary is a table. Otherwise, the summary is plain lines.
    """
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
    print(aligned([*_error_rows(store), ("time", _times(store, seconds)), ("results", str(store.root))]))
    print(aligned([(f"  {name}", what) for name, what in FILES.items() if (store.root / name).is_file()]))


def _size(history: Mapping[str, Any]) -> str:
    """Return the size of the network in words, from the attributes of its training."""
    return network_size(int(history["width"]), int(history["depth"]), siren="omega_0" in history)


def _run_rows(store: Store) -> list[tuple[str, ...]]:
    solution = read_netcdf(store.root / "pde" / "spectrum.nc", {"frequency"})
    spectrum, history = solution.attrs, read_netcdf(store.root / "nn" / "error.nc", ()).attrs
    metrics = _metrics(store)
    return [
        ("size", f"{len(solution['frequency'].values):,} dofs", _size(history)),
        (
            "method",
            f"{spectrum['operator']} operator, {spectrum['integrator']}",
            f"{history['integrator']}, {history['device']}",
        ),
        ("steps", f"{spectrum['steps']:,}{_solves(spectrum)}", f"{history['steps']:,}"),
        ("error estimate", f"{spectrum['error_estimate']:.1e} relative to v(0)", ""),
        ("loss", *(f"{loss[0]:.3g} -> {loss[-1]:.3g}" for loss in (metrics["loss_pde"], metrics["loss_nn"]))),
    ]


def _times(store: Store, seconds: Mapping[str, float]) -> str:
    """Return the seconds of the stages of this process and of the rest, which add up to the time since its start.

    The seconds of stages that were finished earlier are behind them.
    """
    total = seconds_since_start()
    parts = {"start and checks": total - sum(seconds.values()), **seconds}
    earlier = {name: store.manifest(name)["seconds"] for name in STAGES if name not in seconds}
    text = f"{_seconds(total)} = " + " + ".join(_named(parts))
    return f"{text}; earlier: {', '.join(_named(earlier))}" if earlier else text


def _named(seconds: Mapping[str, float]) -> list[str]:
    return [f"{_seconds(value)} {name}" for name, value in seconds.items()]


def _solves(spectrum: Mapping[str, Any]) -> str:
    if not spectrum["solves"]:
        return ""
    return f" ({spectrum['solves']:,} solves, {spectrum['factorisations']:,} factorisations)"


def _error_rows(store: Store) -> list[tuple[str, str]]:
    metrics = _metrics(store)
    rows = []
    titles = {"relative_l2_error": "relative L2 error", "error_over_initial": "error relative to v(0)"}
    titles |= {name: f"  due to {cause_title(name)}" for name in metrics.dtype.names or () if is_cause(name)}
    for name, title in titles.items():
        defined = metrics[np.isfinite(metrics[name])]  # relative_l2_error is NaN when the network has no error left
        if defined.size:
            errors, worst = defined[name], int(defined[name].argmax())
            at = f"at t = {defined['time'][worst]:g}"
            rows.append((title, f"median {percent(np.median(errors))}, worst {percent(errors[worst])} {at}"))
    return rows


def _metrics(store: Store) -> np.ndarray:
    return np.atleast_1d(np.genfromtxt(store.root / "compare" / "metrics.csv", delimiter=",", names=True))


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else duration(seconds)
