"""One verb, `evolve`, and small interchangeable integrators of  M du/dt = -B u  behind it.

An operator gives `apply` (B u), `mass` (M u), `dot` (rows times u), `solver(shift)` (b -> (M + shift B)^-1 b) and
`start`. States are real, (C, n), n being what this rank holds; channels never mix. Each integrator
yields the state at every output time after the first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, exp, log, sqrt
from typing import Protocol

import numpy as np

from numerics import exponential, shift_invert_exponential
from problem import ComputationError, Grid, InputError, Pde, Problem

Solve = Callable[[np.ndarray], np.ndarray]

INTEGRATION_SHARE = 0.2  # of the tolerance, for Lanczos, where digits are cheap; the mesh takes the rest
STEPPING_SHARE = 0.5  # of the tolerance, for the stepping integrators
TRANSFORM_SHARE = 5e-2  # of the tolerance, for the non-uniform transforms
MOST_STEPS = 1e9
SPAN = 100.0  # largest ratio of output times that one shift serves


class Operator(Protocol):
    def apply(self, u: np.ndarray) -> np.ndarray: ...
    def mass(self, u: np.ndarray) -> np.ndarray: ...
    def dot(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray: ...
    def solver(self, shift: float) -> Solve: ...


@dataclass
class Effort:
    """What the integration took: steps, and the bound or estimate of its error relative to the start (NaN where there
    is none). tick is called before every step, product or solve: what it raises ends the integration."""

    steps: int = 0
    error: float = float("nan")
    tick: Callable[[], None] = lambda: None


class Integrator(Protocol):
    def evolve(self, operator: Operator, start: np.ndarray, times: np.ndarray, effort: Effort) -> Iterator[np.ndarray]:
        """The states at times[1:] from the state at times[0]. Collective."""


@dataclass(frozen=True)
class Lanczos:
    """exp(-t B) u by Lanczos on B itself; for M = identity."""

    tolerance: float

    def evolve(self, operator: Operator, start: np.ndarray, times: np.ndarray, effort: Effort) -> Iterator[np.ndarray]:
        def apply(u: np.ndarray) -> np.ndarray:
            effort.tick()
            return operator.apply(u)

        results = [exponential(apply, u, times[1:] - times[0], self.tolerance) for u in start]
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

            def counted(right: np.ndarray, solve: Solve = solve) -> np.ndarray:
                effort.tick()
                return solve(right)

            results = [
                shift_invert_exponential(
                    counted, w, group, self.tolerance, shift=shift, mass=operator.mass, dot=operator.dot
                )
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
        counts = self.steps(times)
        u, solve, solved_for = start, None, 0.0
        for before, after, steps in zip(times, times[1:], counts, strict=False):
            dt = (after - before) / steps
            if solve is None or abs(dt - solved_for) > 1e-12 * dt:
                solve, solved_for = operator.solver(self.theta * dt), dt
            for _ in range(steps):
                effort.tick()
                u = np.array([solve(self._right(operator, channel, solved_for)) for channel in u])
                effort.steps += 1
                if not np.isfinite(u).all():
                    raise ComputationError(
                        f"step {effort.steps} (t = {after:.6g}): the solution is not finite; use a smaller [pde] step"
                    )
            yield u

    def steps(self, times: np.ndarray) -> list[int]:
        """How many steps each interval between output times takes. Raises InputError where there would be no end."""
        with np.errstate(over="ignore"):
            counts = np.ceil(np.diff(times) / self.step * (1 - 1e-9))
        if counts.sum() > MOST_STEPS:
            raise InputError(f"[pde] step = {self.step:.3g} makes {counts.sum():.3g} steps; use a larger one")
        return [int(count) for count in counts]

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


def fastest_rate(problem: Problem, *, operator: str, folded: bool) -> float:
    """An upper bound of the operator's decay rates [1/time]."""
    kernel = problem.laws.kernel_rate(problem.reach)
    if not isinstance(problem.sites, Grid):
        return kernel
    local = problem.laws.local_rate(problem.sites.volume, problem.reach)
    if operator == "local":
        return local
    return kernel if folded else min(kernel, local + problem.laws.atom)


def choose(problem: Problem, settings: Pde, *, folded: bool) -> Integrator:
    """The integrator that the settings ask for, made to meet their tolerance."""
    fastest = fastest_rate(problem, operator=settings.operator, folded=folded)
    if settings.integrator == "lanczos":
        tolerance = INTEGRATION_SHARE * settings.tolerance
        return Lanczos(tolerance) if settings.operator == "data" else ShiftInvertLanczos(tolerance, fastest)
    theta = 0.5 if settings.integrator == "crank-nicolson" else 1.0
    if settings.step == "auto":
        return ThetaMethod(theta, automatic_step(theta, problem.times, STEPPING_SHARE * settings.tolerance, fastest))
    return ThetaMethod(theta, settings.step)
