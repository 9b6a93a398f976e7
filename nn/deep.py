"""The network with hidden layers on the samples of a problem. `freqbias.nn.deep_pass` contains the formulas.

The state is one flat vector: W (S, m, d), V_1 (S, n, 2m), the other V_l (S, n, n), c (S, C, n), and b (S, L, n) with
biases, in this order. The state is always in double precision, because single precision would lose small steps. The
matrix products need most of the time and are in `precision`.
"""

from collections.abc import Callable, Iterable
from math import prod, sqrt

import numpy as np
import torch

from freqbias.nn.deep_layout import DeepLayout
from freqbias.nn.deep_pass import Pass, forward
from freqbias.nn.tensor_activations import TENSOR_ACTIVATIONS
from freqbias.nn.trainable import TrainableNetwork, loss, training_target
from freqbias.nn.transforms import CHUNK, PRECISIONS
from freqbias.numerics import Apply, Sites
from freqbias.problem import ACTIVATIONS, Problem, draw_deep


class DeepNetwork(TrainableNetwork):
    """The drawn network of a problem, on the samples of the problem."""

    def __init__(self, problem: Problem, *, precision: str = "single", device: torch.device | str = "cpu") -> None:
        samples, network, self.rates = problem.samples, problem.network, problem.rates
        assert network.activation is not None  # filled in by the settings
        self.layout = DeepLayout.of(problem)
        self._activation = TENSOR_ACTIVATIONS[network.activation]
        self._moment = ACTIVATIONS[network.activation].second_moment
        self._bias = network.bias or 0.0
        self._real, _ = PRECISIONS[precision]
        signs = [sqrt(0.5), -sqrt(0.5)] if network.symmetric else [1.0]
        self._signs = torch.tensor(signs, dtype=torch.float64, device=device).view(-1, 1, 1)
        self._positions = torch.tensor(problem.sites.positions().T, device=device)
        self.target = torch.as_tensor(samples.values, device=device)
        weights = draw_deep(
            problem.density, network, dimension=problem.dimension, channels=samples.channels, seed=problem.seed
        )
        self.start = self.layout.join(weights).to(device)
        self._last: tuple[torch.Tensor, Pass] | None = None
        self._rounding = torch.zeros_like(self.target)
        if network.symmetric:
            self._rounding = self.values(self.start)  # subtracted, so that f is exactly 0 at t = 0
        start = self.values(self.start)
        self.target = training_target(problem, start)
        self.start_loss = loss(start - self.target)

    def values(self, state: torch.Tensor) -> torch.Tensor:
        self._last = None  # free the memory for the next pass
        self._last = state, self._forward(state, self._positions, self._real)
        values = self._last[1].values
        if not torch.isfinite(values).all():
            raise FloatingPointError("a weight is NaN or infinite, or too large for the precision")
        return values - self._rounding

    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        cotangent = torch.empty_like(state)
        self._at(state).vjp(values.to(self._real), self.layout.split(cotangent))
        return cotangent

    def groups(self, state: torch.Tensor) -> Iterable[tuple[float, torch.Tensor]]:
        weights, rates = self.layout.split(state), self.rates
        groups = [(rates.frequencies, weights.frequencies), *((rates.hidden, each) for each in weights.hidden)]
        groups += [(rates.output, weights.output)]
        return groups if weights.biases is None else [*groups, (rates.biases, weights.biases)]

    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        return self._at(state).jvp(self.layout.split(change))

    def kernel_matrix(self, state: torch.Tensor) -> torch.Tensor:
        """Return J R J^T, (C N, C N), in the precision of the products.

        The matrix is a sum over the layers. J is not stored.
        """
        return self._at(state).kernel().view(self.target.numel(), -1)

    def kernel_at(self, state: torch.Tensor) -> Apply:
        """Return `kernel` as a map of flat vectors (C N,).

        The map uses the matrix J R J^T if the matrix is cheaper than products with J and J^T.
        """
        samples = self.target.shape[1]
        if not self.layout.matrix_is_cheaper(samples):
            return super().kernel_at(state)
        matrix = self.kernel_matrix(state) / samples

        def apply(values: np.ndarray) -> np.ndarray:
            return (matrix @ torch.from_numpy(values).to(matrix)).double().cpu().numpy()

        return apply

    def gather(self, state: torch.Tensor) -> np.ndarray:
        return state.cpu().numpy()

    def scatter(self, state: np.ndarray | None) -> torch.Tensor:
        assert state is not None  # deep networks are never sharded
        return torch.from_numpy(state).to(self.start.device)

    def values_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        return self._by_parts(state, sites, lambda part: part.values)

    def jvp_at(self, state: torch.Tensor, sites: Sites, change: torch.Tensor) -> np.ndarray:
        return self._by_parts(state, sites, lambda part: part.jvp(self.layout.split(change)))

    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        return self._by_parts(state, sites, Pass.kernel_diagonal)

    def _by_parts(self, state: torch.Tensor, sites: Sites, compute: Callable[[Pass], torch.Tensor]) -> np.ndarray:
        """Return the results (C, P) of forward passes in double precision, for a few sites at a time to save memory."""
        positions = torch.tensor(sites.positions().T, device=state.device)
        chunk = max(1, CHUNK // max(prod(shape[:2]) for shape in self.layout.shapes))
        parts = [compute(self._forward(state, part, torch.float64)) for part in positions.split(chunk, dim=1)]
        return torch.cat(parts, dim=1).cpu().numpy()

    def _at(self, state: torch.Tensor) -> Pass:
        """Return the forward pass at this state. The last pass is reused if it was at the same state."""
        if self._last is None or self._last[0] is not state:
            self.values(state)
        assert self._last is not None
        return self._last[1]

    def _forward(self, state: torch.Tensor, positions: torch.Tensor, real: torch.dtype) -> Pass:
        weights = self.layout.split(state)
        return forward(
            weights, positions, self._signs, self._activation,
            moment=self._moment, real=real, rates=self.rates, bias=self._bias,
        )  # fmt: skip
