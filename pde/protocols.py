"""What operators and integrators of  M du/dt = -B u  know of each other; the one verb is `evolve`.

States are real arrays (C, n), where n is the part that this rank holds. The C channels never mix.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from freqbias.numerics import Basis, Lanczos

Solve = Callable[[np.ndarray], np.ndarray]


class Operator(Protocol):
    """M and B, applied to one channel u, (n,). All methods are collective."""

    @property
    def state_comm(self) -> MPI.Comm:
        """The ranks that share a state: those of the mesh, or COMM_SELF if every rank holds the whole state."""

    def apply(self, u: np.ndarray) -> np.ndarray:
        """B u."""

    def mass(self, u: np.ndarray) -> np.ndarray:
        """M u."""

    def dot(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        """rows u, summed over the ranks: (k, n), (n,) -> (k,)."""

    def solver(self, shift: float) -> Solve:
        """The map b -> (M + shift B)^-1 b."""


class Integrator(Protocol):
    def evolve(
        self,
        operator: Operator,
        start: np.ndarray,
        times: np.ndarray,
        record: "IntegrationRecord",
        hooks: "IntegrationHooks" = ...,
    ) -> Iterator[np.ndarray]:
        """Yield the states at times[1:] from the state `start` at times[0]. Collective."""


@dataclass
class IntegrationRecord:
    """The work and the error of an integration so far.

    steps: time steps, or products or solves in sequence. solves: with M + shift B, over all channels. factorisations:
    shifts that a solver was prepared for. error: bound or estimate of the integration error, relative to the start.
    step: size of the last adaptive step. scale: |u| of each channel at the start, which errors are relative to.
    """

    steps: int = 0
    solves: int = 0
    factorisations: int = 0
    error: float = 0.0
    step: float = 0.0
    scale: tuple[float, ...] = ()

    def begin(self, operator: Operator, start: np.ndarray) -> None:
        """Set the scale, unless the record continues an earlier run. Collective."""
        self.scale = self.scale or tuple(norms(operator, start))

    def relative(self, operator: Operator, error: np.ndarray) -> float:
        """|error| / |start|, the largest of the channels, from (C, n); NaN if one is NaN. Collective.

        A channel that starts at 0 stays 0 and does not count.
        """
        pairs = zip(norms(operator, error), self.scale, strict=True)
        return float(np.max([size / scale for size, scale in pairs if scale > 0], initial=0.0))

    def solver(self, operator: Operator, shift: float) -> Solve:
        """operator.solver(shift), with its solves counted. Collective."""
        solve = operator.solver(shift)
        self.factorisations += 1

        def counted(b: np.ndarray) -> np.ndarray:
            self.solves += 1
            return solve(b)

        return counted


class OnStep(Protocol):
    def __call__(self, run: int = 0, krylov: Lanczos | None = None) -> None:
        """Called before every step, product or solve; an exception ends the integration. Collective.

        krylov: the Krylov basis of run number `run` so far. Runs are counted channel by channel, and group of output
        times by group.
        """


@dataclass(frozen=True)
class IntegrationHooks:
    """on_step: see `OnStep`. saved_basis: takes the number of a run to the Krylov basis that an earlier run saved."""

    on_step: OnStep = lambda run=0, krylov=None: None
    saved_basis: Callable[[int], Basis | None] = lambda run: None


NO_HOOKS = IntegrationHooks()


def norms(operator: Operator, states: np.ndarray) -> list[float]:
    """|u|_M of each channel, from (C, n); NaN where a value is NaN. Collective."""
    return [float(np.sqrt(np.maximum(0.0, operator.dot(u[None], operator.mass(u))[0]))) for u in states]


def all_finite(comm: MPI.Comm, states: np.ndarray) -> bool:
    """True if all values are finite on every rank. Collective."""
    return bool(comm.allreduce(bool(np.isfinite(states).all()), MPI.LAND))
