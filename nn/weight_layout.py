"""The layout of the weights of an unsharded network in its state vector, and the cost of its kernel's matrix."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Self

import numpy as np
import torch

from freqbias.problem import Problem, WeightShapes, weight_shapes

LARGEST_MATRIX = 2**27  # entries of a kernel matrix
FEW_PRODUCTS = 3  # the matrix must be cheaper than this many kernel products, because every caller needs at least 3


@dataclass(frozen=True)
class WeightLayout:
    """The weights one after the other, each for all copies. shapes: by the names in kept networks, `weight_shapes`."""

    shapes: WeightShapes

    @classmethod
    def of(cls, problem: Problem) -> Self:
        return cls(weight_shapes(problem.network, channels=problem.samples.channels, dimension=problem.dimension))

    @property
    def size(self) -> int:
        return sum(map(prod, self.shapes.values()))

    @property
    def copies(self) -> int:
        """S, the number of equal networks: 2 if the network is symmetric, otherwise 1."""
        return self.shapes["output"][0]

    @property
    def channels(self) -> int:
        return self.shapes["output"][1]

    @property
    def layers(self) -> list[tuple[int, int]]:
        """The rows and columns (n, k) of the matrices of the hidden layers."""
        return [(shape[1], shape[2]) for name, shape in self.shapes.items() if name.startswith("hidden")]

    def by_name(self, state: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return views of the weights, by their names in kept networks."""
        parts = state.split([prod(shape) for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def _join(self, drawn: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the state with these weights in every copy, (size,), on the CPU. drawn: in the order of the shapes."""
        state = torch.empty(self.size, dtype=torch.float64)
        for part, each in zip(self.by_name(state).values(), drawn, strict=True):
            part.copy_(torch.from_numpy(each))
        return state

    def matrix_is_cheaper(self, samples: int) -> bool:
        """Return True if the kernel's matrix is not too large and needs fewer operations than FEW_PRODUCTS products.

        A kernel product is one product with J and one with J^T.
        """
        rows, layers = self.channels * samples, self.layers or [(self.shapes["output"][2], self.channels)]
        weights = sum(n * k for n, k in layers)
        inner_products = sum(samples**2 * k + rows**2 * n for n, k in layers)
        return rows**2 <= LARGEST_MATRIX and rows * weights + inner_products < 4 * FEW_PRODUCTS * samples * weights

    @abstractmethod
    def memory(self, samples: int, *, precision: str) -> float:
        """Return an upper bound of the peak memory of a training, in bytes."""
