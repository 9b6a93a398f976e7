"""Training in gradient-flow time: plan it, then walk along its trajectory.

    d(theta)/dt = -dL/d(theta),    L = 1/2 mean_q sum_c u_cq^2,    u = f - f*.

plan = plan_training(problem, settings)    device, backend, step size, schedule; nothing is trained yet
for snapshot in trajectory(plan): ...      every step, output times among them
history = train(problem, settings)         the snapshots at output times, collected
"""

from collections.abc import Iterator

import numpy as np

from freqbias.nn.snapshot import TrainingCheckpoint, TrainingSnapshot
from freqbias.nn.trainable import loss
from freqbias.nn.trainer import Trainer
from freqbias.nn.training_plan import TrainingPlan, plan_training
from freqbias.problem import ErrorHistory, Problem, Training


def trajectory(plan: TrainingPlan, *, last: TrainingCheckpoint | None = None) -> Iterator[TrainingSnapshot]:
    """Yield a snapshot at the start, and one after every step.

    last: the checkpoint to continue from; only rank 0 needs it. The snapshot at the checkpoint itself comes first.
    Raises ComputationError if the training diverges (with step, time, loss and remedy), and InputError if the memory
    runs out.
    """
    trainer = Trainer(plan, last)
    with trainer.running():
        while True:
            # Forward and backward pass: the error u (C, N) and -dL/d(theta).
            error, negative_gradient = trainer.network.error_and_negative_gradient(
                trainer.theta, plan.sample_weights(trainer.step)
            )
            trainer.check_divergence(loss(error))

            # Step size: measure lambda_max of the kernel here. If the last step was too long for it, take it again.
            if trainer.measurement_due:
                rejected = trainer.measure_lambda_max()
                if rejected:
                    trainer.go_back()
                    continue

            if not trainer.repeating:
                yield trainer.snapshot(error)
                trainer.show_progress()

            if trainer.step == trainer.schedule.steps:
                break
            trainer.advance(negative_gradient)
    trainer.log_outcome()


def train(problem: Problem, settings: Training | None = None, *, tolerance: float = 1e-3) -> ErrorHistory:
    """Train the network that `problem` draws, and return its errors at the output times.

    tolerance: of the time stepping, relative to |u(0)|; used if settings.tolerance is None.
    Raises InputError (device, memory) and ComputationError (divergence).
    """
    plan = plan_training(problem, settings, tolerance=tolerance)
    reached = []
    for snapshot in trajectory(plan):
        if snapshot.output is not None:
            reached.append((snapshot.errors(), snapshot.loss))
    errors, losses = zip(*reached, strict=True)
    return plan.history(errors, np.array(losses), snapshot.step_control)
