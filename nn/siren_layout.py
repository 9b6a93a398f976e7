"""The layout of SIREN's weights in the state vector, and the memory that a training needs."""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch

from freqbias.nn.kernel_cost import matrix_is_cheaper
from freqbias.nn.transforms import PRECISIONS
from freqbias.problem import Network, Problem, SirenWeights


class SirenParts(NamedTuple):
    """W (S, n, d), V_2, ..., V_L (S, n, n), c (S, C, n), b_1, ..., b_L (S, L, n), and b (S, C), for S copies."""

    first: torch.Tensor
    hidden: list[torch.Tensor]
    output: torch.Tensor
    biases: torch.Tensor
    output_bias: torch.Tensor


def siren_shapes(network: Network, *, channels: int, dimension: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of W, V_2, ..., V_L, c, the biases and the output bias, by their names in kept networks."""
    s, d, layers = 2 if network.symmetric else 1, dimension, network.depth - 1
    n = network.width // s
    hidden = {f"hidden.{layer}": (s, n, n) for layer in range(layers - 1)}
    return {
        "first": (s, n, d), **hidden, "output": (s, channels, n),
        "biases": (s, layers, n), "output_bias": (s, channels),
    }  # fmt: skip


@dataclass(frozen=True)
class SirenLayout:
    """The weights in the order of `SirenParts`. shapes: `siren_shapes`."""

    shapes: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, problem: Problem) -> "SirenLayout":
        return cls(siren_shapes(problem.network, channels=problem.samples.channels, dimension=problem.dimension))

    @property
    def size(self) -> int:
        return sum(map(prod, self.shapes.values()))

    def by_name(self, state: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return views of the weights, by their names in kept networks."""
        parts = state.split([prod(shape) for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def split(self, state: torch.Tensor) -> SirenParts:
        """Return views of the weights."""
        first, *hidden, output, biases, output_bias = self.by_name(state).values()
        return SirenParts(first, hidden, output, biases, output_bias)

    def join(self, weights: SirenWeights) -> torch.Tensor:
        """Return the state with these weights in every copy, (size,), on the CPU."""
        state = torch.empty(self.size, dtype=torch.float64)
        drawn = [weights.first, *weights.hidden, weights.output, weights.biases, weights.output_bias]
        for part, each in zip(self.by_name(state).values(), drawn, strict=True):
            part.copy_(torch.from_numpy(each))
        return state

    def matrix_is_cheaper(self, samples: int) -> bool:
        """Return True if the kernel's matrix needs fewer operations than a few products with the kernel."""
        layers = [shape[1:] for name, shape in self.shapes.items() if name == "first" or name.startswith("hidden")]
        return matrix_is_cheaper(((n, k) for n, k in layers), channels=self.shapes["output"][1], samples=samples)

    def memory(self, samples: int, *, precision: str) -> float:
        """Return an upper bound of the peak memory of a training, in bytes.

        The bound includes about nine states for Runge-Kutta 4, the weights in the precision of the products, one
        forward and one backward pass, which are in double precision for the kernel at the start, and the matrix of this
        kernel, if it is cheaper than products.
        """
        number = PRECISIONS[precision][0].itemsize
        copies, layers, n = self.shapes["biases"]
        channels = self.shapes["output"][1]
        passes, matrix = 6 + 4 * layers, 0.0
        if self.matrix_is_cheaper(samples):
            passes = max(passes, 2 * layers * (1 + channels))
            matrix = 8 * (2 + copies) * (channels * samples) ** 2
        return (9 * 8 + 2 * number) * self.size + 8 * samples * copies * n * passes + matrix
