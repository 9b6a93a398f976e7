"""The stage `ntk` of a result: the training as the kernel at infinite width, and the drawn network's own at its start,
would have it.

Files, each in the format of `nn/error.nc`: `infinite-width.nc` and `empirical.nc`, the flows; `infinite-width-steps.nc`
and `empirical-steps.nc`, the steps that the training makes, where each is a function of the kernel and no mode grows.
What Lanczos does not reach is left out, with a warning.
Parts: one for each kernel, kept as soon as it is done; until then `krylov-KERNEL`, the products it has made, at most
every minute and when the stage is stopped.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from freqbias.errors import ComputationError
from freqbias.nn.linearised import LinearisedTraining
from freqbias.nn.ntk import EmpiricalKernel, InfiniteWidthKernel, Kernel
from freqbias.nn.training_plan import DRAWN, TrainingPlan, plan_training
from freqbias.numerics import Basis, Lanczos
from freqbias.problem import ErrorHistory, Problem, RunFile, every_stage_keys, resolved, squared_loss, stage_keys
from freqbias.runtime import Stage, StopRequest, Store, log, on_root, version_of

KERNELS = ("infinite-width", "empirical")
WITHIN = 0.1  # of the training's tolerance, where a prediction cannot be more accurate: below what it is compared with

EVERY = 60.0  # seconds between two keepings of the products


def run_ntk(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    plan: TrainingPlan | None = None,
) -> None:
    """Predict the training, and write the folder `ntk/`; collective: rank 0 works, the others sleep. plan: what
    `prepare` made of the problem, where that has been done.

    Raises InputError, ComputationError, UsageError (a result in the way), and StoppedEarly once the products that are
    made are stored.
    """
    flags = {"resume": resume, "overwrite": overwrite, "stop": stop, "plan": plan}
    on_root(_run_ntk, run, problem, store, broadcast=False, **flags)


def _run_ntk(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    plan: TrainingPlan | None,
) -> None:
    keys = stage_keys(run, "ntk")
    if store.check("ntk", keys=keys, resume=resume, overwrite=overwrite):
        store.repair("ntk")
        log.info("ntk: finished already, in %s", store.root / "ntk")
        return
    if plan is None:  # refuses before anything is written
        plan = plan_training(problem, run.training, tolerance=run.training_tolerance)
    with store.open("ntk", keys=keys, resume=resume, overwrite=overwrite) as stage:
        if stage.finished:  # by another process, meanwhile
            return
        store.save_run_file(resolved(run), every_stage_keys(run))
        empirical = EmpiricalKernel(problem, device=plan.device, backend=plan.backend)
        for name in KERNELS:
            if name not in stage.checkpoints():
                kernel = empirical if name == "empirical" else InfiniteWidthKernel(problem)
                errors, meta = _predict(stage, plan, name, kernel, empirical.start, run.training_tolerance, stop)
                stage.save_checkpoint(name, errors, **meta)
            _write(stage, plan, name)
        stage.finish(versions={"torch": torch.__version__})
    log.info("ntk: wrote %s", stage.folder)


def _predict(
    stage: Stage, plan: TrainingPlan, name: str, kernel: Kernel, start: np.ndarray, tolerance: float, stop: StopRequest
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    part, kept = f"krylov-{name}", time.monotonic()

    def callback(lanczos: Lanczos) -> None:
        nonlocal kept
        stopping = stop.requested()
        if lanczos.steps and (stopping or time.monotonic() - kept > EVERY):
            stage.save_checkpoint(part, asdict(lanczos.saved_basis()))
            kept = time.monotonic()
        if stopping:
            stop.check()

    saved_basis = Basis(**stage.load_checkpoint(part)[0]) if part in stage.checkpoints() else None
    training, taylor = (
        LinearisedTraining(kernel, start, saved_basis=saved_basis, callback=callback),
        plan.integrator.taylor,
    )
    kinds = {"flow": partial(training.flow, plan.problem.times)}
    if taylor is not None:
        kinds["steps"] = partial(training.steps, plan.schedule, taylor)
    errors: dict[str, np.ndarray] = {}
    for kind, predict in kinds.items():
        try:
            errors[kind] = _as_accurate_as_can_be(predict, tolerance)
        except ComputationError as failure:
            log.warning("ntk: %s: no %s: %s", name, _file(name, kind), failure)
    log.info("ntk: %s: %d products, error at most %.1e of the start", name, training.products, training.error)
    return errors, {"products": training.products, "error_bound": training.error}


def _as_accurate_as_can_be(predict: Callable[..., np.ndarray], tolerance: float) -> np.ndarray:
    """To TOLERANCE, or where Lanczos does not reach that, well within the tolerance of the training."""
    try:
        return predict()
    except ComputationError:
        return predict(tolerance=WITHIN * tolerance)


def _file(name: str, kind: str) -> str:
    return f"{name}-steps.nc" if kind == "steps" else f"{name}.nc"


def _write(stage: Stage, plan: TrainingPlan, name: str) -> None:
    errors, meta = stage.load_checkpoint(name)
    problem, network = plan.problem, plan.problem.network
    about = {"kernel": name, "seed": problem.seed, **meta, "freqbias": version_of("freqbias")}
    if name == "empirical":
        about |= network.model_dump(include=DRAWN, exclude_none=True)
    steps = {"integrator": plan.settings.integrator, "step": plan.step, "steps": plan.schedule.steps}
    for kind, error in errors.items():
        loss = squared_loss(error)
        attributes = about | (steps if kind == "steps" else {})
        with stage.writing(_file(name, kind)) as path:
            ErrorHistory(problem.times, problem.sites.positions(), error, loss, attributes).save(path)
