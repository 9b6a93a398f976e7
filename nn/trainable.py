"""The interface of a network on samples, for training, step control and kernels, and the loss.

    u = f - f*,    loss L = 1/(2N) sum_c u_c . P u_c,
    d(state)/dt = -R dL/d(state) - lambda (state - reference),    -R dL/d(state) = R J^T (-P u / N),    J = df/d(state).

R is diagonal and contains the learning rate of the group of each parameter (`problem.Rates`), which is 1 by default.
P is the matrix of the training loss, by default 1 (`problem.TrainingLoss`). lambda is the rate of the weight decay, by
default 0 (`problem.WeightDecay`). The kernel is K = J R J^T.

f (C, N) are the values of the network for C channels and N samples, and f* is the target. The state is one flat real
vector of all parameters, in double precision. Integrators need not know the layout of the state.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import torch

from freqbias.numerics import Apply, Sites
from freqbias.problem import MEAN_SQUARE, NO_DECAY, MeanSquare, Problem, Rates, TrainingLoss, WeightDecay


class TrainableNetwork(ABC):
    """A network on samples.

    start: the state at t = 0. start_loss: the loss at t = 0. target: `training_target`, (C, N), on the
    device of the states. rates: the learning rates of the groups of parameters. training_loss: what is made small.
    decay: of the parameters.
    """

    rates: Rates
    start: torch.Tensor
    start_loss: float
    target: torch.Tensor
    training_loss: TrainingLoss = MEAN_SQUARE
    decay: WeightDecay = NO_DECAY

    @abstractmethod
    def values(self, state: torch.Tensor) -> torch.Tensor:
        """Return f, (C, N), in double precision. Raises FloatingPointError if the state is not finite."""

    @abstractmethod
    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return J^T r at the state of the last call of `values`. values: r, (C, N).

        The entries of frozen parameters may be 0 instead, which saves time.
        """

    @abstractmethod
    def groups(self, state: torch.Tensor) -> Iterable[tuple[float, torch.Tensor]]:
        """Return the learning rate and a view of each group of parameters in a vector with the layout of the state."""

    @abstractmethod
    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """Return J times a change of the state, (C, N), at the state of the last call of `values`.

        The change of frozen parameters must be 0.
        """

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
        """Return the derivative of f at any P sites times a change of the state, (C, P), in double precision.

        The change of frozen parameters must be 0.
        """

    @abstractmethod
    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        """Return an upper bound of |R^(1/2) df_c(x)/d(state)|^2 at any P sites, (C, P), the diagonal of the kernel."""

    def scale(self, change: torch.Tensor) -> torch.Tensor:
        """Return R times a change of the state, which is overwritten."""
        for rate, part in self.groups(change):
            if rate != 1:
                part.mul_(rate)
        return change

    def scaled_vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return R J^T r at the state of the last call of `values`. values: r, (C, N)."""
        return self.scale(self.vjp(state, values))

    def error_and_negative_gradient(
        self, state: torch.Tensor, weights: np.ndarray | None = None, *, scaled: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return u, (C, N), and d(state)/dt = R J^T (-P u / N) - lambda (state - reference).

        weights: the weights of the samples in the loss L for the gradient, (N,), with mean 1. By default all are 1.
        scaled: whether to multiply by R.
        Raises FloatingPointError if the state is not finite.
        """
        error = self.values(state) - self.target
        residual = self.residual(error) / -error.shape[1]
        if weights is not None:
            residual *= torch.from_numpy(weights).to(residual.device)
        slope = self.scaled_vjp(state, residual) if scaled else self.vjp(state, residual)
        if self.decay.rate:
            pull = self.decay.rate * (state - self.start if self.decay.towards == "start" else state)
            for rate, part in self.groups(pull):
                if rate == 0:  # frozen
                    part.zero_()
            slope -= pull
        return error, slope

    def residual(self, error: torch.Tensor) -> torch.Tensor:
        """Return P u, (C, N), for an error u."""
        if isinstance(self.training_loss, MeanSquare):
            return error
        return torch.from_numpy(self.training_loss.residual(error.cpu().numpy())).to(error)

    def norm(self, error: torch.Tensor) -> float:
        """Return |u|_P, the root of the sum of u . P u over the channels, for an error u, (C, N)."""
        return float(torch.sum(error * self.residual(error)).clamp(min=0).sqrt())

    def objective(self, error: torch.Tensor) -> float:
        """Return the training loss L for an error u, (C, N)."""
        return 0.5 * self.norm(error) ** 2 / error.shape[1]

    def negative_gradient(self, state: torch.Tensor) -> torch.Tensor:
        """Return d(state)/dt, which is -R dL/d(state) without weight decay."""
        return self.error_and_negative_gradient(state)[1]

    def kernel(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return J R J^T u / N at the state of the last call of `values`, (C, N) -> (C, N).

        The gradient flow is du/dt = -J R J^T u / N.
        """
        return self.jvp(state, self.scaled_vjp(state, values / values.shape[1]))

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
