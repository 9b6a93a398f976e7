"""The dense backend: products with matrices of cos(2 pi w.x) and sin(2 pi w.x), for any samples, in torch."""

import torch

from freqbias.nn.transforms import CHUNK, PRECISIONS, Transforms, check_finite, waves
from freqbias.numerics import Sites

Waves = tuple[torch.Tensor, torch.Tensor]  # cos and sin, each (k, N)


class DenseTransforms(Transforms):
    """Sums by real matrix products with k neurons at a time, on the CPU or a GPU. Each sum takes time O(m N).

    chunk: the largest number of entries of a matrix. If the matrices of all neurons have at most this many entries,
    they are computed once for each set of frequencies.
    """

    def __init__(
        self, sites: Sites, *, precision: str = "single", device: torch.device | str = "cpu", chunk: int = CHUNK
    ) -> None:
        self._real, self._complex = PRECISIONS[precision]
        self.sites = sites
        self._positions = torch.tensor(sites.positions().T, device=device)  # (d, N)
        self._neurons = max(1, chunk // sites.size)

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        check_finite(frequencies)
        self._parts = frequencies.split(self._neurons, dim=1)
        self._cached = self._compute_waves(frequencies) if len(self._parts) == 1 else None

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        count = len(amplitudes), self._positions.shape[1]
        result = torch.zeros(count, dtype=self._real, device=amplitudes.device)
        for c, w in zip(amplitudes.to(self._complex).split(self._neurons, dim=1), self._parts, strict=True):
            cos, sin = self._waves(w)
            result += c.real @ cos - c.imag @ sin
        return result

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        rows = values.to(self._real)
        parts = (self._waves(w) for w in self._parts)
        return torch.cat([torch.complex(rows @ cos.mT, -(rows @ sin.mT)) for cos, sin in parts], dim=1)

    def _waves(self, frequencies: torch.Tensor) -> Waves:
        return self._compute_waves(frequencies) if self._cached is None else self._cached

    def _compute_waves(self, frequencies: torch.Tensor) -> Waves:
        return waves(frequencies.mT @ self._positions, self._real)
