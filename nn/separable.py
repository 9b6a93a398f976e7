"""The separable backend: complex matrix products for samples on a grid.

On a grid exp(2 pi i w.x) = prod_i exp(2 pi i w_i x_i), and each factor needs the coordinates of one axis only.
"""

from math import prod

import torch

from freqbias.nn.transforms import CHUNK, PRECISIONS, Transforms, check_finite, waves
from freqbias.numerics import Grid


class SeparableTransforms(Transforms):
    """Sums by complex matrix products in torch, on the CPU or a GPU. Each sum takes time O(m N).

    The left matrix contains the factors of the first axis, with n_1 points, and the right matrix those of all other
    axes. So the sum over k neurons is a product of a matrix (n_1, k) and a matrix (k, N / n_1). chunk: the largest
    number of complex numbers in memory at one time.
    """

    def __init__(
        self, grid: Grid, *, precision: str = "single", device: torch.device | str = "cpu", chunk: int = CHUNK
    ) -> None:
        self._real, self._complex = PRECISIONS[precision]
        self.sites = grid
        self._axes = [torch.as_tensor(axis, dtype=torch.float64, device=device) for axis in grid.axes()]
        self._first, self._rest = grid.shape[0], prod(grid.shape[1:])
        self._chunk = chunk

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        check_finite(frequencies)
        self._frequencies = frequencies

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        channels = len(amplitudes)
        amplitudes = amplitudes.to(self._complex)
        result = torch.zeros(channels, self._first, self._rest, dtype=self._real, device=amplitudes.device)
        for part in self._parts(channels):
            left, right = self._factors(part)
            result += ((amplitudes[:, part, None] * left).mT @ right).real
        return result.reshape(channels, -1)

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        batch = len(values)
        grid_values = values.to(self._complex).reshape(batch, self._first, self._rest)
        result = torch.empty(batch, self._frequencies.shape[1], dtype=self._complex, device=values.device)
        for part in self._parts(batch):
            left, right = self._factors(part)
            result[:, part] = ((left.conj() @ grid_values) * right.conj()).sum(-1)
        return result

    def _parts(self, batch: int) -> list[slice]:
        """Return slices of the neurons. For each slice, a batch of products needs at most `chunk` complex numbers."""
        width = self._frequencies.shape[1]
        size = max(1, self._chunk // ((1 + batch) * (self._first + self._rest)))
        return [slice(start, min(start + size, width)) for start in range(0, width, size)]

    def _factors(self, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return exp(2 pi i w_1 x_1), (k, n_1), and exp(2 pi i (w_2 x_2 + ...)), (k, N / n_1)."""
        turns = [torch.outer(w, x) for w, x in zip(self._frequencies[:, part], self._axes, strict=True)]
        left, *others = [torch.complex(*waves(each, self._real)) for each in turns]
        right = torch.ones_like(left[:, :1])
        for other in others:
            right = (right[:, :, None] * other[:, None, :]).reshape(len(right), -1)
        return left, right
