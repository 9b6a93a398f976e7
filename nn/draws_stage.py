"""The stage `draws` of a result: predictions for several random draws of the network, in draws.nc.

While the stage runs, it stores a checkpoint for each draw.
"""

import numpy as np
import torch

from freqbias.errors import InputError, UsageError
from freqbias.nn.draws import predict_draw
from freqbias.numerics import Schedule
from freqbias.problem import Band, Draws, Problem, RunFile, every_stage_keys, resolved, stage_keys
from freqbias.runtime import Progress, Stage, StopRequest, Store, available_memory, log, on_root, version_of

MEMORY_SHARE = 0.25  # largest share of the memory for the errors of all draws
SMALL = 0.3  # feature learning, relative to the spread of the draws, that the band may ignore


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
                    error, held_out, change = predict_draw(problem, draw, schedule, callback=stop.check)
                    arrays = {"error": error.astype(np.float32), "held_out": held_out.astype(np.float32)}
                    stage.save_checkpoint(_name(draw), arrays | {"change": change})
                progress.advance()
        draws = _collect(stage, problem, count)
        with stage.writing("draws.nc") as path:
            draws.save(path)
        _report(draws)
        stage.finish(versions={"torch": torch.__version__})
    log.info("draws: wrote %s", stage.folder)


def _collect(stage: Stage, problem: Problem, count: int) -> Draws:
    parts = [stage.load_checkpoint(_name(draw)) for draw in range(count)]
    error = np.array([arrays["error"] for arrays, _ in parts])
    held_out = np.array([arrays["held_out"] for arrays, _ in parts])
    spread = np.array([_spread(each) for each in np.moveaxis(error.astype(float), 1, 0)])
    change = parts[0][0]["change"]
    return Draws(
        problem.times,
        error,
        held_out if held_out.size else None,
        problem.seed + np.arange(count),
        np.divide(change, spread, out=np.zeros_like(change), where=spread > 0),
        {"unit": problem.unit, "freqbias": version_of("freqbias")},
    )


def _spread(error: np.ndarray) -> float:
    """Return the standard deviation over draws (n, C, N), the root mean square over samples, summed over channels."""
    return float(np.sqrt(error.var(axis=0, ddof=1).sum(axis=0).mean()))


def _report(draws: Draws) -> None:
    for name, values in (("loss", draws.loss), ("held-out loss", draws.held_out_loss)):
        if values is not None:
            band = Band.of(values[:, -1])
            message = "draws: %s at t = %.4g: %.3g to %.3g, for %.0f %% of further draws as linearised networks"
            log.info(message, name, draws.time[-1], band.low, band.high, 100 * band.level)
    large = draws.time[draws.feature_learning > SMALL]
    if len(large):
        log.warning(
            "draws: from t = %.4g on, feature learning is more than %g times the spread of the draws (%.2g times at "
            "the end), so "
            "trained networks may lie outside the band; use a larger [network] width, or an earlier [time] end",
            large[0], SMALL, draws.feature_learning[-1],
        )  # fmt: skip


def _name(draw: int) -> str:
    return f"draw-{draw:06d}"
