"""The layout of SIREN's weights in the state vector, and the memory that a training needs."""

from typing import NamedTuple

import torch

from freqbias.nn.transforms import PRECISIONS
from freqbias.nn.weight_layout import WeightLayout
from freqbias.problem import SirenWeights


class SirenParts(NamedTuple):
    """W (S, n, d), V_2, ..., V_L (S, n, n), c (S, C, n), b_1, ..., b_L (S, L, n), and b (S, C), for S copies."""

    first: torch.Tensor
    hidden: list[torch.Tensor]
    output: torch.Tensor
    biases: torch.Tensor
    output_bias: torch.Tensor


class SirenLayout(WeightLayout):
    """The weights in the order of `SirenParts`."""

    def split(self, state: torch.Tensor) -> SirenParts:
        """Return views of the weights."""
        first, *hidden, output, biases, output_bias = self.by_name(state).values()
        return SirenParts(first, hidden, output, biases, output_bias)

    def join(self, weights: SirenWeights) -> torch.Tensor:
        """Return the state with these weights in every copy, (size,), on the CPU."""
        return self._join([weights.first, *weights.hidden, weights.output, weights.biases, weights.output_bias])

    def memory(self, samples: int, *, precision: str) -> float:
        """Return an upper bound of the peak memory of a training, in bytes.

        The bound includes about nine states for Runge-Kutta 4, the weights in the precision of the products, one
        forward and one backward pass, which are in double precision for the kernel at the start, and the matrix of this
        kernel, if it is cheaper than products.
        """
        number = PRECISIONS[precision][0].itemsize
        copies, layers, n = self.shapes["biases"]
        passes, matrix = 6 + 4 * layers, 0.0
        if self.matrix_is_cheaper(samples):
            passes = max(passes, 2 * layers * (1 + self.channels))
            matrix = 8 * (2 + copies) * (self.channels * samples) ** 2
        return (9 * 8 + 2 * number) * self.size + 8 * samples * copies * n * passes + matrix
