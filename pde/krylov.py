"""The integrators that reach all output times with one Krylov space: Lanczos, shift-and-invert Lanczos, and gradient
descent itself in the place of its flow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np

from freqbias.numerics import Evolution, Lanczos, Schedule, exponential, gradient_descent, shift_invert_exponential
from freqbias.pde.protocols import IntegrationRecord, Operator, Solve

SPAN = 100.0  # largest ratio of output times that one shift serves


@dataclass(frozen=True)
class LanczosIntegrator:
    """exp(-t B) u by Lanczos on B itself; for M = identity."""

    tolerance: float

    def evolve(
        self, operator: Operator, start: np.ndarray, times: np.ndarray, record: IntegrationRecord
    ) -> Iterator[np.ndarray]:
        results = [
            exponential(
                operator.apply, u, times[1:] - times[0], self.tolerance,
                saved_basis=record.saved_basis(run), callback=_callback(record, run),
            )
            for run, u in enumerate(start)
        ]  # fmt: skip
        yield from _together(results, record)


@dataclass(frozen=True)
class GradientDescentIntegrator:
    """(1 - step B)^s u by Lanczos on B, the steps landing on every output time as those of a training do; for M =
    identity."""

    tolerance: float
    step: float

    def evolve(
        self, operator: Operator, start: np.ndarray, times: np.ndarray, record: IntegrationRecord
    ) -> Iterator[np.ndarray]:
        schedule = Schedule(times, self.step)
        results = [
            gradient_descent(
                operator.apply, u, schedule, self.tolerance,
                saved_basis=record.saved_basis(run), callback=_callback(record, run),
            )
            for run, u in enumerate(start)
        ]  # fmt: skip
        yield from _together(results, record)


@dataclass(frozen=True)
class ShiftInvertIntegrator:
    """exp(-t M^-1 B) w by Lanczos on (M + gamma B)^-1 M, gamma = sqrt(t_e T)/10, t_e = max(t_1, 1/fastest).

    fastest: upper bound of the decay rates [1/time]. Output times are served in groups that span a ratio of at most
    100, each with a shift of its own.
    """

    tolerance: float
    fastest: float

    def evolve(
        self, operator: Operator, start: np.ndarray, times: np.ndarray, record: IntegrationRecord
    ) -> Iterator[np.ndarray]:
        for index, group in enumerate(self.groups(times[1:] - times[0])):
            shift = sqrt(max(group[0], 1 / self.fastest) * group[-1]) / 10
            solve: Solve | None = None

            def lazily(b: np.ndarray, shift: float = shift) -> np.ndarray:
                nonlocal solve
                solve = solve or record.solver(operator, shift)  # which a basis that is known already does not need
                return solve(b)

            runs = range(index * len(start), (index + 1) * len(start))
            results = [
                shift_invert_exponential(
                    lazily, w, group, self.tolerance, shift=shift,
                    mass=operator.mass, dot=operator.dot, saved_basis=record.saved_basis(run), callback=_callback(record, run),
                )
                for run, w in zip(runs, start, strict=True)
            ]  # fmt: skip
            yield from _together(results, record)

    def groups(self, times: np.ndarray) -> list[np.ndarray]:
        """The output times cut so that T / t_e <= SPAN in each group."""
        effective = np.maximum(times, 1 / self.fastest)
        cuts, first = [], 0
        for k, t in enumerate(effective):
            if t > SPAN * effective[first]:
                cuts.append(k)
                first = k
        return np.split(times, cuts)


def _callback(record: IntegrationRecord, run: int) -> Callable[[Lanczos], None]:
    def callback(krylov: Lanczos) -> None:
        record.on_step(run, krylov)

    return callback


def _together(results: list[Evolution], record: IntegrationRecord) -> np.ndarray:
    """The states (T, C, n) from those of each channel, counted."""
    record.steps += max(result.steps for result in results)
    record.error = max(record.error, *(result.error for result in results))
    return np.stack([result.values for result in results], axis=1)
