"""Adaptive steps, of a length that keeps factorisations few.

An interval between two output times is cut into 2^k equal steps; k changes only where the bound of a step's error asks
for steps half as long, or allows them twice as long, so that one factorisation serves many steps. What is left of the
tolerance is spread evenly over what is left of the logarithm of time, as modes of all rates decay. No step makes an
earlier error grow: the sum of the bounds bounds the error, and stays within the tolerance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf, log, log2

import numpy as np

from freqbias.errors import ComputationError
from freqbias.pde.petsc_ts import ORDER, PetscStepper
from freqbias.pde.protocols import IntegrationRecord, Operator

SAFETY = 0.9  # of the step that would spend all that it may
FIRST_SHARE = 0.1  # of the tolerance, which the length of the first step is guessed for
MOST_CUTS = 2**40  # of an interval: shorter steps would not lower a bound that has not fallen by then


@dataclass(frozen=True)
class AdaptiveIntegrator:
    """An L-stable Rosenbrock method of order 4 (PETSc TS); lands on every output time."""

    tolerance: float

    def evolve(
        self, operator: Operator, start: np.ndarray, times: np.ndarray, record: IntegrationRecord
    ) -> Iterator[np.ndarray]:
        record.begin(operator, start)
        stepper, u = PetscStepper(operator, start.shape, record), start
        wanted = record.step or min(times[-1], self._first_step(operator, start, record))
        try:
            for before, after in pairwise(times):
                done, cuts = 0, 2 ** max(0, ceil(log2((after - before) / wanted) - 1e-9))
                while done < cuts:
                    record.on_step()
                    dt = (after - before) / cuts
                    later, bound = stepper.step(u, before + done * dt, dt)
                    error = record.relative(operator, bound)
                    allowed = _share(before + done * dt, dt, times[-1]) * (self.tolerance - record.error)
                    if not np.isfinite(error) or cuts > MOST_CUTS:
                        raise ComputationError(
                            f"step {record.steps + 1} (t = {before + done * dt:.6g}): the error bound is {error:.3g} "
                            f"after a step of {dt:.3g}; use a larger [pde] tolerance"
                        )
                    fitting = dt * SAFETY * (allowed / error) ** (1 / (ORDER + 1)) if error > 0 else inf
                    if error > allowed:
                        finer = 2 ** max(1, ceil(log2(dt / fitting)))
                        done, cuts = done * finer, cuts * finer
                        continue
                    u, done = later, done + 1
                    record.steps, record.error = record.steps + 1, record.error + error
                    wanted = record.step = dt if fitting < 2 * dt else min(fitting, times[-1])
                    while cuts > 1 and done % 2 == 0 and 2 * (after - before) / cuts <= wanted:
                        done, cuts = done // 2, cuts // 2
                yield u
        finally:
            stepper.destroy()

    def _first_step(self, operator: Operator, start: np.ndarray, record: IntegrationRecord) -> float:
        """A step that the tolerance should allow: that of a mode of the mean decay rate, (u, B u) / (u, M u)."""
        rates = [
            operator.dot(u[None], operator.apply(u))[0] / scale**2
            for u, scale in zip(start, record.scale, strict=True)
            if scale > 0
        ]
        fastest = max(rates, default=0.0)
        return (FIRST_SHARE * self.tolerance) ** (1 / (ORDER + 1)) / fastest if fastest > 0 else inf


def _share(t: float, dt: float, end: float) -> float:
    """The part of log(end / t) that the step from t to t + dt covers; the first step counts as one unit of it."""
    covered = min(1.0, log((t + dt) / t)) if t > 0 else 1.0
    return covered / (covered + max(0.0, log(end / (t + dt))))
