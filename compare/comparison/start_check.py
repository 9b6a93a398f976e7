"""The checks that a network's errors start where the equation starts, and that they belong to the same problem."""

import numpy as np

from freqbias.errors import InputError
from freqbias.problem import (
    ErrorHistory,
    Problem,
    Spectrum,
    initial_errors,
    match_positions,
    squared_loss,
)
from freqbias.runtime import log

SAME = 1e-3  # relative to |u(0)|; more than half precision loses
ALIKE = 1e-2  # relative to |u(0)|; enough to recognise a change of sign or scale


def check_start(error: np.ndarray, history: ErrorHistory, problem: Problem, spectrum: Spectrum) -> None:
    """Warn if the network's errors do not start at t = 0, or not at the initial error u(0) of the equation.

    error: the errors (T, C, N) of the history, in the order of the problem's samples. The initial error of the equation
    is that of the spectrum if the spectrum contains errors on the samples, else `initial_errors`.
    Also warns if the loss is not half the mean square of the errors, because another loss means another unit of time.
    Raises InputError if the errors at t = 0 are -u(0), which means that they are f* - f, and if the held-out samples
    are not those of the problem.
    """
    _check_held_out(history, problem)
    _check_loss(history)
    if history.time[0] != 0:
        log.warning(
            "compare: the network's errors begin at t = %.6g, so freqbias cannot check that the network starts where "
            "the equation starts; add the errors at t = 0", history.time[0],
        )  # fmt: skip
        return
    expected = initial_errors(problem) if spectrum.sample_error is None else spectrum.sample_error[0]
    size = float(np.linalg.norm(expected))
    distance = float(np.linalg.norm(error[0] - expected)) / size
    if distance <= SAME:
        return
    if np.linalg.norm(error[0] + expected) <= ALIKE * size:
        raise InputError(
            "the network's errors have the opposite sign: at t = 0 they are minus the initial error of the equation; "
            "give f - f*, the output of the network minus the target"
        )
    log.warning(
        "compare: the network does not start where the equation starts: at t = 0 its errors differ from the initial "
        "error u(0) of the equation by %.3g |u(0)|, and this difference remains in the comparison%s; to start the "
        'equation from these errors, set [pde] initial = "FILE.nc", and compute again with `freqbias pde RUN.toml '
        "--overwrite`", distance, _explained(error[0], expected, ALIKE * size),
    )  # fmt: skip


def _check_held_out(history: ErrorHistory, problem: Problem) -> None:
    if history.held_out_position is None or problem.held_out is None:
        return
    try:
        match_positions(history.held_out_position, problem.held_out.sites)
    except InputError as failure:
        raise InputError(f"held-out samples: {failure}") from failure


def _check_loss(history: ErrorHistory) -> None:
    loss = float(squared_loss(history.error[0]))
    factor = float(history.loss[0]) / loss if loss else 1.0
    if factor and abs(factor - 1) > ALIKE:
        log.warning(
            "compare: the loss of the network's errors at t = %.6g is %.4g times half their mean square, summed over "
            "channels; if the network was trained with this loss, its gradient-flow time differs by this factor",
            history.time[0], factor,
        )  # fmt: skip


def _explained(error: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """Return a likely cause in words: other units or another standardisation of the target, or an initial output."""
    factors, shifts = zip(*(np.polyfit(one, other, 1) for one, other in zip(expected, error, strict=True)), strict=True)
    fitted = np.array(factors)[:, None] * expected + np.array(shifts)[:, None]
    if np.linalg.norm(error - fitted) > tolerance:
        return ""
    shown = [0.0 if abs(shift) <= tolerance / error.size**0.5 else shift for shift in shifts]
    scaled = ", ".join(f"{factor:.4g} u(0) {shift:+.4g}" for factor, shift in zip(factors, shown, strict=True))
    return f" (they are {scaled}: was the target standardized or scaled in another way?)"
