"""The interfaces of the operators and the integrators of  M du/dt = -B u.

A state is a real array (C, n), where n is the number of its values on this rank. Each of the C channels evolves
independently of the others.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from freqbias.numerics import Basis, Integral, Lanczos

SAME_SHIFT = 1e-12  # relative; the lengths of equal intervals between output times differ by rounding errors


class Solve(Protocol):
    def __call__(self, b: np.ndarray, looseness: float = 1.0) -> np.ndarray:
        """Return (M + shift B)^-1 b. An iterative solver may use `looseness` times its tolerance."""


class Operator(Protocol):
    """The matrices M and B, applied to one channel u, (n,). All methods are collective."""

    @property
    def state_comm(self) -> MPI.Comm:
        """The communicator of the ranks that share a state. It is COMM_SELF if every rank holds the whole state."""

    def apply(self, u: np.ndarray) -> np.ndarray:
        """Return B u."""

    def mass(self, u: np.ndarray) -> np.ndarray:
        """Return M u."""

    def dot(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the product of rows (k, n) and u (n,), summed over the ranks, (k,)."""

    def solver(self, shift: float) -> Solve:
        """Return the map b -> (M + shift B)^-1 b."""


class Integrator(Protocol):
    def evolve(
        self,
        operator: Operator,
        start: np.ndarray,
        times: np.ndarray,
        record: "IntegrationRecord",
        hooks: "IntegrationHooks" = ...,
    ) -> Iterator[np.ndarray]:
        """Yield the states at times[1:], each in an array of its own. Collective.

        start: the state at times[0].
        """


@dataclass
class IntegrationRecord:
    """The amount of work and the error of an integration so far.

    steps: the number of time steps, or of Krylov steps. Each Krylov step is one product or one solve. solves: the
    number of solves with M + shift B, summed over all channels. factorisations: the number of shifts for which a solver
    was prepared. error: a bound or an estimate of the integration error, relative to |u(0)|. step: the size of the last
    adaptive step. scale: |u(0)| of each channel. shift: that of the last solver, which a resumed run must use again to
    the last bit; or eps of the damped Gauss-Newton method. integral: that of u at the output times, (T, C, n), if all
    of them are computed together.
    """

    steps: int = 0
    solves: int = 0
    factorisations: int = 0
    error: float = 0.0
    step: float = 0.0
    scale: tuple[float, ...] = ()
    shift: float = 0.0

    def __post_init__(self) -> None:
        self._solver: tuple[Operator, Solve] | None = None
        self.integral: Integral | None = None  # not a field, because a checkpoint has no place for it

    def begin(self, operator: Operator, start: np.ndarray) -> None:
        """Set `scale` from the initial state `start`, unless `scale` is set by an earlier run. Collective."""
        self.scale = self.scale or tuple(norms(operator, start))

    def relative(self, operator: Operator, error: np.ndarray) -> float:
        """Return the largest |error| / |u(0)| of the channels, for an error (C, n). Collective.

        Returns NaN if the quotient of one channel is NaN. A channel with u(0) = 0 is ignored, because it stays 0.
        """
        pairs = zip(norms(operator, error), self.scale, strict=True)
        return float(np.max([size / scale for size, scale in pairs if scale > 0], initial=0.0))

    def solver(self, operator: Operator, shift: float) -> Solve:
        """Return operator.solver(self.shift), and count the solves. Collective.

        self.shift becomes `shift`, unless the two are equal up to rounding. Then the last solver is returned again.
        """
        if abs(shift - self.shift) > SAME_SHIFT * shift:
            self.shift, self._solver = shift, None
        if self._solver is not None and self._solver[0] is operator:
            return self._solver[1]
        solve = operator.solver(self.shift)
        self.factorisations += 1

        def counted(b: np.ndarray, looseness: float = 1.0) -> np.ndarray:
            self.solves += 1
            return solve(b, looseness)

        self._solver = operator, counted
        return counted


class OnStep(Protocol):
    def __call__(self, run: int = 0, krylov: Lanczos | None = None) -> None:
        """Do what is due before a step, product or solve. An exception ends the integration. Collective.

        The integrator calls the hook. krylov: the Krylov basis, so far, of Lanczos run number `run`. Each group of
        output times has one Lanczos run for each channel, and the groups follow one another.
        """


@dataclass(frozen=True)
class IntegrationHooks:
    """Functions that an integrator calls.

    on_step: see `OnStep`. saved_basis: returns the Krylov basis that an interrupted command saved for the Lanczos run
    of the given number, or None.
    """

    on_step: OnStep = lambda run=0, krylov=None: None
    saved_basis: Callable[[int], Basis | None] = lambda run: None


NO_HOOKS = IntegrationHooks()


def norms(operator: Operator, states: np.ndarray) -> list[float]:
    """Return |u|_M, the norm of M, for each channel of states (C, n). Collective.

    The norm of a channel is NaN if one of its values is NaN.
    """
    return [float(np.sqrt(np.maximum(0.0, operator.dot(u[None], operator.mass(u))[0]))) for u in states]


def all_finite(comm: MPI.Comm, states: np.ndarray) -> bool:
    """Return True if all values are finite on every rank. Collective."""
    return bool(comm.allreduce(bool(np.isfinite(states).all()), MPI.LAND))
