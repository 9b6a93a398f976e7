"""What TensorBoard shows of a training at each step: loss, length of the step, lambda_max, seconds a step.

A run that goes on writes one more file beside those of the earlier run, which tells TensorBoard to forget what they
hold of the steps that are made again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from freqbias.nn.training import TrainingSnapshot
from freqbias.nn.training_plan import TrainingPlan
from freqbias.runtime import writable

SHOW_EVERY = 1.0  # seconds, between output times; those are always shown


@contextmanager
def tensorboard(folder: Path, plan: TrainingPlan, *, step: int) -> Iterator[Callable[[TrainingSnapshot], None]]:
    """Yields what shows a snapshot, for a training that goes on after `step` steps; it does nothing where
    [training] tensorboard is false. Raises UsageError where the folder cannot be written."""
    if not plan.settings.tensorboard:
        yield lambda snapshot: None
        return
    from torch.utils.tensorboard import SummaryWriter  # only now: it need not be installed

    shown, last = time.monotonic(), step

    def show(snapshot: TrainingSnapshot) -> None:
        nonlocal shown, last
        now = time.monotonic()
        if snapshot.output is None and now - shown < SHOW_EVERY:
            return
        scalars = {"loss": snapshot.loss, "lambda_max": snapshot.step_control.lambda_max}
        schedule = snapshot.step_control.schedule(plan.problem.times)
        if snapshot.step < schedule.steps:
            scalars["step"] = schedule.step_size(snapshot.step)
        if snapshot.step > last:
            scalars["seconds a step"] = (now - shown) / (snapshot.step - last)
        with writable(folder):
            for name, value in scalars.items():
                board.add_scalar(name, value, snapshot.step)
        shown, last = now, snapshot.step

    with writable(folder):
        board = SummaryWriter(str(folder), purge_step=step, flush_secs=10)
    try:
        yield show
    finally:
        with writable(folder):
            board.close()
