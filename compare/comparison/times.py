"""The times at which a network can be compared with the finite-element solution."""

from math import e

import numpy as np

from freqbias.errors import InputError
from freqbias.problem import counted, match_times
from freqbias.runtime import log

WORTH_SAYING = 1e-6  # relative difference of two times; single precision has less
SHOWN = 5  # times in a message


def common_times(
    pde_time: np.ndarray, nn_time: np.ndarray, *, whose: str = "the network's errors"
) -> tuple[np.ndarray, np.ndarray]:
    """Find the times that both arrays contain, up to rounding. Return their indices in each array, in order.

    `freqbias.problem.match_times` says which times are equal. A warning names the times that only one array contains.
    whose: what has the times nn_time, for messages.
    Raises InputError if the arrays have no time in common, or only t = 0, where the network has learnt nothing.
    """
    pde, nn = match_times(pde_time, nn_time)
    if not pde_time[pde].any():
        common = "only t = 0" if pde.size else "no time"
        raise InputError(
            f"the finite-element solution (t = {_listed(pde_time)}) and {whose} (t = {_listed(nn_time)}) have {common} "
            "in common, and freqbias does not interpolate in time; give errors at the output times of the run file, or "
            "set [time] times to the times of the errors and compute again with `freqbias pde RUN.toml --overwrite`"
        )
    missing = np.delete(pde_time, pde), np.delete(nn_time, nn)
    if missing[0].size or missing[1].size:
        log.warning(
            "compare: these have no partner and are left out: %s of the finite-element solution, and %s of %s",
            *map(_of, missing), whose,
        )  # fmt: skip
    one, other = pde_time[pde], nn_time[nn].astype(float)
    apart = float(np.max(np.abs(one - other) / np.maximum(np.maximum(one, other), np.finfo(float).tiny)))
    if apart > WORTH_SAYING:
        log.warning(
            "compare: the times of the finite-element solution and of %s were rounded and differ by up to %.1e of "
            "their value; this changes the distance by up to %.1e of v(0)", whose, apart, apart / e,
        )  # fmt: skip
    return pde, nn


def _of(time: np.ndarray) -> str:
    return f"{counted(len(time), 'time')} (t = {_listed(time)})" if time.size else "none"


def _listed(time: np.ndarray) -> str:
    shown = ", ".join(f"{t:.9g}" for t in time[:SHOWN].astype(float))
    return shown if len(time) <= SHOWN else f"{shown}, ... {time[-1]:.9g}"
