"""The stage `draws` of a result: predictions for several random draws of the network, in draws.nc.

While the stage runs, it stores a checkpoint for each draw.
"""

import numpy as np
import torch

from freqbias.errors import InputError, UsageError
from freqbias.nn.draws import DrawPrediction
from freqbias.numerics import Schedule
from freqbias.problem import (
    Band,
    Draws,
    Problem,
    RunFile,
    every_stage_keys,
    feature_learning_warning,
    resolved,
    stage_keys,
)
from freqbias.runtime import Progress, Stage, StopRequest, Store, available_memory, log, on_root, version_of

MEMORY_SHARE = 0.25  # largest share of the memory for the errors of all draws


def run_draws(
    run: RunFile, problem: Problem, store: Store, *, count: int, resume: bool, overwrite: bool, stop: StopRequest
) -> None:
    """Predict `count` draws, and write the folder `draws/`. Collective. Rank 0 works while the other ranks sleep.

    The draws follow the gradient flow, or the steps of gradient descent if [pde] dynamics says so.
    Raises InputError for too many or too few draws, UsageError (a result exists already), and StoppedEarly after
    storing the draws so far.
    """
    flags = {"resume": resume, "overwrite": overwrite, "stop": stop}
    on_root(_run_draws, run, problem, store, count, broadcast=False, **flags)


def check_draws(problem: Problem, count: int) -> None:
    """Raise InputError if there are too few draws for a band, or if the memory is too small for their errors."""
    if count < 2:
        raise InputError(f"--draws {count}: a band needs at least 2 draws; 39 give a band of 95 %")
    if problem.initial_error is not None:
        raise InputError("--draws: [pde] initial gives the initial error of one network; leave --draws out")
    samples = problem.sites.size + (0 if problem.held_out is None else problem.held_out.sites.size)
    size = 4 * count * len(problem.times) * problem.samples.channels * samples
    if size > MEMORY_SHARE * available_memory():
        raise InputError(
            f"--draws {count}: the errors of all draws need {size / 2**30:.1f} GiB; use fewer draws or output times"
        )


def _run_draws(
    run: RunFile, problem: Problem, store: Store, count: int, *, resume: bool, overwrite: bool, stop: StopRequest
) -> None:
    keys = stage_keys(run, "draws")
    if store.check("draws", keys=keys, resume=resume, overwrite=overwrite):
        store.repair("draws")
        found = len(Draws.load(store.verify("draws") / "draws.nc").seed)
        if found != count:
            raise UsageError(
                f"--draws {count}: {store.root / 'draws'} holds {found} draws; keep them with --draws {found}, or "
                "compute them again with --overwrite"
            )
        log.info("draws: finished already, in %s", store.root / "draws")
        return
    schedule = None
    if run.pde.dynamics == "gradient-descent":
        assert run.training.step != "auto"  # checked with the settings
        schedule = Schedule(problem.times, run.training.step)
    with store.open("draws", keys=keys, resume=resume, overwrite=overwrite) as stage:
        if stage.finished:
            return
        store.save_run_file(resolved(run), every_stage_keys(run))
        with Progress("draws", total=count, unit="draws") as progress:
            for draw in range(count):
                if _name(draw) not in stage.checkpoints():
                    stage.save_checkpoint(_name(draw), _predict(problem, draw, schedule, stop))
                progress.advance()
        draws = _collect(stage, problem, count)
        with stage.writing("draws.nc") as path:
            draws.save(path)
        _report(draws)
        stage.finish(versions={"torch": torch.__version__})
    log.info("draws: wrote %s", stage.folder)


def _predict(problem: Problem, draw: int, schedule: Schedule | None, stop: StopRequest) -> dict[str, np.ndarray]:
    found = DrawPrediction(problem, draw, schedule, callback=stop.check)
    arrays = {"error": found.error.astype(np.float32), "held_out": found.held_out_error.astype(np.float32)}
    return arrays if draw else arrays | {"log_error_change": found.change_of_log_error()}


def _collect(stage: Stage, problem: Problem, count: int) -> Draws:
    parts = [stage.load_checkpoint(_name(draw)) for draw in range(count)]
    error = np.array([arrays["error"] for arrays, _ in parts])
    held_out = np.array([arrays["held_out"] for arrays, _ in parts])
    unknown = np.full(len(problem.times), np.nan)
    return Draws(
        problem.times,
        error,
        held_out if held_out.size else None,
        problem.seed + np.arange(count),
        parts[0][0].get("log_error_change", unknown),
        {"unit": problem.unit, "freqbias": version_of("freqbias")},
    )


def _report(draws: Draws) -> None:
    for name, values in (("loss", draws.loss), ("held-out loss", draws.held_out_loss)):
        if values is not None:
            band = Band.of(values[:, -1])
            message = "draws: %s at t = %.4g: %.3g to %.3g, for %.0f %% of further draws as linearised networks"
            log.info(message, name, draws.time[-1], band.low, band.high, 100 * band.level)
    if warning := feature_learning_warning(draws.time, draws.feature_learning):
        log.warning("draws: %s", warning)


def _name(draw: int) -> str:
    return f"draw-{draw:06d}"
