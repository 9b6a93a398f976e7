"""One verb, `evolve`, and small interchangeable integrators of  M du/dt = -B u  behind it.

An operator gives `apply` (B u), `mass` (M u), `inner` (the inner product of M), `solver(shift)` (b -> (M + shift
B)^-1 b) and `start`. States are real, (C, n), n being what this rank holds; channels never mix. Each integrator
yields the state at every output time after the first.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, exp, log, sqrt
from typing import Protocol

import numpy as np

from numerics import exponential, shift_invert_exponential
from problem import ComputationError

Solve = Callable[[np.ndarray], np.ndarray]

SPAN = 100.0  # largest ratio of output times that one shift serves


class Operator(Protocol):
    products: int

    def apply(self, u: np.ndarray) -> np.ndarray: ...
    def mass(self, u: np.ndarray) -> np.ndarray: ...
    def inner(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray: ...
    def solver(self, shift: float) -> Solve: ...


@dataclass
class Effort:
    """What the integration took: steps, and the bound or estimate of its error relative to the start (NaN where there
    is none)."""

    steps: int = 0
    error: float = float("nan")


class Integrator(Protocol):
    def evolve(self, operator: Operator, start: np.ndarray, times: np.ndarray, effort: Effort) -> Iterator[np.ndarray]:
        """The states at times[1:] from the state at times[0]. Collective."""


@dataclass(frozen=True)
class Lanczos:
    """exp(-t B) u by Lanczos on B itself; for M = identity."""

    tolerance: float

    def evolve(self, operator: Operator, start: np.ndarray, times: np.ndarray, effort: Effort) -> Iterator[np.ndarray]:
        results = [exponential(operator.apply, u, times[1:] - times[0], self.tolerance) for u in start]
        effort.steps, effort.error = max(r.steps for r in results), max(r.error for r in results)
        yield from np.stack([r.values for r in results], axis=1)


@dataclass(frozen=True)
class ShiftInvertLanczos:
    """exp(-t M^-1 B) w by Lanczos on (M + gamma B)^-1 M, gamma = sqrt(t_e T)/10, t_e = max(t_1, 1/fastest).

    fastest: upper bound of the decay rates [1/time]. Output times are served in groups that span a ratio of at most
    100, each with a shift of its own.
    """

    tolerance: float
    fastest: float

    def evolve(self, operator: Operator, start: np.ndarray, times: np.ndarray, effort: Effort) -> Iterator[np.ndarray]:
        effort.error = 0.0
        for group in self.groups(times[1:] - times[0]):
            shift = sqrt(max(group[0], 1 / self.fastest) * group[-1]) / 10
            solve = operator.solver(shift)

            def resolvent(w: np.ndarray, solve: Solve = solve) -> np.ndarray:
                return solve(operator.mass(w))

            results = [
                shift_invert_exponential(resolvent, w, group, self.tolerance, shift=shift, inner=operator.inner)
                for w in start
            ]
            effort.steps += max(r.steps for r in results)
            effort.error = max(effort.error, *(r.error for r in results))
            yield from np.stack([r.values for r in results], axis=1)

    def groups(self, times: np.ndarray) -> list[np.ndarray]:
        """The output times cut so that T / t_e <= SPAN in each group."""
        effective = np.maximum(times, 1 / self.fastest)
        cuts, first = [], 0
        for k, t in enumerate(effective):
            if t > SPAN * effective[first]:
                cuts.append(k)
                first = k
        return np.split(times, cuts)


@dataclass(frozen=True)
class ThetaMethod:
    """(M + theta dt B) u_{k+1} = (M - (1 - theta) dt B) u_k: theta = 1 backward Euler (order 1), theta = 1/2
    Crank-Nicolson (order 2).

    Steps are at most `step` long, equal between two output times, and land on every one.
    """

    theta: float
    step: float

    def evolve(self, operator: Operator, start: np.ndarray, times: np.ndarray, effort: Effort) -> Iterator[np.ndarray]:
        u, solve, solved_for = start, None, 0.0
        for before, after in itertools.pairwise(times):
            steps = ceil((after - before) / self.step * (1 - 1e-9))
            dt = (after - before) / steps
            if solve is None or abs(dt - solved_for) > 1e-12 * dt:
                solve, solved_for = operator.solver(self.theta * dt), dt
            for _ in range(steps):
                u = np.array([solve(self._right(operator, channel, solved_for)) for channel in u])
                effort.steps += 1
                if not np.isfinite(u).all():
                    raise ComputationError(
                        f"step {effort.steps} (t = {after:.6g}): the solution is not finite; use a smaller [pde] step"
                    )
            yield u

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
