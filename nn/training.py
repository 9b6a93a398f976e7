"""Training in gradient-flow time: plan the training, then follow the trajectory.

    d(theta)/dt = -R dL/d(theta),    L = 1/2 mean_q sum_c u_cq^2,    u = f - f*.

theta are the parameters of the network f, u is the error, and f* is the target. R contains the learning rates of the
groups of parameters, which are 1 by default.

plan = plan_training(problem, settings)    choose device, backend, step size and schedule, without training
for snapshot in trajectory(plan): ...      train, with a snapshot after every step
history = train(problem, settings)         train, and collect the errors at the output times
"""

from collections.abc import Iterator

import numpy as np

from freqbias.nn.snapshot import TrainingCheckpoint, TrainingSnapshot
from freqbias.nn.trainer import Trainer
from freqbias.nn.training_plan import TrainingPlan, plan_training
from freqbias.problem import ErrorHistory, Problem, Training


def trajectory(plan: TrainingPlan, *, last: TrainingCheckpoint | None = None) -> Iterator[TrainingSnapshot]:
    """Yield a snapshot at t = 0, and a snapshot after every step.

    last: the checkpoint to continue from, needed on rank 0 only. Then the first snapshot is that of the checkpoint.
    Raises ComputationError with step, time, loss and remedy if the training diverges. Raises InputError if the memory
    is not sufficient.
    """
    trainer = Trainer(plan, last)
    with trainer.running():
        while True:
            # Forward and backward pass: the error u (C, N) and -R dL/d(theta).
            try:
                error, negative_gradient = trainer.error_and_negative_gradient()
            except FloatingPointError as failure:
                trainer.repeat_or_fail(str(failure))
                continue

            # Step size: adapt it to the local error and to lambda_max. If the last step was too long, repeat this step.
            if trainer.rejects_step(error, negative_gradient):
                continue

            if not trainer.repeating:
                yield trainer.snapshot(error)
                trainer.show_progress()

            if trainer.step == trainer.schedule.steps:
                break
            trainer.advance(negative_gradient)
    trainer.log_outcome()


def train(problem: Problem, settings: Training | None = None, *, tolerance: float = 1e-3) -> ErrorHistory:
    """Train the drawn network of a problem, and return the errors at the output times.

    tolerance: the tolerance of the time stepping, relative to |u(0)|. It is used if settings.tolerance is None.
    Raises InputError as `plan_training` does, and ComputationError if the training diverges.
    """
    plan = plan_training(problem, settings, tolerance=tolerance)
    reached = []
    for snapshot in trajectory(plan):
        if snapshot.output is not None:
            reached.append((snapshot.errors(), snapshot.loss))
    errors, losses = zip(*reached, strict=True)
    return plan.history(errors, np.array(losses), snapshot.step_control)
