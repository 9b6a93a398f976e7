"""Predict how gradient descent trains any torch module, from its kernel at the current parameters.

To first order in the change of the parameters, gradient flow on L = 1/2 mean_q sum_c u_cq^2 gives
u(t) = exp(-t K) u(0), and s steps of the size eta give u = (1 - eta K)^s u(0), with K = J R J^T / n
(`freqbias.nn.jacobian_products`). At other inputs y,  f(y, t) = f(y, 0) - K(y, x) w(t),  where w is the integral of u
over time, or the sum over the steps.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from freqbias.errors import ComputationError, InputError
from freqbias.nn.jacobian_products import ModuleKernel, module_kernel
from freqbias.nn.linearised import TOLERANCE
from freqbias.numerics import Schedule, exponential, gradient_descent
from freqbias.problem import ErrorHistory, increase, squared_loss
from freqbias.runtime import version_of

MOST_STEPS = 10**8  # whose times fit into the memory
Array = np.ndarray | torch.Tensor


def predict_module(
    module: torch.nn.Module,
    x: Array,
    y: Array,
    *,
    times: Sequence[float] | np.ndarray | None = None,
    steps: Sequence[int] | np.ndarray | None = None,
    step: float | None = None,
    held_out: tuple[Array, Array] | None = None,
    predict_at: Array | None = None,
    rates: Mapping[str, float] | None = None,
    chunk: int | None = None,
    tolerance: float = TOLERANCE,
) -> ErrorHistory:
    """Return the errors u = f - y that training will have, as the linearised module predicts them.

    x: positions of the training samples, (n, d). y: targets, (n, C) or (n,). times: output times of the gradient flow,
    from 0. steps: instead, numbers of steps of gradient descent, from 0, with the step size `step`, at the times
    steps * step. held_out: positions and targets of samples that are not trained on. predict_at: further positions.
    rates, chunk: as in `module_kernel`. tolerance: of u, relative to |u(0)|.

    The loss is 1/2 mean_q sum_c u_cq^2. For torch's mean squared error over n C numbers, the gradient is 2 / C times as
    large: the learning rate r of this loss corresponds to step = 2 r / C.

    Raises InputError as `module_kernel` does, and if the arguments do not fit. Raises ComputationError if Lanczos does
    not reach the tolerance, or if the steps diverge.
    """
    kernel = module_kernel(module, x, rates=rates, chunk=chunk)
    target = _targets(y, kernel.values.shape, "y")
    start = kernel.values - target
    if not np.isfinite(start).all() or not start.any():
        raise InputError("predict_module: the error f - y at the start is 0 everywhere, or not finite")
    time, schedule = _times(times, steps, step)
    u, w = _evolve(kernel, start, time, schedule, tolerance)
    attributes: dict[str, Any] = {
        "predicted": "linearised module",
        "module": type(module).__name__,
        "parameters": sum(each.numel() for each in kernel.parameters.values()),
        "time_definition": "gradient-flow time" if schedule is None else "gradient-flow time: t = s step",
        "freqbias": version_of("freqbias"),
    }
    if schedule is not None and step is not None:
        attributes |= {"step": float(step), "steps": schedule.steps}
    others: dict[str, Any] = {}
    if held_out is not None:
        position, values = held_out
        f = _values_at(kernel, position, w)
        others |= {
            "held_out_position": _array(position),
            "held_out_error": f - _targets(values, f.shape[1:], "held_out"),
        }
    if predict_at is not None:
        others |= {"point_position": _array(predict_at), "prediction": _values_at(kernel, predict_at, w)}
    step_time = None if schedule is None else schedule.step_times()
    return ErrorHistory(time, _array(x), u, squared_loss(u), attributes, step_time=step_time, **others)


def _evolve(
    kernel: ModuleKernel, start: np.ndarray, time: np.ndarray, schedule: Schedule | None, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return u and w at the times, each (T, C, n)."""

    def apply(values: np.ndarray) -> np.ndarray:
        return kernel.apply(values.reshape(start.shape)).ravel()

    try:
        if schedule is None:
            evolution = exponential(apply, start.ravel(), time[1:], tolerance, integrate=True)
        else:
            evolution = gradient_descent(apply, start.ravel(), schedule, tolerance, integrate=True)
    except FloatingPointError as failure:
        raise ComputationError(f"predict_module: {failure}; use double precision, or a smaller network") from failure
    assert evolution.integral is not None
    later = [each.reshape(-1, *start.shape) for each in (evolution.values, evolution.integral.values)]
    return np.concatenate([start[None], later[0]]), np.concatenate([np.zeros_like(start)[None], later[1]])


def _values_at(kernel: ModuleKernel, inputs: Array, integral: np.ndarray) -> np.ndarray:
    """Return f at other inputs, (T, C, P). integral: w, (T, C, n)."""
    rows, f = kernel.at(inputs), kernel.values_at(inputs)
    return np.array([f - rows(w) if w.any() else f for w in integral])


def _times(
    times: Sequence[float] | np.ndarray | None, steps: Sequence[int] | np.ndarray | None, step: float | None
) -> tuple[np.ndarray, Schedule | None]:
    if (times is None) == (steps is None):
        raise InputError("predict_module: give either times, or steps with the step size step")
    given = np.asarray(times if steps is None else steps, dtype=float)
    name = "times" if steps is None else "steps"
    if given.ndim != 1 or len(given) < 2 or given[0] != 0 or not np.isfinite(given).all() or not increase(given):
        raise InputError(f"predict_module: {name} = {given.tolist()}; give at least two numbers that increase from 0")
    if steps is None:
        if step is not None:
            raise InputError(f"predict_module: step = {step} is for steps, but times are given; leave it out")
        return given, None
    if step is None or not 0 < step < np.inf or (given % 1).any():
        raise InputError(f"predict_module: steps = {given.tolist()}, step = {step}; give whole numbers and a step size")
    if given[-1] > MOST_STEPS:
        raise InputError(f"predict_module: steps = {given.tolist()}; give at most {MOST_STEPS:,} steps, or times")
    time = given * step
    knots = np.arange(given[-1] + 1) * step
    knots[given.astype(int)] = time
    return time, Schedule.through(knots, time)


def _targets(values: Array, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Return targets as (C, n). shape: the shape that they must have."""
    found = np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values, dtype=float)
    found = found[None] if found.ndim == 1 else found.T
    if found.shape != shape:
        raise InputError(f"predict_module: {name} has targets of shape {found.T.shape}; the module has {shape[::-1]}")
    return found


def _array(positions: Array) -> np.ndarray:
    found = np.asarray(positions.detach().cpu() if isinstance(positions, torch.Tensor) else positions, dtype=float)
    return found.reshape(len(found), -1)
