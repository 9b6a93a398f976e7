"""The stage `draws` of a result: predictions for several random draws of the network, in draws.nc.

While the stage runs, it stores a checkpoint for each draw.
"""

import torch

from freqbias.errors import UsageError
from freqbias.nn.draws import collect_draws, draw_arrays
from freqbias.numerics import Schedule
from freqbias.problem import (
    Band,
    Draws,
    Problem,
    RunFile,
    distance_in_words,
    every_stage_keys,
    feature_learning_warning,
    resolved,
    stage_keys,
)
from freqbias.runtime import Progress, StopRequest, Store, log


def predict_draws_on_root(
    run: RunFile,
    problem: Problem,
    store: Store,
    count: int,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    distance: float | None,
) -> None:
    """Run the stage (`freqbias.nn.run.run_draws`)."""
    keys = stage_keys(run, "draws")
    if store.check("draws", keys=keys, resume=resume, overwrite=overwrite):
        store.repair("draws")
        draws = Draws.load(store.verify("draws") / "draws.nc")
        if (found := len(draws.seed)) != count:
            raise UsageError(
                f"--draws {count}: {store.root / 'draws'} holds {found} draws; keep them with --draws {found}, or "
                "compute them again with --overwrite"
            )
        log.info("draws: finished already, in %s", store.root / "draws")
        if distance is not None:
            _report_distance(draws, problem, distance)
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
                    arrays = draw_arrays(problem, draw, schedule, callback=stop.check)
                    stage.save_checkpoint(_name(draw), arrays)
                progress.advance()
        parts = [stage.load_checkpoint(_name(draw))[0] for draw in range(count)]
        draws = collect_draws(problem, parts, schedule, callback=stop.check)
        with stage.writing("draws.nc") as path:
            draws.save(path)
        _report(draws, problem, distance)
        stage.finish(versions={"torch": torch.__version__})
    log.info("draws: wrote %s", stage.folder)


def _report(draws: Draws, problem: Problem, distance: float | None) -> None:
    for name, values in (("loss", draws.loss), ("held-out loss", draws.held_out_loss)):
        if values is not None:
            band = Band.of(values[:, -1])
            message = "draws: %s at t = %.4g: %.3g to %.3g, for %.0f %% of further draws as linearised networks"
            log.info(message, name, draws.time[-1], band.low, band.high, 100 * band.level)
    _report_distance(draws, problem, distance)
    if warning := feature_learning_warning(draws.time, draws.feature_learning):
        log.warning("draws: %s", warning)


def _report_distance(draws: Draws, problem: Problem, distance: float | None) -> None:
    if draws.distance is None:
        log.warning("draws: %s", "an older version left out the distance from infinite width; use --overwrite")
    else:
        log.info("draws: %s", distance_in_words(draws.distance.max(axis=1), problem.network, distance))


def _name(draw: int) -> str:
    return f"draw-{draw:06d}"
