"""Backward Euler and Crank-Nicolson, the textbook integrators, with an error bound.

One step multiplies a mode with z = lambda dt >= 0 by R(z), in place of exp(-z). Both methods satisfy

    |R(z) - exp(-z)| <= c |R(z) - 1|^q,    q = 2, c = 0.5419 (backward Euler), q = 3, c = 0.1494 (Crank-Nicolson),

at every z (the quotient is largest at z = 0.58 and z = 5.07), and |R| <= 1. Since (R - 1)^q u_k is the q-th forward
difference of the solution, the error after n steps is at most c sum_{k<n} |difference^q u_k| in the norm of M. This
bound costs only norms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, exp, log, sqrt

import numpy as np

from freqbias.errors import ComputationError, InputError
from freqbias.numerics import Schedule
from freqbias.pde.protocols import NO_HOOKS, IntegrationHooks, IntegrationRecord, Operator, all_finite

ERROR_BOUND = {1.0: (2, 0.5419), 0.5: (3, 0.1494)}  # theta: q and c


@dataclass(frozen=True)
class ThetaMethod:
    """(M + theta dt B) u_{k+1} = (M - (1 - theta) dt B) u_k.

    theta = 1 is backward Euler (order 1), theta = 1/2 Crank-Nicolson (order 2). Between two output times the steps are
    equal and at most `step` long. If there are fewer than q of them, extra steps beyond the output time serve the error
    bound alone.
    """

    theta: float
    step: float

    def evolve(
        self,
        operator: Operator,
        start: np.ndarray,
        times: np.ndarray,
        record: IntegrationRecord,
        hooks: IntegrationHooks = NO_HOOKS,
    ) -> Iterator[np.ndarray]:
        q, c = ERROR_BOUND[self.theta]
        record.begin(operator, start)
        u, solve, dt = start, None, 0.0
        for before, after, steps in zip(times, times[1:], self.steps(times), strict=False):
            length = (after - before) / steps
            if solve is None or abs(length - dt) > 1e-12 * dt:
                solve, dt = record.solver(operator, self.theta * length), length
            recent, bounded, difference = [u], 0, 0.0
            for k in range(max(steps, q)):
                hooks.on_step()
                latest = np.array([solve(self._right_side(operator, channel, dt)) for channel in recent[-1]])
                recent = [*recent[-q:], latest]
                if k < steps:
                    u = latest
                    record.steps += 1
                if not all_finite(operator.state_comm, latest):
                    raise ComputationError(
                        f"step {record.steps} (t = {after:.6g}): the solution is not finite; use a smaller [pde] step"
                    )
                if len(recent) > q:
                    difference = record.relative(operator, np.diff(recent, q, axis=0)[0])
                    record.error += c * difference
                    bounded += 1
            record.error += c * (steps - bounded) * difference  # |R| <= 1: later differences are no larger
            yield u

    def _right_side(self, operator: Operator, u: np.ndarray, dt: float) -> np.ndarray:
        if self.theta == 1:
            return operator.mass(u)
        return operator.mass(u) - (1 - self.theta) * dt * operator.apply(u)

    def steps(self, times: np.ndarray) -> list[int]:
        """Number of steps between each pair of output times. Raises InputError for more than can be counted."""
        try:
            return [int(count) for count in Schedule(times, self.step).step_counts]
        except OverflowError as failure:
            raise InputError(f"[pde] step = {self.step:.3g} makes {failure}; use a larger one") from failure


def automatic_step(theta: float, times: np.ndarray, tolerance: float, fastest: float) -> float:
    """The step size that keeps the error over the start within the tolerance at every output time.

    After k equal steps to time t, a mode with z = lambda t has the error z^2 e^-z / (2k) (backward Euler) or
    z^3 e^-z / (12 k^2) (Crank-Nicolson); the worst z are 2 and 3. Crank-Nicolson must also damp its stiffest mode:
    |(1 - s/2)/(1 + s/2)|^k <= tolerance with s = fastest t / k.
    """
    first = times[1]
    if theta == 1:
        return first / ceil(2 * exp(-2) / tolerance)
    accurate = sqrt(27 * exp(-3) / 12 / tolerance)
    damped = sqrt(fastest * first * log(1 / tolerance) / 4)
    return first / ceil(max(accurate, damped))
