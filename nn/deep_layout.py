"""The layout of a deep network's weights in the state vector, and the memory that a training needs."""

from dataclasses import dataclass
from math import prod

import torch

from freqbias.nn.deep_pass import Weights
from freqbias.nn.kernel_cost import matrix_is_cheaper
from freqbias.nn.transforms import PRECISIONS
from freqbias.problem import DeepWeights, Problem


@dataclass(frozen=True)
class DeepLayout:
    """The weights in the order W, V_1, ..., V_L, c, and then b, if there are biases. Each is stored for all copies.

    copies: the number S of networks. Each network has m = width frequencies and L = layers hidden layers of
    n = hidden_width neurons. biased: whether the hidden layers have biases.
    """

    copies: int
    width: int
    hidden_width: int
    layers: int
    channels: int
    dimension: int
    biased: bool = False

    @classmethod
    def of(cls, problem: Problem) -> "DeepLayout":
        network = problem.network
        assert network.hidden_width is not None  # the settings fill it in
        copies = 2 if network.symmetric else 1
        widths = network.width // copies, network.hidden_width // copies
        channels, biased = problem.samples.channels, network.bias is not None
        return cls(copies, *widths, network.depth - 2, channels, problem.dimension, biased)

    @property
    def hidden_shapes(self) -> list[tuple[int, int, int]]:
        """The shapes of V_1, ..., V_L."""
        s, m, n = self.copies, self.width, self.hidden_width
        return [(s, n, 2 * m), *[(s, n, n)] * (self.layers - 1)]

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """The shapes of W, V_1, ..., V_L, c, and of b (S, L, n)."""
        s, n = self.copies, self.hidden_width
        biases = [(s, self.layers, n)] if self.biased else []
        return [(s, self.width, self.dimension), *self.hidden_shapes, (s, self.channels, n), *biases]

    @property
    def size(self) -> int:
        return sum(map(prod, self.shapes))

    def split(self, state: torch.Tensor) -> Weights:
        """Return views of the weights."""
        parts = state.split([prod(shape) for shape in self.shapes])
        frequencies, *rest = (part.view(shape) for part, shape in zip(parts, self.shapes, strict=True))
        hidden, output = rest[: self.layers], rest[self.layers]
        return Weights(frequencies, hidden, output, rest[-1] if self.biased else None)

    def join(self, weights: DeepWeights) -> torch.Tensor:
        """Return the state with these weights in every copy, (size,), on the CPU."""
        state = torch.empty(self.size, dtype=torch.float64)
        parts = self.split(state)
        pairs = [(parts.frequencies, weights.frequencies), *zip(parts.hidden, weights.hidden, strict=True)]
        pairs += [(parts.output, weights.output)]
        if parts.biases is not None and weights.biases is not None:
            pairs += [(parts.biases, weights.biases)]
        for part, drawn in pairs:
            part.copy_(torch.from_numpy(drawn))
        return state

    def matrix_is_cheaper(self, samples: int) -> bool:
        """Return True if the kernel's matrix needs fewer operations than a few products with the kernel."""
        return matrix_is_cheaper((shape[1:] for shape in self.hidden_shapes), channels=self.channels, samples=samples)

    def memory(self, samples: int, *, precision: str) -> float:
        """Return an upper bound of the peak memory of a training, in bytes.

        The bound includes about nine states for Runge-Kutta 4, the weights in the precision of the products, and one
        forward and one backward pass. If the kernel's matrix is cheaper, the bound also includes one backward pass for
        each channel, the matrix, and the terms of the matrix.
        """
        s, m, n = self.copies, self.width, self.hidden_width
        number = PRECISIONS[precision][0].itemsize
        passes, matrix = 8 * 4 * m + number * (6 * 2 * m + (2 * self.layers + 3) * n), 0.0
        if self.matrix_is_cheaper(samples):
            back = 2 * self.channels * max(n, 2 * m)
            passes = max(passes, number * (2 * m + 2 * self.layers * n + back))
            matrix = 8 * (2 + s) * (self.channels * samples) ** 2
        return (9 * 8 + number) * self.size + number * 2 * s * m * n + s * samples * passes + matrix
