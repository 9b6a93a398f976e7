"""The stage `ntk` of a result: predictions of the training by two kernels.

The kernels are the kernel at infinite width, and the kernel of the drawn network at t = 0. The result files have the
format of `nn/error.nc`. `infinite-width.nc` and `empirical.nc` contain the gradient flows. `infinite-width-steps.nc`
and `empirical-steps.nc` contain the predictions for the steps of the training, or their mean over all minibatches. They
are written for all integrators but Adam, if no mode grows. If the stage nn is finished, these are the steps that the
training has taken. Otherwise they are the steps that the linearised training would take (`planned_steps`). If Lanczos
does not reach the tolerance of a file, the file is skipped with a warning. For noisy labels, all files also contain a
`problem.NoisePrediction` (`freqbias.nn.noise_response`).

While the stage runs, it stores checkpoints as parts. The part of a finished kernel has the name of the kernel. The part
`krylov-KERNEL` contains the Krylov basis of an unfinished kernel. It is written at most once a minute, and when the
stage is stopped.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch

from freqbias.errors import ComputationError, InputError, UsageError
from freqbias.nn.linearised import LinearisedPath, linearised_training
from freqbias.nn.noise_level import with_noise_level
from freqbias.nn.noise_response import Follow, NoiseResponse
from freqbias.nn.ntk import EmpiricalKernel, InfiniteWidthKernel, Kernel, gauss_newton_shift
from freqbias.nn.planned_steps import planned_schedule
from freqbias.nn.training_plan import NETWORK_ATTRIBUTES, TrainingPlan, plan_training
from freqbias.numerics import Basis, Lanczos, Schedule
from freqbias.problem import (
    ErrorHistory,
    NoisePrediction,
    Problem,
    RunFile,
    clean_loss_in_words,
    clean_loss_warning,
    every_stage_keys,
    held_out_in_words,
    held_out_warning,
    resolved,
    squared_loss,
    stage_keys,
)
from freqbias.runtime import Progress, Stage, StopRequest, Store, announced, log, version_of

KERNELS = ("infinite-width", "empirical")
# Relative to the tolerance of the training. Used if rounding errors of the kernel prevent `linearised.TOLERANCE`.
FALLBACK_TOLERANCE = 0.1

NOISE = "noise."  # names of the arrays of a NoisePrediction in a checkpoint begin with this
CHECKPOINT_SECONDS = 60.0  # least time between two checkpoints of the Krylov basis


def predict_on_root(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    plan: TrainingPlan | None,
) -> None:
    """Run the stage (`freqbias.nn.run`). On rank 0 only."""
    keys = stage_keys(run, "ntk")
    if store.check("ntk", keys=keys, resume=resume, overwrite=overwrite):
        store.repair("ntk")
        log.info("ntk: finished already, in %s", store.root / "ntk")
        return
    if plan is None:  # planned before the stage is opened, because bad input must not leave files
        plan = plan_training(problem, run.training, tolerance=run.training_tolerance)
    with store.open("ntk", keys=keys, resume=resume, overwrite=overwrite) as stage:
        if stage.finished:  # another job finished the stage while this job waited for the lock
            return
        store.save_run_file(resolved(run), every_stage_keys(run))
        with announced("ntk: planning the steps of the training"):
            empirical = EmpiricalKernel(problem, device=plan.device, backend=plan.backend)
            plan = replace(plan, schedule=steps_of_training(run, store, plan, empirical))
        with announced("ntk: estimating the noise level"):
            plan = replace(plan, problem=with_noise_level(problem, callback=lambda lanczos: stop.check()))
        for name in KERNELS:
            if name not in stage.checkpoints():
                kernel = empirical if name == "empirical" else InfiniteWidthKernel(problem)
                errors, meta = _predict(stage, plan, name, kernel, empirical.start, run.training_tolerance, stop)
                stage.save_checkpoint(name, errors, **meta)
            _write(stage, plan, name)
        stage.finish(versions={"torch": torch.__version__})
    log.info("ntk: wrote %s", stage.folder)


def steps_of_training(run: RunFile, store: Store, plan: TrainingPlan, kernel: EmpiricalKernel) -> Schedule:
    """Return the steps of the training, if the stage nn is finished, and otherwise those of the linearised training."""
    try:
        folder = store.verify("nn", keys=stage_keys(run, "nn"))
        taken = ErrorHistory.load(folder / "error.nc").step_time
    except (UsageError, InputError):
        taken = None
    if taken is not None:
        return Schedule.through(taken, plan.problem.times)
    if plan.local_error is not None:
        log.info("ntk: the training is not finished, so its steps are those that the linearised training would take")
    return planned_schedule(plan, kernel, kernel.start)


def _predict(
    stage: Stage, plan: TrainingPlan, name: str, kernel: Kernel, start: np.ndarray, tolerance: float, stop: StopRequest
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    part, saved_at, last = f"krylov-{name}", time.monotonic(), list[Lanczos]()

    def callback(lanczos: Lanczos) -> None:
        nonlocal saved_at
        last[:] = [lanczos]
        progress.advance(lanczos.steps - progress.done)
        stopping = stop.requested()
        if lanczos.steps and (stopping or time.monotonic() - saved_at > CHECKPOINT_SECONDS):
            stage.save_checkpoint(part, asdict(lanczos.saved_basis()))
            saved_at = time.monotonic()
        if stopping:
            stop.check()

    saved_basis = Basis(**stage.load_checkpoint(part)[0]) if part in stage.checkpoints() else None
    metric, decay, shift = plan.problem.loss.metric, plan.problem.decay.rate, gauss_newton_shift(plan.problem)
    training = linearised_training(plan.problem, kernel, start, saved_basis=saved_basis, callback=callback)
    kinds: dict[str, Follow] = {"flow": lambda each, **options: each.follow_flow(plan.problem.times, **options)}
    if (follow_steps := plan.integrator.follow) is not None:
        kinds["steps"] = lambda each, **options: follow_steps(each, plan.schedule, **options)
    found: dict[str, np.ndarray] = {}
    with Progress(f"ntk: {name}", unit="products", done=training.products) as progress:
        for kind, follow in kinds.items():
            try:
                path = _with_fallback_tolerance(partial(follow, training), tolerance)
            except ComputationError as failure:
                log.warning("ntk: %s: %s is skipped: %s", name, _file(name, kind), failure)
                continue
            found[kind] = path.error
            found |= {f"{kind}.{key}": values for key, values in _at_targets(path, kernel, plan.problem).items()}
        if plan.problem.noise is not None:
            response = NoiseResponse(
                kernel, plan.problem.noise, plan.problem.sites.size, metric=metric, decay=decay, shift=shift,
                seed=plan.problem.seed, callback=lambda probe: callback(last[0]) if last else stop.check(),
            )  # fmt: skip
            found |= _noise_of(found, response, kinds, kernel, plan.problem, name)
    message = "ntk: %s: %d products, the error is at most %.1e relative to the initial error"
    log.info(message, name, training.products, training.error)
    return found, {"products": training.products, "error_bound": training.error}


def _at_targets(path: LinearisedPath, kernel: Kernel, problem: Problem) -> dict[str, np.ndarray]:
    """Return the values at the targets by name, and the largest of their bounds at each time as `bound`."""
    points = {name: path.at(kernel.at(sites)) for name, sites in problem.targets.items()}
    bound = {"bound": np.max([point.bound for point in points.values()], axis=0)} if points else {}
    return {name: point.values for name, point in points.items()} | bound


def _noise_of(
    found: Mapping[str, np.ndarray],
    response: NoiseResponse,
    kinds: Mapping[str, Follow],
    kernel: Kernel,
    problem: Problem,
    name: str,
) -> dict[str, np.ndarray]:
    """Return the arrays of the `NoisePrediction` of each kind that was found."""
    arrays, targets = dict[str, np.ndarray](), {each: kernel.at(sites) for each, sites in problem.targets.items()}
    for kind in found.keys() & kinds.keys():
        held_out = None
        if problem.held_out is not None:
            held_out = found[f"{kind}.held_out"] - problem.held_out.values
        try:
            prediction = response.predict(kinds[kind], found[kind], held_out, targets)
        except ComputationError as failure:
            log.warning("ntk: %s: %s has no expected loss without noise: %s", name, _file(name, kind), failure)
            continue
        arrays |= {f"{kind}.{NOISE}{key}": each for key, each in prediction.arrays().items()}
    return arrays


def _with_fallback_tolerance(predict: Callable[..., LinearisedPath], tolerance: float) -> LinearisedPath:
    """Predict with the default tolerance, or with FALLBACK_TOLERANCE * tolerance if the default is not reached."""
    try:
        return predict()
    except ComputationError:
        return predict(tolerance=FALLBACK_TOLERANCE * tolerance)


def _file(name: str, kind: str) -> str:
    return f"{name}-steps.nc" if kind == "steps" else f"{name}.nc"


def _write(stage: Stage, plan: TrainingPlan, name: str) -> None:
    arrays, meta = stage.load_checkpoint(name)
    problem, network = plan.problem, plan.problem.network
    about = {"kernel": name, "seed": problem.seed, "unit": problem.unit, **meta, "freqbias": version_of("freqbias")}
    if name == "empirical":
        about |= network.model_dump(include=NETWORK_ATTRIBUTES, exclude_none=True)
    steps = {"integrator": plan.settings.integrator, "step": plan.step, "steps": plan.schedule.steps}
    for kind in ("flow", "steps"):
        if kind not in arrays:
            continue
        error, prefix = arrays[kind], f"{kind}."
        values = {key.removeprefix(prefix): each for key, each in arrays.items() if key.startswith(prefix)}
        bound = values.pop("bound", None)
        noise = {key.removeprefix(NOISE): values.pop(key) for key in list(values) if key.startswith(NOISE)}
        history = ErrorHistory(
            problem.times, problem.sites.positions(), error, squared_loss(error), about,
            normalisation=problem.samples.normalisation, noise=NoisePrediction(**noise) if noise else None,
        ).with_targets(values, bound, held_out=problem.held_out, predict_at=problem.predict_at)  # fmt: skip
        if kind == "steps":
            history = replace(history, attributes=about | steps, step_time=plan.schedule.step_times())
        with stage.writing(_file(name, kind)) as path:
            history.save(path)
        if kind == "flow" and problem.held_out is not None and history.held_out_error is not None:
            words = held_out_in_words(problem.held_out, problem.times, history.held_out_error)
            log.info("ntk: %s: %s", name, words)
            if name == "empirical" and (warning := held_out_warning(problem.times, history.held_out_error)):
                log.warning("ntk: %s", warning)
        if kind == "flow" and history.noise is not None:
            scale = np.array(problem.samples.normalisation.value_scale)
            log.info("ntk: %s: %s", name, clean_loss_in_words(problem.times, history.noise, scale))
            if name == "empirical" and (warning := clean_loss_warning(problem.times, history.noise)):
                log.warning("ntk: %s", warning)
