"""Adaptive steps with few factorisations.

The interval between two output times is cut into 2^k equal steps. k changes only if the error bound of a step demands
steps half as long, or allows steps twice as long. So one factorisation serves many steps. The unused part of the
tolerance is spread evenly over the logarithm of the remaining time, because modes of all rates decay. No step makes an
earlier error grow. So the sum of all error bounds bounds the error, and this sum stays within the tolerance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf, log, log2

import numpy as np

from freqbias.errors import ComputationError
from freqbias.pde.petsc_ts import ORDER, PetscStepper
from freqbias.pde.protocols import NO_HOOKS, IntegrationHooks, IntegrationRecord, Operator

SAFETY_FACTOR = 0.9  # multiplies the step size at which the error bound equals the allowed error
FIRST_STEP_SHARE = 0.1  # share of the tolerance that the guess of the first step size may use
MAX_SUBSTEPS = 2**40  # most steps of one interval: if this many do not lower the error bound, more do not either


@dataclass(frozen=True)
class AdaptiveIntegrator:
    """An L-stable Rosenbrock method of order 4 (PETSc TS). Every output time is the end of a step."""

    tolerance: float

    def evolve(
        self,
        operator: Operator,
        start: np.ndarray,
        times: np.ndarray,
        record: IntegrationRecord,
        hooks: IntegrationHooks = NO_HOOKS,
    ) -> Iterator[np.ndarray]:
        record.begin(operator, start)
        stepper, u = PetscStepper(operator, start.shape, record), start
        target = record.step or min(times[-1], self._first_step(operator, start, record))
        try:
            for before, after in pairwise(times):
                done, substeps = 0, 2 ** max(0, ceil(log2((after - before) / target) - 1e-9))
                while done < substeps:
                    hooks.on_step()
                    dt = (after - before) / substeps
                    t = before + done * dt
                    next_u, bound = stepper.step(u, t, dt)
                    error = record.relative(operator, bound)
                    allowed = _log_time_share(t, dt, times[-1]) * (self.tolerance - record.error)
                    if not np.isfinite(error) or substeps > MAX_SUBSTEPS:
                        raise ComputationError(
                            f"step {record.steps + 1} (t = {t:.6g}): the error bound is {error:.3g} "
                            f"after a step of {dt:.3g}; use a larger [pde] tolerance"
                        )
                    best = dt * SAFETY_FACTOR * (allowed / error) ** (1 / (ORDER + 1)) if error > 0 else inf
                    if error > allowed:  # reject the step and shorten it
                        factor = 2 ** max(1, ceil(log2(dt / best)))
                        done, substeps = done * factor, substeps * factor
                        continue
                    u, done = next_u, done + 1
                    record.steps, record.error = record.steps + 1, record.error + error
                    target = record.step = dt if best < 2 * dt else min(best, times[-1])
                    while substeps > 1 and done % 2 == 0 and 2 * (after - before) / substeps <= target:
                        done, substeps = done // 2, substeps // 2
                yield u
        finally:
            stepper.destroy()

    def _first_step(self, operator: Operator, start: np.ndarray, record: IntegrationRecord) -> float:
        """Return a first step size, chosen for a mode with the mean decay rate (u, B u) / (u, M u)."""
        rates = [
            operator.dot(u[None], operator.apply(u))[0] / scale**2
            for u, scale in zip(start, record.scale, strict=True)
            if scale > 0
        ]
        fastest = max(rates, default=0.0)
        return (FIRST_STEP_SHARE * self.tolerance) ** (1 / (ORDER + 1)) / fastest if fastest > 0 else inf


def _log_time_share(t: float, dt: float, end: float) -> float:
    """Return the share of log(end / t) that the step from t to t + dt covers.

    At t = 0, where log(end / t) is infinite, the step covers one unit of logarithmic time.
    """
    covered = min(1.0, log((t + dt) / t)) if t > 0 else 1.0
    return covered / (covered + max(0.0, log(end / (t + dt))))
