"""One verb, `evolve`: what operators and integrators of  M du/dt = -B u  know of each other.

An operator gives `apply` (B u), `mass` (M u), `dot` (rows times u), `solver(shift)` (b -> (M + shift B)^-1 b) and
`start`. States are real, (C, n), n being what this rank holds; channels never mix. Each integrator
yields the state at every output time after the first.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from freqbias.numerics import Basis, Lanczos

Solve = Callable[[np.ndarray], np.ndarray]


class Operator(Protocol):
    """spread: the ranks that a state is spread over, those of the mesh, or COMM_SELF where each holds the whole."""

    @property
    def state_comm(self) -> MPI.Comm: ...
    def apply(self, u: np.ndarray) -> np.ndarray: ...
    def mass(self, u: np.ndarray) -> np.ndarray: ...
    def dot(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray: ...
    def solver(self, shift: float) -> Solve: ...


class OnStep(Protocol):
    def __call__(self, run: int = 0, krylov: Lanczos | None = None) -> None:
        """Called before every step, product or solve; what it raises ends the integration. Collective.

        krylov: the basis made so far, of the run of this number (channel by channel, and group of output times by
        group), which can be gone on from.
        """


@dataclass
class IntegrationRecord:
    """What the integration took, and its hooks.

    steps: time steps, products or solves in sequence; solves: with M + shift B, over all channels; factorisations:
    shifts made ready for that; error: the bound or estimate of the integration's error so far, relative to the start;
    step: the length of the last step, where that adapts; scale: |u| of each channel at the start, which the error is
    relative to. known(run): the basis that an earlier run left.
    """

    steps: int = 0
    solves: int = 0
    factorisations: int = 0
    error: float = 0.0
    step: float = 0.0
    scale: tuple[float, ...] = ()
    on_step: OnStep = lambda run=0, krylov=None: None
    saved_basis: Callable[[int], Basis | None] = lambda run: None

    def begin(self, operator: Operator, start: np.ndarray) -> None:
        """Take the measure of the start, unless what follows goes on with an earlier run. Collective."""
        self.scale = self.scale or tuple(norms(operator, start))

    def relative(self, operator: Operator, error: np.ndarray) -> float:
        """|error| over the start, the largest of the channels (one that starts at 0 stays there); NaN where one is.
        Collective."""
        pairs = zip(norms(operator, error), self.scale, strict=True)
        return float(np.max([size / scale for size, scale in pairs if scale > 0], initial=0.0))

    def counts(self) -> dict[str, Any]:
        """The numbers alone, for a report or a resumed run."""
        return {name: getattr(self, name) for name in ("steps", "solves", "factorisations", "error", "step", "scale")}

    def restore(self, counts: dict[str, Any]) -> None:
        for name, value in counts.items():
            setattr(self, name, value)

    def solver(self, operator: Operator, shift: float) -> Solve:
        """operator.solver(shift), counted. Collective."""
        solve = operator.solver(shift)
        self.factorisations += 1

        def counted(b: np.ndarray) -> np.ndarray:
            self.solves += 1
            return solve(b)

        return counted


class Integrator(Protocol):
    def evolve(
        self, operator: Operator, start: np.ndarray, times: np.ndarray, record: IntegrationRecord
    ) -> Iterator[np.ndarray]:
        """The states at times[1:] from the state at times[0]. Collective."""


def norms(operator: Operator, states: np.ndarray) -> list[float]:
    """|u| of each channel in the norm of M, from (C, n); NaN where a value is. Collective."""
    return [float(np.sqrt(np.maximum(0.0, operator.dot(u[None], operator.mass(u))[0]))) for u in states]


def finite(comm: MPI.Comm, states: np.ndarray) -> bool:
    """Whether all values are finite, on every rank. Collective."""
    return bool(comm.allreduce(bool(np.isfinite(states).all()), MPI.LAND))
