"""Record the errors of any network during any training loop, as a file that `freqbias compare --error` takes.

The time of gradient flow on L = 1/2 mean_q sum_c u_cq^2 after steps with the learning rates eta_s:

    SGD        t = r sum_s eta_s
    momentum   t = r sum_s eta_s / (1 - mu)     Polyak's heavy ball, in the limit of small steps
    others     t = r sum_s eta_s                for example Adam: a count of the steps, not the time of a flow

r is the ratio of the gradient of the user's loss to that of L (`RATIOS`).
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from freqbias.errors import InputError, NotFiniteError, UsageError
from freqbias.problem import ErrorHistory, squared_loss
from freqbias.runtime import atomic_write, version_of, writable

Loss = Literal["half", "mean", "sum"]
RATIOS: dict[str, Callable[[int, int], float]] = {  # of the gradients, for n samples and C channels
    "half": lambda n, channels: 1.0,
    "mean": lambda n, channels: 2.0 / channels,
    "sum": lambda n, channels: 2.0 * n,
}
SGD = "SGD"
OTHER_TIME = "steps times learning rate of {}; not the time of a gradient flow"


class Recorder:
    """The errors u = f - y of a network, recorded during a training, in the format of `nn/error.nc`.

        with freqbias.Recorder(x, y, "mine.nc") as recorder:
            for step in range(steps + 1):
                recorder.record(model, step=step, optimizer=optimizer)
                ...  # one step of the training

    x: what the model takes, an array or tensor (n, d) with one position a row. y: the targets, (n,) or (n, C).
    path: the netCDF file. It is written when the block ends, also after Ctrl-C, but not after an error.
    loss: the loss of the training: "half" for 1/2 mean_q sum_c u_cq^2, "mean" for torch's mean squared error, which is
    the mean over all n C numbers, "sum" for the sum of all squares. overwrite: whether to replace a file.

    Raises InputError if x and y do not fit, if the loss is unknown, or if the folder of the file does not exist, and
    UsageError if the file exists.
    """

    def __init__(self, x: Any, y: Any, path: Path | str, *, loss: Loss = "half", overwrite: bool = False) -> None:
        self._x, self._path = x, Path(path)
        positions, targets = _array(x), _array(y)
        self._positions = positions.reshape(len(positions), -1) if positions.ndim else positions
        self._targets = targets.reshape(len(targets), -1).T if targets.ndim else targets
        if self._positions.ndim != 2 or self._targets.ndim != 2 or len(positions) != len(targets):
            raise InputError(
                f"Recorder: x has shape {positions.shape} and y {targets.shape}; give one row for each sample in both"
            )
        if loss not in RATIOS:
            raise InputError(f'Recorder: loss = {loss!r}; use "half", "mean" or "sum"')
        if self._path.exists() and not overwrite:
            raise UsageError(f"Recorder: {path} exists; give another path, or overwrite=True")
        if not self._path.parent.is_dir():
            raise InputError(f"Recorder: {path}: there is no folder {self._path.parent}; make it first")
        self._ratio, self._loss = RATIOS[loss](self._targets.shape[1], self._targets.shape[0]), loss
        self._steps, self._times, self._errors = list[int](), list[float](), list[np.ndarray]()
        self._rule = SGD

    @property
    def times(self) -> list[float]:
        """The recorded times. For `freqbias compare`, [time] times of the run file are these times without 0."""
        return list(self._times)

    def record(
        self,
        model: Callable[[Any], Any],
        step: int,
        *,
        lr: float | None = None,
        momentum: float = 0.0,
        optimizer: Any = None,
    ) -> None:
        """Record the errors of the model after `step` steps. The first record is that of step 0.

        model: a torch module or any function that returns f(x), (n,) or (n, C). A module is evaluated in eval mode.
        lr, momentum: the learning rate and the momentum since the last record. optimizer: a torch optimizer that has
        both, in place of lr and momentum.
        Raises InputError if the arguments do not fit, and NotFiniteError if an error is NaN or infinite.
        """
        rate = self._rate(lr, momentum, optimizer)
        last = self._steps[-1] if self._steps else 0
        if (not self._steps and step != 0) or (self._steps and step <= last):
            expected = "0 for the first record" if not self._steps else f"more than {last}, the step of the last record"
            raise InputError(f"Recorder: step = {step}; give {expected}")
        values = _evaluated(model, self._x)
        if values.size != self._targets.size or len(values) != self._targets.shape[1]:
            raise InputError(
                f"Recorder: the model gives values of shape {values.shape}, but y has the shape "
                f"{self._targets.T.shape}; give a model with one row for each sample"
            )
        error = values.reshape(self._targets.shape[::-1]).T - self._targets
        if not np.isfinite(error).all():
            raise NotFiniteError(f"Recorder: step {step}: an error is NaN or infinite; use a smaller learning rate")
        self._times.append((self._times[-1] if self._times else 0.0) + (step - last) * rate)
        self._steps.append(step)
        self._errors.append(error)

    def history(self) -> ErrorHistory:
        """Return what was recorded, as `freqbias.compare.compare` takes it. Raises UsageError without a record."""
        if not self._errors:
            raise UsageError("Recorder: nothing was recorded; call record(model, step=0, ...) before the first step")
        errors, time = np.array(self._errors), np.array(self._times)
        definition = "gradient-flow time" if self._rule == SGD else OTHER_TIME.format(self._rule)
        attributes = {
            "steps": self._steps[-1],
            "optimizer": self._rule,
            "training_loss": self._loss,
            "time_definition": definition,
            "freqbias": version_of("freqbias"),
        }
        return ErrorHistory(time, self._positions, errors, squared_loss(errors), attributes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None or (issubclass(kind, KeyboardInterrupt) and self._errors):
            with writable(self._path), atomic_write(self._path) as path:
                self.history().save(path)

    def _rate(self, lr: float | None, momentum: float, optimizer: Any) -> float:
        """Return the time of one step."""
        if (lr is None) == (optimizer is None):
            raise InputError("Recorder: give either lr, with or without momentum, or optimizer")
        if optimizer is not None:
            groups = optimizer.param_groups
            rates = sorted({(float(group["lr"]), float(group.get("momentum", 0.0))) for group in groups})
            if len(rates) > 1:
                raise InputError(f"Recorder: the groups of the optimizer have different rates, {rates}; give lr")
            self._rule = type(optimizer).__name__
            lr, momentum = rates[0]
        assert lr is not None
        if not 0 < lr < np.inf or not 0 <= momentum < 1:
            raise InputError(f"Recorder: lr = {lr}, momentum = {momentum}; give lr > 0 and 0 <= momentum < 1")
        return self._ratio * lr / (1 - momentum if self._rule == SGD else 1.0)


def _evaluated(model: Callable[[Any], Any], x: Any) -> np.ndarray:
    """Return f(x) without gradients, and in eval mode if the model is a torch module."""
    import torch

    training = isinstance(model, torch.nn.Module) and model.training
    if training:
        model.eval()  # type: ignore[attr-defined]
    try:
        with torch.no_grad():
            return _array(model(x))
    finally:
        if training:
            model.train()  # type: ignore[attr-defined]


def _array(values: Any) -> np.ndarray:
    """Return an array or a tensor of any library as float64."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values, dtype=float)
