"""A TensorBoard log of a training: loss, step size, lambda_max, and seconds for each step.

A resumed run writes another file. This file tells TensorBoard to discard the entries for repeated steps in earlier
files.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from freqbias.nn.snapshot import TrainingSnapshot
from freqbias.nn.training_plan import TrainingPlan
from freqbias.runtime import writable

LOG_SECONDS = 1.0  # least time between two entries, except at output times, which are always logged


@contextmanager
def tensorboard_callback(
    folder: Path, plan: TrainingPlan, *, step: int
) -> Iterator[Callable[[TrainingSnapshot], None]]:
    """Yield a callback that logs a snapshot of the training.

    step: the number of steps already done by an earlier run. The callback does nothing if [training] tensorboard is
    false. Raises UsageError if the folder cannot be written.
    """
    if not plan.settings.tensorboard:
        yield lambda snapshot: None
        return
    from torch.utils.tensorboard import SummaryWriter  # an optional dependency

    logged_at, last = time.monotonic(), step

    def callback(snapshot: TrainingSnapshot) -> None:
        nonlocal logged_at, last
        now = time.monotonic()
        if snapshot.output is None and now - logged_at < LOG_SECONDS:
            return
        scalars = {"loss": snapshot.loss, "lambda_max": snapshot.step_control.lambda_max}
        schedule = snapshot.step_control.schedule(plan.problem.times)
        if snapshot.step < schedule.steps:
            scalars["step"] = schedule.step_size(snapshot.step)
        if snapshot.step > last:
            scalars["seconds a step"] = (now - logged_at) / (snapshot.step - last)
        with writable(folder):
            for name, value in scalars.items():
                writer.add_scalar(name, value, snapshot.step)
        logged_at, last = now, snapshot.step

    with writable(folder):
        writer = SummaryWriter(str(folder), purge_step=step, flush_secs=10)
    try:
        yield callback
    finally:
        with writable(folder):
            writer.close()
