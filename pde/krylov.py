"""Integrators that compute the states at all output times from Krylov spaces.

LanczosIntegrator is for the flow of the data operator, and ShiftInvertIntegrator for that of the local operator.
GradientDescentIntegrator computes the steps of gradient descent in place of the flow of the data operator.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from freqbias.numerics import (
    EUCLIDEAN,
    Evolution,
    Integral,
    Lanczos,
    Metric,
    Schedule,
    Trajectory,
    exponential,
    gradient_descent,
    shift_invert_exponential,
    spectral_norm,
)
from freqbias.pde.protocols import NO_HOOKS, IntegrationHooks, IntegrationRecord, Operator, Solve

MAX_TIME_RATIO = 100.0  # largest ratio of two output times that are computed with the same shift


@dataclass(frozen=True)
class LanczosIntegrator:
    """u(t) = exp(-t B P) u(0) by Lanczos on B, for M = identity.

    integrate: whether the record gets the integral of P u. metric: the inner product of P; by default P = 1.
    decay: the rate of the weight decay towards the start.
    damping: of the damped Gauss-Newton method, for which u(t) = exp(-t B P (B P + eps)^-1) u(0), eps is the damping
    times the largest eigenvalue of B P, and the record gets eps and the integral of P (B P + eps)^-1 u.
    """

    tolerance: float
    integrate: bool = False
    metric: Metric = EUCLIDEAN
    decay: float = 0.0
    damping: float | None = None

    def evolve(
        self,
        operator: Operator,
        start: np.ndarray,
        times: np.ndarray,
        record: IntegrationRecord,
        hooks: IntegrationHooks = NO_HOOKS,
    ) -> Iterator[np.ndarray]:
        if self.damping is not None:
            record.shift = self.damping * spectral_norm(operator.apply, start.shape[1], metric=self.metric)
        channels = [
            exponential(
                operator.apply, u, times[1:] - times[0], self.tolerance,
                metric=self.metric, decay=self.decay, shift=record.shift,
                integrate=self.integrate or self.damping is not None, **_hooks_of(hooks, run),
            )
            for run, u in enumerate(start)
        ]  # fmt: skip
        yield from _collect(channels, record)


@dataclass(frozen=True)
class GradientDescentIntegrator:
    """u_s = (1 - step B P)^s u_0 by Lanczos on B, for M = identity.

    Every output time is the end of a step. The training of the network has the same steps. integrate, metric, decay:
    as for `LanczosIntegrator`.
    """

    tolerance: float
    step: float
    integrate: bool = False
    metric: Metric = EUCLIDEAN
    decay: float = 0.0

    def evolve(
        self,
        operator: Operator,
        start: np.ndarray,
        times: np.ndarray,
        record: IntegrationRecord,
        hooks: IntegrationHooks = NO_HOOKS,
    ) -> Iterator[np.ndarray]:
        schedule = Schedule(times, self.step)
        channels = [
            gradient_descent(
                operator.apply,
                u,
                schedule,
                self.tolerance,
                metric=self.metric,
                decay=self.decay,
                integrate=self.integrate,
                **_hooks_of(hooks, run),
            )
            for run, u in enumerate(start)
        ]
        yield from _collect(channels, record)


@dataclass(frozen=True)
class ShiftInvertIntegrator:
    """w(t) = exp(-t M^-1 B) w(0) by Lanczos on (M + gamma B)^-1 M, with the shift gamma = sqrt(t_e T)/10.

    The output times are split into groups, and each group has its own shift. t_1 and T are the first and the last time
    of a group, t_e = max(t_1, 1/fastest), and T / t_e <= 100. fastest: upper bound of the operator's rates [1/time].
    decay: as for `LanczosIntegrator`.
    """

    tolerance: float
    fastest: float
    decay: float = 0.0

    def evolve(
        self,
        operator: Operator,
        start: np.ndarray,
        times: np.ndarray,
        record: IntegrationRecord,
        hooks: IntegrationHooks = NO_HOOKS,
    ) -> Iterator[np.ndarray]:
        for index, group in enumerate(self.groups(times[1:] - times[0])):
            gamma = sqrt(max(group[0], 1 / self.fastest) * group[-1]) / 10
            solve = _lazy_solver(operator, gamma, record)
            channels: list[Trajectory] = [
                shift_invert_exponential(
                    solve, w, group, self.tolerance, shift=gamma, decay=self.decay, mass=operator.mass,
                    dot=operator.dot, **_hooks_of(hooks, run),
                )
                for run, w in enumerate(start, index * len(start))
            ]  # fmt: skip
            _note(channels, record)
            for states in zip(*(channel.states() for channel in channels), strict=True):
                yield np.stack(states)
            del channels, states  # the next Krylov spaces need the memory

    def groups(self, times: np.ndarray) -> list[np.ndarray]:
        """Return the output times, split into groups with T / t_e <= MAX_TIME_RATIO."""
        effective = np.maximum(times, 1 / self.fastest)
        cuts, first = [], 0
        for k, t in enumerate(effective):
            if t > MAX_TIME_RATIO * effective[first]:
                cuts.append(k)
                first = k
        return np.split(times, cuts)


def _lazy_solver(operator: Operator, shift: float, record: IntegrationRecord) -> Solve:
    """Return the map b -> (M + shift B)^-1 b, which factorises the matrix only at the first call.

    If a saved basis is complete, Lanczos does not call this map.
    """
    solve: Solve | None = None

    def call(b: np.ndarray, looseness: float = 1.0) -> np.ndarray:
        nonlocal solve
        solve = solve or record.solver(operator, shift)
        return solve(b, looseness)

    return call


def _hooks_of(hooks: IntegrationHooks, run: int) -> dict[str, Any]:
    """Return the hooks for Lanczos run number `run`, as keyword arguments of the functions in freqbias.numerics."""

    def callback(krylov: Lanczos) -> None:
        hooks.on_step(run, krylov)

    return {"saved_basis": hooks.saved_basis(run), "callback": callback}


def _note(channels: Sequence[Evolution | Trajectory], record: IntegrationRecord) -> None:
    """Add the steps and the error to the record."""
    record.steps += max(channel.steps for channel in channels)
    record.error = max(record.error, *(channel.error for channel in channels))


def _collect(channels: list[Evolution], record: IntegrationRecord) -> Iterator[np.ndarray]:
    """Yield the states of all channels, (C, n), and add steps, error and integrals to the record."""
    _note(channels, record)
    integrals = [channel.integral for channel in channels if channel.integral is not None]
    if integrals:
        values, errors = np.stack([each.values for each in integrals], axis=1), [each.error for each in integrals]
        record.integral = Integral(values, np.max(errors, axis=0))
    for states in zip(*(channel.values for channel in channels), strict=True):
        yield np.stack(states)
