"""The backend of non-uniform FFTs on the CPU, by FINUFFT (`numerics.GridTransform`, `numerics.ScatteredTransform`)."""

import torch

from freqbias.nn.transforms import Transforms
from freqbias.numerics import Grid, GridTransform, NonUniformTransform, ScatteredTransform, Sites

ACCURACY = {"single": 1e-6, "double": 1e-12}  # relative accuracy requested from FINUFFT


class NufftTransforms(Transforms):
    """Sums by FINUFFT. Each sum takes time O(m + N log N). FINUFFT and torch use the same arrays in memory."""

    def __init__(self, sites: Sites, *, precision: str = "single", threads: int = 1) -> None:
        self.sites, eps = sites, ACCURACY[precision]
        self._transform: NonUniformTransform
        if isinstance(sites, Grid):
            self._transform = GridTransform(sites, eps=eps, precision=precision, threads=threads)
        else:
            self._transform = ScatteredTransform(sites, eps=eps, precision=precision, threads=threads)

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        self._transform.set_frequencies(frequencies.numpy().T)

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._transform.to_samples(amplitudes.numpy()).real)

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._transform.to_frequencies(values.numpy()))
