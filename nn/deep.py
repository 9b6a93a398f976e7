"""The network with hidden layers on the samples of a problem. `freqbias.nn.deep_pass` contains the formulas.

The state is one flat vector: W (S, m, d), V_1 (S, n, 2m), the other V_l (S, n, n), c (S, C, n), and b (S, L, n) with
biases, in this order. The state is always in double precision, because single precision would lose small steps. The
matrix products need most of the time and are in `precision`.
"""

from collections.abc import Iterable
from math import sqrt

import numpy as np
import torch

from freqbias.nn.deep_layout import DeepLayout
from freqbias.nn.deep_pass import Pass, forward
from freqbias.nn.tensor_activations import TENSOR_ACTIVATIONS
from freqbias.nn.transforms import PRECISIONS
from freqbias.nn.unsharded import UnshardedNetwork
from freqbias.numerics import Sites
from freqbias.problem import ACTIVATIONS, Problem, draw_deep


class DeepNetwork(UnshardedNetwork):
    """The drawn network of a problem, on the samples of the problem."""

    def __init__(self, problem: Problem, *, precision: str = "single", device: torch.device | str = "cpu") -> None:
        network = problem.network
        assert network.activation is not None  # filled in by the settings
        self.layout = DeepLayout.of(problem)
        self._activation = TENSOR_ACTIVATIONS[network.activation]
        self._moment = ACTIVATIONS[network.activation].second_moment
        self._bias = network.bias or 0.0
        self._real, _ = PRECISIONS[precision]
        signs = [sqrt(0.5), -sqrt(0.5)] if network.symmetric else [1.0]
        self._signs = torch.tensor(signs, dtype=torch.float64, device=device).view(-1, 1, 1)
        self._last: tuple[torch.Tensor, Pass] | None = None
        weights = draw_deep(
            problem.density, network, dimension=problem.dimension, channels=problem.samples.channels, seed=problem.seed
        )
        super().__init__(problem, self.layout.join(weights), device=device)

    def _uncorrected_values(self, state: torch.Tensor) -> torch.Tensor:
        self._last = None  # free the memory for the next pass
        self._last = state, self._forward(state, self._positions, self._real)
        return self._last[1].values

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
        return self._at(state).kernel().view(self.target.numel(), -1)

    def _matrix_is_cheaper(self) -> bool:
        return self.layout.matrix_is_cheaper(self.target.shape[1])

    def values_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        return self._by_parts(sites, lambda part: self._forward(state, part, torch.float64).values)

    def jvp_at(self, state: torch.Tensor, sites: Sites, change: torch.Tensor) -> np.ndarray:
        weights = self.layout.split(change)
        return self._by_parts(sites, lambda part: self._forward(state, part, torch.float64).jvp(weights))

    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        return self._by_parts(sites, lambda part: self._forward(state, part, torch.float64).kernel_diagonal())

    def _numbers(self) -> int:
        return 2 * self.layout.copies * sum(n + k for n, k in self.layout.layers)

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
