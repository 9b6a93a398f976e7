"""The interface of a network on samples, for training, step control and kernels, and the loss.

u = f - f*,    loss L = 1/2 mean_q sum_c u_cq^2,    d(state)/dt = -dL/d(state) = J^T (-u / N),    J = df/d(state).

f (C, N) are the values of the network for C channels and N samples, and f* is the target. The state is one flat real
vector of all parameters, in double precision. Integrators need not know the layout of the state.
"""

from abc import ABC, abstractmethod

import numpy as np
import torch

from freqbias.numerics import Apply, Sites
from freqbias.problem import Problem


class TrainableNetwork(ABC):
    """A network on samples.

    start: the state at t = 0. start_loss: the loss at t = 0. target: `training_target`, (C, N), on the
    device of the states.
    """

    start: torch.Tensor
    start_loss: float
    target: torch.Tensor

    @abstractmethod
    def values(self, state: torch.Tensor) -> torch.Tensor:
        """Return f, (C, N), in double precision. Raises FloatingPointError if the state is not finite."""

    @abstractmethod
    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return J^T r at the state of the last call of `values`. values: r, (C, N)."""

    @abstractmethod
    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """Return J times a change of the state, (C, N), at the state of the last call of `values`."""

    @abstractmethod
    def gather(self, state: torch.Tensor) -> np.ndarray | None:
        """Return the state of all neurons on rank 0, and None on other ranks.

        state: the state of this process's neurons, or a vector with the same layout, for example a momentum.
        """

    @abstractmethod
    def scatter(self, state: np.ndarray | None) -> torch.Tensor:
        """Return the state of this process's neurons, from the vector on rank 0. Inverse of `gather`."""

    @abstractmethod
    def values_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        """Return f at any P sites, (C, P), in double precision."""

    @abstractmethod
    def jvp_at(self, state: torch.Tensor, sites: Sites, change: torch.Tensor) -> np.ndarray:
        """Return the derivative of f at any P sites times a change of the state, (C, P), in double precision."""

    @abstractmethod
    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        """Return an upper bound of |df_c(x)/d(state)|^2 at any P sites, (C, P). It is the diagonal of the kernel."""

    def error_and_negative_gradient(
        self, state: torch.Tensor, weights: np.ndarray | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return u, (C, N), and -dL/d(state) = J^T (-u / N). Raises FloatingPointError if the state is not finite.

        weights: the weights of the samples in the loss L for the gradient, (N,), with mean 1. By default all are 1.
        """
        error = self.values(state) - self.target
        residual = error / -error.shape[1]
        if weights is not None:
            residual *= torch.from_numpy(weights).to(residual.device)
        return error, self.vjp(state, residual)

    def negative_gradient(self, state: torch.Tensor) -> torch.Tensor:
        """Return -dL/d(state) = d(state)/dt."""
        return self.error_and_negative_gradient(state)[1]

    def kernel(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return J J^T u / N at the state of the last call of `values`, (C, N) -> (C, N).

        The gradient flow is du/dt = -J J^T u / N.
        """
        return self.jvp(state, self.vjp(state, values / values.shape[1]))

    def kernel_at(self, state: torch.Tensor) -> Apply:
        """Return `kernel` as a function of flat NumPy vectors (C N,), for Lanczos."""

        def apply(values: np.ndarray) -> np.ndarray:
            shaped = torch.from_numpy(values).view(self.target.shape).to(state.device)
            return self.kernel(state, shaped).cpu().numpy().ravel()

        return apply


def training_target(problem: Problem, start: torch.Tensor) -> torch.Tensor:
    """Return what the training subtracts from the values f of the network, (C, N), on the device of start.

    This is the target f*. If the problem has an initial error u(0), it is f(0) - u(0), so that the error starts at
    u(0). The network is then added to a fixed function, and the kernels stay the same.
    start: f(0), (C, N).
    """
    if problem.initial_error is None:
        return torch.as_tensor(problem.samples.values, device=start.device)
    return start - torch.as_tensor(problem.initial_error, device=start.device)


def loss(error: torch.Tensor) -> float:
    """Return the loss L = 1/2 mean_q sum_c u_cq^2. error: u, (C, N)."""
    return float(0.5 * (error**2).mean(dim=1).sum())
