"""The interface of a network on its samples, for training, step control and kernels; the loss.

u = f - f*,    loss L = 1/2 mean_q sum_c u_cq^2,    d(state)/dt = -dL/d(state) = J^T (-u / N),    J = df/d(state).

The state is one flat real vector of all parameters, in double. Integrators need not know its layout.
"""

from abc import ABC, abstractmethod

import numpy as np
import torch

from freqbias.numerics import Apply


class TrainableNetwork(ABC):
    """start: the state at t = 0. start_loss: the loss there. target: f* (C, N), on the device of the states."""

    start: torch.Tensor
    start_loss: float
    target: torch.Tensor

    @abstractmethod
    def values(self, state: torch.Tensor) -> torch.Tensor:
        """f (C, N) on the samples, in double. Raises FloatingPointError if the state is not finite."""

    @abstractmethod
    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """J^T r for r (C, N), at the state of the last call of `values`."""

    @abstractmethod
    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """J times a change of the state, (C, N), at the state of the last call of `values`."""

    @abstractmethod
    def gather(self, state: torch.Tensor) -> np.ndarray | None:
        """Rank 0: the state of all neurons, or a vector like it, such as a momentum. None on other ranks."""

    @abstractmethod
    def scatter(self, state: np.ndarray | None) -> torch.Tensor:
        """The inverse of `gather`: this process's part of rank 0's vector."""

    @abstractmethod
    def held_out_error(self, state: torch.Tensor) -> np.ndarray | None:
        """u = f - f* (C, N') at the held-out samples, in double; None without held-out samples."""

    def error_and_negative_gradient(
        self, state: torch.Tensor, weights: np.ndarray | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """u (C, N) and -dL/d(state) = J^T (-u / N). Raises FloatingPointError if the state is not finite.

        weights (N,): of the samples in the loss whose gradient is taken, with mean 1. Default: all 1.
        """
        error = self.values(state) - self.target
        residual = error / -error.shape[1]
        if weights is not None:
            residual *= torch.from_numpy(weights).to(residual.device)
        return error, self.vjp(state, residual)

    def negative_gradient(self, state: torch.Tensor) -> torch.Tensor:
        """-dL/d(state) = d(state)/dt."""
        return self.error_and_negative_gradient(state)[1]

    def kernel(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """J J^T u / N at the state of the last call of `values`: (C, N) -> (C, N). The flow is du/dt = -J J^T u / N."""
        return self.jvp(state, self.vjp(state, values / values.shape[1]))

    def kernel_at(self, state: torch.Tensor) -> Apply:
        """`kernel` as a function of flat NumPy vectors (C N,), for Lanczos."""

        def apply(values: np.ndarray) -> np.ndarray:
            shaped = torch.from_numpy(values).view(self.target.shape).to(state.device)
            return self.kernel(state, shaped).cpu().numpy().ravel()

        return apply


def loss(error: torch.Tensor) -> float:
    """L = 1/2 mean_q sum_c u_cq^2, for u (C, N)."""
    return float(0.5 * (error**2).mean(dim=1).sum())
