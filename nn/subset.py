"""The sums of a network for a part of a grid, by the backend of the whole grid."""

import torch

from freqbias.nn.transforms import Transforms
from freqbias.numerics import GridSubset


class SubsetTransforms(Transforms):
    """The sums at the points of a `GridSubset`. The values at all other points of the grid are 0.

    whole: the transforms of the whole grid. On a grid they are faster than on scattered samples, so the points that are
    not needed cost less than they save.
    """

    def __init__(self, sites: GridSubset, whole: Transforms, *, device: torch.device | str = "cpu") -> None:
        self.sites, self._whole, self._size = sites, whole, sites.grid.size
        self._indices = torch.tensor(sites.indices, device=device)

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        self._whole.set_frequencies(frequencies)

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        return self._whole.to_samples(amplitudes)[:, self._indices]

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        whole = values.new_zeros(len(values), self._size)
        whole[:, self._indices] = values
        return self._whole.to_frequencies(whole)
