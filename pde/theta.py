"""Backward Euler and Crank-Nicolson, with an error bound.

The exact flow multiplies a mode of decay rate lambda by exp(-z) in a step dt, with z = lambda dt >= 0. Both methods
multiply the mode by another factor R(z), with |R| <= 1. For every z,

    |R(z) - exp(-z)| <= c |R(z) - 1|^q,    q = 2, c = 0.5419 (backward Euler), q = 3, c = 0.1494 (Crank-Nicolson).

The quotient of the two sides is largest at z = 0.58 (backward Euler) and z = 5.07 (Crank-Nicolson). (R - 1)^q u_k is
the q-th forward difference of the solution u_k. So the error after n steps is at most c sum_{k<n} |difference^q u_k| in
the norm of M. This bound needs only norms.
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

    theta = 1 is backward Euler (order 1), and theta = 1/2 is Crank-Nicolson (order 2). Between two output times the
    steps are equal and at most `step` long. The error bound needs q steps. If there are fewer steps between two output
    times, extra steps beyond the later time are computed for the error bound only.
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
        u = start
        for before, after, steps in zip(times, times[1:], self.steps(times), strict=False):
            solve = record.solver(operator, self.theta * (after - before) / steps)
            dt = record.shift / self.theta
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
            record.error += c * (steps - bounded) * difference  # later differences are no larger, because |R| <= 1
            yield u

    def _right_side(self, operator: Operator, u: np.ndarray, dt: float) -> np.ndarray:
        if self.theta == 1:
            return operator.mass(u)
        return operator.mass(u) - (1 - self.theta) * dt * operator.apply(u)

    def steps(self, times: np.ndarray) -> list[int]:
        """Return the number of steps between each pair of output times.

        Raises InputError if there are more steps than a `Schedule` allows.
        """
        try:
            return [int(count) for count in Schedule(times, self.step).step_counts]
        except OverflowError as failure:
            raise InputError(
                f"[pde] step = {self.step:.3g} needs {failure}, which is too many; use a larger [pde] step"
            ) from failure


def automatic_step(theta: float, times: np.ndarray, tolerance: float, fastest: float) -> float:
    """Return the step size for which the error relative to |u(0)| is within the tolerance at every output time.

    After k equal steps to time t, a mode with z = lambda t has the error z^2 e^-z / (2k) (backward Euler) or
    z^3 e^-z / (12 k^2) (Crank-Nicolson). The largest errors are at z = 2 and z = 3. Crank-Nicolson must also damp the
    mode with the largest decay rate, `fastest`: |(1 - s/2)/(1 + s/2)|^k <= tolerance with s = fastest t / k.
    """
    first = times[1]
    if theta == 1:
        return first / ceil(2 * exp(-2) / tolerance)
    accurate = sqrt(27 * exp(-3) / 12 / tolerance)
    damped = sqrt(fastest * first * log(1 / tolerance) / 4)
    return first / ceil(max(accurate, damped))
