"""Backward Euler and Crank-Nicolson, the textbook integrators, with a bound of their error.

A step multiplies a mode of z = lambda dt >= 0 by R(z), where exp(-z) would be right. For both methods

    |R(z) - exp(-z)| <= c |R(z) - 1|^q,    q = 2, c = 0.5419 (backward Euler), q = 3, c = 0.1494 (Crank-Nicolson),

at every z (the largest quotient is at z = 0.58, and z = 5.07), and |R| <= 1. Since (R - 1)^q u_k is the q-th forward
difference of the solution itself, the error after n steps is at most c sum_{k<n} |difference^q u_k|, in the norm of M:
a bound that costs nothing but norms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, exp, log, sqrt

import numpy as np

from freqbias.errors import ComputationError, InputError
from freqbias.numerics import Schedule
from freqbias.pde.protocols import IntegrationRecord, Operator, finite

DIFFERENCE = {1.0: (2, 0.5419), 0.5: (3, 0.1494)}  # theta: q and c


@dataclass(frozen=True)
class ThetaMethod:
    """(M + theta dt B) u_{k+1} = (M - (1 - theta) dt B) u_k: theta = 1 backward Euler (order 1), theta = 1/2
    Crank-Nicolson (order 2).

    Steps are at most `step` long, equal between two output times, and land on every one. Where there are fewer than
    q of them between two, some more are made beyond, for the bound alone.
    """

    theta: float
    step: float

    def evolve(
        self, operator: Operator, start: np.ndarray, times: np.ndarray, record: IntegrationRecord
    ) -> Iterator[np.ndarray]:
        q, constant = DIFFERENCE[self.theta]
        record.begin(operator, start)
        u, solve, dt = start, None, 0.0
        for before, after, steps in zip(times, times[1:], self.steps(times), strict=False):
            length = (after - before) / steps
            if solve is None or abs(length - dt) > 1e-12 * dt:
                solve, dt = record.solver(operator, self.theta * length), length
            recent, measured, difference = [u], 0, 0.0
            for k in range(max(steps, q)):
                record.on_step()
                latest = np.array([solve(self._right(operator, channel, dt)) for channel in recent[-1]])
                recent = [*recent[-q:], latest]
                if k < steps:
                    u = latest
                    record.steps += 1
                if not finite(operator.state_comm, latest):
                    raise ComputationError(
                        f"step {record.steps} (t = {after:.6g}): the solution is not finite; use a smaller [pde] step"
                    )
                if len(recent) > q:
                    difference = record.relative(operator, np.diff(recent, q, axis=0)[0])
                    record.error += constant * difference
                    measured += 1
            record.error += constant * (steps - measured) * difference  # as |R| <= 1, the differences only fall
            yield u

    def steps(self, times: np.ndarray) -> list[int]:
        """How many steps each interval between output times takes. Raises InputError where there would be no end."""
        try:
            return [int(count) for count in Schedule(times, self.step).step_counts]
        except OverflowError as failure:
            raise InputError(f"[pde] step = {self.step:.3g} makes {failure}; use a larger one") from failure

    def _right(self, operator: Operator, u: np.ndarray, dt: float) -> np.ndarray:
        if self.theta == 1:
            return operator.mass(u)
        return operator.mass(u) - (1 - self.theta) * dt * operator.apply(u)


def automatic_step(theta: float, times: np.ndarray, tolerance: float, fastest: float) -> float:
    """The step that keeps the error over the start within the tolerance at every output time.

    After k equal steps to time t a mode of z = lambda t is off by z^2 e^-z / (2k) (backward Euler) or z^3 e^-z / (12
    k^2) (Crank-Nicolson); the worst z are 2 and 3. Crank-Nicolson also has to damp its stiffest mode, |(1 - s/2)/(1 +
    s/2)|^k <= tolerance with s = fastest t / k.
    """
    first = times[1]
    if theta == 1:
        return first / ceil(2 * exp(-2) / tolerance)
    accurate = sqrt(27 * exp(-3) / 12 / tolerance)
    damped = sqrt(fastest * first * log(1 / tolerance) / 4)
    return first / ceil(max(accurate, damped))
