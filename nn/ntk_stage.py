"""The stage `ntk` of a result: the training as the kernel at infinite width, and the drawn network's own at its start,
would have it.

Files, each in the format of `nn/error.nc`: `infinite-width.nc` and `empirical.nc`, the flows; `infinite-width-steps.nc`
and `empirical-steps.nc`, the steps that the training makes, where each is a function of the kernel and no mode grows.
Parts: one for each kernel, kept as soon as it is done.
"""

import numpy as np
import torch

from nn.linearised import LinearisedTraining
from nn.ntk import EmpiricalKernel, InfiniteWidthKernel, Kernel
from nn.plan import Plan, prepare
from numerics import Lanczos
from problem import ComputationError, ErrorHistory, Problem, RunFile, every_stage_keys, resolved, stage_keys
from runtime import Stage, StopRequest, Store, log, on_root, version_of

KERNELS = ("infinite-width", "empirical")


def run_stage(
    run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool, stop: StopRequest
) -> None:
    """Predict the training, and write the folder `ntk/`; collective: rank 0 works, the others sleep.

    Raises InputError, ComputationError, UsageError (a result in the way), and StoppedEarly once the kernels that are
    done are stored.
    """
    on_root(_run_stage, run, problem, store, resume=resume, overwrite=overwrite, stop=stop, share=False)


def _run_stage(
    run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool, stop: StopRequest
) -> None:
    keys = stage_keys(run, "ntk")
    if store.check("ntk", keys=keys, resume=resume, overwrite=overwrite):
        store.repair("ntk")
        log.info("ntk: finished already, in %s", store.root / "ntk")
        return
    plan = prepare(problem, run.training, tolerance=run.training_tolerance)  # refuses before anything is written
    with store.open("ntk", keys=keys, resume=resume, overwrite=overwrite) as stage:
        if stage.finished:  # by another process, meanwhile
            return
        store.keep_run_file(resolved(run), every_stage_keys(run))
        empirical = EmpiricalKernel(problem, device=plan.device, backend=plan.backend)
        for name in KERNELS:
            if name not in stage.parts():
                kernel = empirical if name == "empirical" else InfiniteWidthKernel(problem)
                _predict(stage, plan, name, kernel, empirical.start, stop)
            _write(stage, plan, name)
        stage.finish(versions={"torch": torch.__version__})
    log.info("ntk: wrote %s", stage.folder)


def _predict(stage: Stage, plan: Plan, name: str, kernel: Kernel, start: np.ndarray, stop: StopRequest) -> None:
    def watch(_: Lanczos) -> None:
        stop.check()

    training = LinearisedTraining(kernel, start, watch=watch)
    errors = {"flow": training.flow(plan.problem.times)}
    try:
        if plan.integrator.taylor is not None:
            errors["steps"] = training.steps(plan.schedule, plan.integrator.taylor)
    except ComputationError as failure:
        log.warning("ntk: %s: no %s-steps.nc: %s", name, name, failure)
    log.info("ntk: %s: %d products, error at most %.1e of the start", name, training.products, training.error)
    stage.save_part(name, errors, products=training.products, error_bound=training.error)


def _write(stage: Stage, plan: Plan, name: str) -> None:
    errors, meta = stage.load_part(name)
    problem, network = plan.problem, plan.problem.network
    about = {"kernel": name, "seed": problem.seed, **meta, "freqbias": version_of("freqbias")}
    if name == "empirical":
        about |= {"width": network.width, "sampling": network.sampling}
    steps = {"integrator": plan.settings.integrator, "step": plan.step, "steps": plan.schedule.steps}
    for kind, error in errors.items():
        loss = 0.5 * np.mean(error**2, axis=2).sum(axis=1)
        attributes = about | (steps if kind == "steps" else {})
        with stage.writing(f"{name}-steps.nc" if kind == "steps" else f"{name}.nc") as path:
            ErrorHistory(problem.times, problem.sites.positions(), error, loss, attributes).save(path)
