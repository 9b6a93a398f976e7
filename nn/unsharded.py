"""Networks whose layers are dense matrices, on the samples of a problem. One process has all the neurons."""

from abc import abstractmethod
from collections.abc import Callable

import numpy as np
import torch

from freqbias.nn.trainable import TrainableNetwork, loss, training_target
from freqbias.nn.transforms import CHUNK
from freqbias.numerics import Apply, Sites
from freqbias.problem import Problem


class UnshardedNetwork(TrainableNetwork):
    """A network with a state in double precision, which one process has as a whole.

    A subclass sets what `values` needs before it calls `__init__`. `_uncorrected_values` computes f on the samples.
    """

    def __init__(self, problem: Problem, start: torch.Tensor, *, device: torch.device | str = "cpu") -> None:
        self.rates = problem.rates
        self._positions = torch.tensor(problem.sites.positions().T, device=device)  # (d, N)
        self.start = start.to(device)
        self.target = torch.as_tensor(problem.samples.values, device=device)
        self._rounding = torch.zeros_like(self.target)
        if problem.network.symmetric:
            self._rounding = self.values(self.start)  # subtracted, so that f is exactly 0 at t = 0
        values = self.values(self.start)
        self.target = training_target(problem, values)
        self.start_loss = loss(values - self.target)

    def values(self, state: torch.Tensor) -> torch.Tensor:
        values = self._uncorrected_values(state)
        if not torch.isfinite(values).all():
            raise FloatingPointError("a weight is NaN or infinite, or too large for the precision")
        return values - self._rounding

    @abstractmethod
    def _uncorrected_values(self, state: torch.Tensor) -> torch.Tensor:
        """Return f, (C, N), in double precision, and keep what the derivatives at this state need."""

    @abstractmethod
    def kernel_matrix(self, state: torch.Tensor) -> torch.Tensor:
        """Return J R J^T, (C N, C N), in the precision of the products.

        The matrix is a sum over the layers. J is not stored.
        """

    @abstractmethod
    def _matrix_is_cheaper(self) -> bool:
        """Return whether the matrix J R J^T is cheaper than a few products with J and J^T."""

    def kernel_at(self, state: torch.Tensor) -> Apply:
        """Return `kernel` as a map of flat vectors (C N,).

        The map uses the matrix J R J^T if the matrix is cheaper than products with J and J^T.
        """
        if not self._matrix_is_cheaper():
            return super().kernel_at(state)
        matrix = self.kernel_matrix(state) / self.target.shape[1]

        def apply(values: np.ndarray) -> np.ndarray:
            return (matrix @ torch.from_numpy(values).to(matrix)).double().cpu().numpy()

        return apply

    @abstractmethod
    def _numbers(self) -> int:
        """Return how many numbers the derivatives at one position hold at a time."""

    def gather(self, state: torch.Tensor) -> np.ndarray:
        return state.cpu().numpy()

    def scatter(self, state: np.ndarray | None) -> torch.Tensor:
        assert state is not None  # there is one process
        return torch.from_numpy(state).to(self.start.device)

    def _by_parts(self, sites: Sites, compute: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        """Return compute(positions (d, P)), (C, P), for a few sites at a time to save memory."""
        positions = torch.tensor(sites.positions().T, device=self.start.device)
        parts = [compute(part) for part in positions.split(max(1, CHUNK // self._numbers()), dim=1)]
        return torch.cat(parts, dim=1).cpu().numpy()
