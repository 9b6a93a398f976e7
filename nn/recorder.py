"""Record the errors of any network during any training loop, as a file that `freqbias compare --error` takes.

The time of gradient flow on L = 1/2 mean_q sum_c u_cq^2 after steps with the learning rates eta_s:

    SGD        t = r sum_s eta_s
    momentum   t = r sum_s eta_s (1 - tau) / (1 - mu)     with the dampening tau, in the limit of small steps
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
    path: the netCDF file. It is written when the block ends. If the block ends by an exception or Ctrl-C, the file has
    what was recorded until then.
    loss: the loss of the training: "half" for 1/2 mean_q sum_c u_cq^2, "mean" for torch's mean squared error, which is
    the mean over all n C numbers, "sum" for the sum of all squares. overwrite: whether to replace a file.

    Raises InputError if x and y do not fit, if the loss is unknown, or if the folder of the file does not exist, and
    UsageError if the file exists.
    """

    def __init__(self, x: Any, y: Any, path: Path | str, *, loss: Loss = "half", overwrite: bool = False) -> None:
        self._x, self._path = x, Path(path)
        positions, targets = _array(x, "x"), _array(y, "y")
        self._positions = positions.reshape(len(positions), -1) if positions.ndim else positions
        self._targets = targets.reshape(len(targets), -1).T if targets.ndim else targets
        fits = positions.ndim in (1, 2) and targets.ndim in (1, 2) and len(positions) == len(targets) > 0
        if not fits or not 1 <= self._positions.shape[1] <= 3:
            raise InputError(
                f"Recorder: x has shape {positions.shape} and y {targets.shape}; give one row for each sample in both, "
                "with one to three coordinates in x and the channels in y"
            )
        for name, values in (("x", positions), ("y", targets)):
            if not np.isfinite(values).all():
                raise InputError(f"Recorder: {name} has values that are NaN or infinite; leave these samples out")
        if loss not in RATIOS:
            raise InputError(f'Recorder: loss = {loss!r}; use "half", "mean" or "sum"')
        if self._path.is_dir():
            raise InputError(f"Recorder: {path} is a folder; give the path of a file, such as mine.nc")
        if self._path.exists() and not overwrite:
            raise UsageError(f"Recorder: {path} exists; give another path, or overwrite=True")
        if not self._path.parent.is_dir():
            raise InputError(f"Recorder: {path}: there is no folder {self._path.parent}; make it first")
        self._ratio, self._loss = RATIOS[loss](self._targets.shape[1], self._targets.shape[0]), loss
        self._steps, self._times, self._errors = list[int](), list[float](), list[np.ndarray]()
        self._rules, self._spent, self._hook = list[str](), 0.0, None

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
        lr, momentum: the learning rate and the momentum of the steps since the last record. optimizer: in their place
        a torch optimizer, whose steps are then counted with the learning rate that each of them has.
        A record without learning since the last one is left out. Raises InputError if the arguments do not fit, and
        NotFiniteError if an error is NaN or infinite.
        """
        if not isinstance(step, int | np.integer):
            raise InputError(f"Recorder: step = {step!r}; give the number of steps, a whole number")
        if (lr is None) == (optimizer is None):
            raise InputError("Recorder: give either lr, with or without momentum, or optimizer")
        last = self._steps[-1] if self._steps else 0
        if (not self._steps and step != 0) or (self._steps and step <= last):
            expected = "0 for the first record" if not self._steps else f"a step above {last}, the last recorded one"
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
        spent = self._watch(optimizer) if optimizer is not None else (step - last) * self._rate(lr, momentum)
        if self._steps and spent == 0:
            return
        self._times.append((self._times[-1] if self._times else 0.0) + spent)
        self._steps.append(step)
        self._errors.append(error)

    def history(self) -> ErrorHistory:
        """Return what was recorded, as `freqbias.compare.compare` takes it. Raises UsageError without a record."""
        if not self._errors:
            raise UsageError("Recorder: nothing was recorded; call record(model, step=0, ...) before the first step")
        errors, time = np.array(self._errors), np.array(self._times)
        others = [rule for rule in self._rules if rule != SGD]
        definition = OTHER_TIME.format(others[0]) if others else "gradient-flow time"
        attributes = {
            "steps": self._steps[-1],
            "optimizer": ", ".join(self._rules),
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
        if self._hook is not None:
            self._hook.remove()
        if kind is None or self._errors:
            with writable(self._path), atomic_write(self._path) as path:
                self.history().save(path)

    def _rate(self, lr: Any, momentum: Any) -> float:
        """Return the time of one step of SGD."""
        try:
            lr, momentum = float(lr), float(momentum)
        except (TypeError, ValueError):
            raise InputError(f"Recorder: lr = {lr!r}, momentum = {momentum!r}; give numbers") from None
        if not 0 <= lr < np.inf or not 0 <= momentum < 1:
            raise InputError(f"Recorder: lr = {lr}, momentum = {momentum}; give lr >= 0 and 0 <= momentum < 1")
        self._note(SGD)
        return self._ratio * lr / (1 - momentum)

    def _watch(self, optimizer: Any) -> float:
        """Return the time of the optimizer's steps since the last record, and count its further steps.

        A hook reads the learning rate at each step, because a schedule may change it between two records.
        """
        if self._hook is None:
            if not hasattr(optimizer, "register_step_post_hook"):
                raise InputError(f"Recorder: optimizer = {optimizer!r}; give a torch optimizer, or lr")
            self._hook = optimizer.register_step_post_hook(lambda used, *_: self._count(used))
            self._note(SGD if _is_sgd(optimizer) else type(optimizer).__name__)
            self._time_of_step(optimizer)  # refuses what has no time before the training
            if self._steps:
                raise InputError("Recorder: give the optimizer at the first record too, so that its steps are counted")
        spent, self._spent = self._spent, 0.0
        return spent

    def _count(self, optimizer: Any) -> None:
        self._spent += self._time_of_step(optimizer)

    def _time_of_step(self, optimizer: Any) -> float:
        groups = optimizer.param_groups
        rates = sorted({float(group["lr"]) for group in groups})
        if len(rates) > 1:
            raise InputError(f"Recorder: the groups of the optimizer have different rates, {rates}; give lr")
        if not _is_sgd(optimizer):
            return self._ratio * rates[0]
        if any(group.get("maximize") or group.get("weight_decay") for group in groups):
            raise InputError(
                "Recorder: the optimizer has weight_decay or maximize, so the training is not the flow of the loss; "
                "leave them out, or give lr"
            )
        return self._ratio * rates[0] * (1 - groups[0]["dampening"]) / (1 - groups[0]["momentum"])

    def _note(self, rule: str) -> None:
        if rule not in self._rules:
            self._rules.append(rule)


def _is_sgd(optimizer: Any) -> bool:
    import torch

    return isinstance(optimizer, torch.optim.SGD)


def _evaluated(model: Callable[[Any], Any], x: Any) -> np.ndarray:
    """Return f(x) without gradients, and in eval mode if the model is a torch module."""
    import torch

    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    modes = [module.training for module in modules]
    for module in modules:
        module.training = False
    try:
        with torch.no_grad():
            return _array(model(x), "f(x)")
    finally:
        for module, training in zip(modules, modes, strict=True):
            module.training = training


def _array(values: Any, name: str) -> np.ndarray:
    """Return an array or a tensor of any library as float64."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as failure:
        raise InputError(f"Recorder: {name} is not an array of numbers: {failure}") from failure
