"""The stage `minibatches` of a result: predictions for several random sequences of minibatches, in minibatches.nc."""

from dataclasses import replace

import numpy as np
import torch

from freqbias.errors import InputError, UsageError
from freqbias.nn.linearised import LinearisedTraining
from freqbias.nn.minibatches import ACCURACY, MinibatchSpread
from freqbias.nn.ntk import EmpiricalKernel
from freqbias.nn.ntk_stage import steps_of_training
from freqbias.nn.optimisers import Momentum
from freqbias.nn.training_plan import TrainingPlan, plan_training
from freqbias.numerics import Callback as KrylovCallback
from freqbias.problem import Band, MinibatchErrors, Problem, RunFile, Training, every_stage_keys, resolved, stage_keys
from freqbias.runtime import Progress, StopRequest, Store, announced, available_memory, log, version_of

MEMORY_SHARE = 0.25  # largest share of the memory for the errors of all sequences
FEWEST = 39  # sequences, which give a band of 95 %


def check_minibatches(problem: Problem, settings: Training, count: int) -> None:
    """Raise InputError if there are no minibatches to predict, too few sequences, or too little memory."""
    if count < FEWEST:
        raise InputError(f"--minibatches {count}: a band of 95 % needs at least {FEWEST} sequences; use 399")
    if settings.batch is None:
        raise InputError(
            f'--minibatches {count}: [training] has no batch, so every training is the same; add integrator = "sgd" '
            "and for example batch = 256, or leave --minibatches out"
        )
    if settings.integrator == "adam":
        raise InputError(
            f'--minibatches {count}: no kernel predicts integrator = "adam"; use "sgd" or "momentum", or leave '
            "--minibatches out"
        )
    samples = problem.sites.size + (0 if problem.held_out is None else problem.held_out.sites.size)
    # single precision, and double precision while they are computed
    size = 12 * count * len(problem.times) * problem.samples.channels * samples
    if size > MEMORY_SHARE * available_memory():
        raise InputError(
            f"--minibatches {count}: the errors of all sequences need {size / 2**30:.1f} GiB; use fewer sequences or "
            "output times"
        )


def predict_minibatches(
    problem: Problem,
    settings: Training,
    count: int,
    *,
    tolerance: float = 1e-3,
    accuracy: float = ACCURACY,
    plan: TrainingPlan | None = None,
    kernel: EmpiricalKernel | None = None,
    stop: StopRequest | None = None,
) -> MinibatchErrors:
    """Predict a training for several random sequences of minibatches, by the kernel of the drawn network.

    settings: of the training, with a batch. count: at least 39 sequences. tolerance: as for `plan_training`.
    accuracy: of the part of the kernel that makes the spread (`dominant_space`); 0 means all of it. plan, kernel: by
    default they are computed.
    Raises InputError as `check_minibatches` and `plan_training`. Raises ComputationError if the steps diverge, or if
    too many vectors are needed to describe the kernel.
    """
    check_minibatches(problem, settings, count)
    plan = plan or plan_training(problem, settings, tolerance=tolerance)
    kernel = kernel or EmpiricalKernel(problem, device=plan.device, backend=plan.backend)
    check = (lambda: None) if stop is None else stop.check
    before_product: KrylovCallback = lambda lanczos: check()  # noqa: E731
    integrator, schedule, batch = plan.integrator, plan.schedule, settings.batch
    assert integrator.follow is not None and batch is not None  # checked above
    training = LinearisedTraining(kernel, kernel.start, decay=problem.decay.rate, callback=before_product)
    path = integrator.follow(training, schedule)
    mu, nesterov = (integrator.mu, integrator.nesterov) if isinstance(integrator, Momentum) else (0.0, False)
    with Progress("minibatches", total=schedule.steps, unit="steps") as progress:

        def advance() -> None:
            check()
            progress.advance()

        spread = MinibatchSpread(
            kernel, kernel.start, schedule, batch, count=count, seed=problem.seed, mu=mu, nesterov=nesterov,
            decay=problem.decay.rate, accuracy=accuracy, before_product=check, before_step=advance,
        )  # fmt: skip
    held_out = None
    if problem.held_out is not None:
        values = spread.values_at(path, kernel.at(problem.held_out.sites))
        held_out = (values - problem.held_out.values).astype(np.float32)
    attributes = {
        "integrator": settings.integrator, "batch": batch, "step": plan.step, "steps": schedule.steps,
        "vectors": len(spread.space.values), "seed": problem.seed, "unit": problem.unit,
        "freqbias": version_of("freqbias"),
    }  # fmt: skip
    return MinibatchErrors(problem.times, spread.errors(path).astype(np.float32), held_out, attributes)


def predict_minibatches_on_root(
    run: RunFile, problem: Problem, store: Store, count: int, *, resume: bool, overwrite: bool, stop: StopRequest
) -> None:
    """Run the stage (`freqbias.nn.run.run_minibatches`)."""
    keys = stage_keys(run, "minibatches")
    if store.check("minibatches", keys=keys, resume=resume, overwrite=overwrite):
        store.repair("minibatches")
        found = len(MinibatchErrors.load(store.verify("minibatches") / "minibatches.nc").error)
        if found != count:
            raise UsageError(
                f"--minibatches {count}: {store.root / 'minibatches'} holds {found} sequences; keep them with "
                f"--minibatches {found}, or compute them again with --overwrite"
            )
        log.info("minibatches: finished already, in %s", store.root / "minibatches")
        return
    plan = plan_training(problem, run.training, tolerance=run.training_tolerance)
    with store.open("minibatches", keys=keys, resume=resume, overwrite=overwrite) as stage:
        if stage.finished:
            return
        store.save_run_file(resolved(run), every_stage_keys(run))
        with announced("minibatches: preparing the kernel"):
            kernel = EmpiricalKernel(problem, device=plan.device, backend=plan.backend)
        plan = replace(plan, schedule=steps_of_training(run, store, plan, kernel))
        errors = predict_minibatches(problem, run.training, count, plan=plan, kernel=kernel, stop=stop)
        with stage.writing("minibatches.nc") as path:
            errors.save(path)
        _report(errors)
        stage.finish(versions={"torch": torch.__version__})
    log.info("minibatches: wrote %s", stage.folder)


def _report(errors: MinibatchErrors) -> None:
    for name, values in (("loss", errors.loss), ("held-out loss", errors.held_out_loss)):
        if values is not None:
            band = Band.of(values[:, -1])
            message = "minibatches: %s at t = %.4g: %.3g to %.3g for %.0f %% of sequences of minibatches, mean %.3g"
            log.info(message, name, errors.time[-1], band.low, band.high, 100 * band.level, values[:, -1].mean())
