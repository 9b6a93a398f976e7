"""The data operator under another loss than the mean square:  du/dt = -B P u,  P the matrix of the loss.

B P is symmetric and semidefinite in the inner product of P, (u, v) = u . P v, so in this inner product the integrators
work as for P = 1. Their errors are in the norm of P.
"""

from mpi4py import MPI  # isort: skip

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics import Lanczos
from freqbias.pde.data_operator import DataOperator
from freqbias.pde.protocols import Solve
from freqbias.problem import TrainingLoss

MAX_PRODUCTS = 1000
SOLVER_SHARE = 1e-3  # residual of a solve, relative to the accuracy of the transforms


class LossOperator:
    """B P, with mass matrix M = 1, in the inner product of P. A state is u, as for `DataOperator`."""

    def __init__(self, operator: DataOperator, loss: TrainingLoss, *, accuracy: float) -> None:
        """accuracy: the relative accuracy of the transforms."""
        self._operator, self._loss, self._accuracy = operator, loss, accuracy

    @property
    def state_comm(self) -> MPI.Comm:
        return self._operator.state_comm

    def apply(self, u: np.ndarray) -> np.ndarray:
        """Return B P u, (N,) -> (N,). Collective."""
        return self._operator.apply(self._loss.residual(u))

    def mass(self, u: np.ndarray) -> np.ndarray:
        return u

    def dot(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return rows P u, (k, N), (N,) -> (k,)."""
        return rows @ self._loss.residual(u)

    def solver(self, shift: float) -> Solve:
        """Return the map b -> (1 + shift B P)^-1 b.

        With the Lanczos basis V_m of b, x = |b|_P V_m y, y = (1 + shift T_m)^-1 e_1, has the residual
        shift beta_m |y_m| |b|_P. In the norm of P no error is larger than its residual, because 1 + shift B P >= 1.
        The map raises ComputationError if the residual stays too large.
        """

        def solve(b: np.ndarray, looseness: float = 1.0) -> np.ndarray:
            rtol = max(SOLVER_SHARE * self._accuracy * looseness, 1e-14)
            lanczos = Lanczos(self._operator.apply, b, mass=self._loss.residual)
            if lanczos.norm == 0:
                return np.zeros_like(b)
            for beta, values, vectors in lanczos.iterate(MAX_PRODUCTS, lambda krylov: None):
                y = vectors @ (vectors[0] / (1 + shift * values))
                if shift * beta * abs(y[-1]) <= rtol:
                    return lanczos.combine(lanczos.norm * y)
            raise ComputationError(
                f"Lanczos: the residual of a solve is above {rtol:.1e} after {MAX_PRODUCTS} products; use a smaller "
                "[pde] step"
            )

        return solve
