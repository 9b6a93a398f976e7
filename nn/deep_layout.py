"""The layout of a deep network's weights in the state vector, and the memory that a training needs."""

import torch

from freqbias.nn.deep_pass import Weights
from freqbias.nn.transforms import PRECISIONS
from freqbias.nn.weight_layout import WeightLayout
from freqbias.problem import DeepWeights


class DeepLayout(WeightLayout):
    """The weights in the order W, V_1, ..., V_L, c, and then b, if there are biases."""

    def split(self, state: torch.Tensor) -> Weights:
        """Return views of the weights."""
        parts = self.by_name(state)
        hidden = [part for name, part in parts.items() if name.startswith("hidden")]
        return Weights(parts["frequencies"], hidden, parts["output"], parts.get("biases"))

    def join(self, weights: DeepWeights) -> torch.Tensor:
        """Return the state with these weights in every copy, (size,), on the CPU."""
        biases = [] if weights.biases is None else [weights.biases]
        return self._join([weights.frequencies, *weights.hidden, weights.output, *biases])

    def memory(self, samples: int, *, precision: str) -> float:
        """Return an upper bound of the peak memory of a training, in bytes.

        The bound includes about nine states for Runge-Kutta 4, the weights in the precision of the products, and one
        forward and one backward pass. If the kernel's matrix is cheaper, the bound also includes one backward pass for
        each channel, the matrix, and the terms of the matrix.
        """
        s, layers, (n, features) = self.copies, len(self.layers), self.layers[0]  # features: 2 m
        number = PRECISIONS[precision][0].itemsize
        passes, matrix = 8 * 2 * features + number * (6 * features + (2 * layers + 3) * n), 0.0
        if self.matrix_is_cheaper(samples):
            back = 2 * self.channels * max(n, features)
            passes = max(passes, number * (features + 2 * layers * n + back))
            matrix = 8 * (2 + s) * (self.channels * samples) ** 2
        return (9 * 8 + number) * self.size + number * s * features * n + s * samples * passes + matrix
