"""What training, pace and kernels ask of a network on its samples, whatever its depth.

u = f - f*,    loss L = 1/2 mean_q sum_c u_cq^2,    d(state)/dt = -dL/d(state) = J^T (-u / N),    J = df/d(state).

The state is one flat real vector in double, so that integrators need not know what is in it.
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
        """f (C, N) on the samples, in double. Raises FloatingPointError where the state is not finite."""

    @abstractmethod
    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """J^T r for r (C, N), at the state that `values` was last asked about."""

    @abstractmethod
    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """J times a change of the state: (C, N), at the state that `values` was last asked about."""

    @abstractmethod
    def gather(self, state: torch.Tensor) -> np.ndarray | None:
        """The whole state, or what goes with it like a momentum, on rank 0; None on the others."""

    @abstractmethod
    def scatter(self, state: np.ndarray | None) -> torch.Tensor:
        """The inverse: this process's part of what rank 0 has."""

    @abstractmethod
    def held_out_error(self, state: torch.Tensor) -> np.ndarray | None:
        """u = f - f* (C, N') at the samples that are held out, in double; None where there are none."""

    def flow(self, state: torch.Tensor, weights: np.ndarray | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """u (C, N) and d(state)/dt. Raises FloatingPointError where the state is not finite.

        weights (N,): of the samples in the loss whose gradient is taken, of mean 1; all the same where there are none.
        """
        error = self.values(state) - self.target
        residual = error / -error.shape[1]
        if weights is not None:
            residual *= torch.from_numpy(weights).to(residual.device)
        return error, self.vjp(state, residual)

    def negative_gradient(self, state: torch.Tensor) -> torch.Tensor:
        """d(state)/dt alone."""
        return self.flow(state)[1]

    def kernel(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """J J^T u / N at the state that `values` was last asked about: (C, N) -> (C, N); du/dt = -J J^T u / N."""
        return self.jvp(state, self.vjp(state, values / values.shape[1]))

    def kernel_at(self, state: torch.Tensor) -> Apply:
        """The same for NumPy's vectors (C N,), as Lanczos takes them."""

        def apply(values: np.ndarray) -> np.ndarray:
            shaped = torch.from_numpy(values).view(self.target.shape).to(state.device)
            return self.kernel(state, shaped).cpu().numpy().ravel()

        return apply


def loss(error: torch.Tensor) -> float:
    """1/2 mean_q u_q^2, summed over the channels of u (C, N)."""
    return float(0.5 * (error**2).mean(dim=1).sum())
