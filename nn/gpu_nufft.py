"""The backend of non-uniform FFTs on a GPU, by cuFINUFFT.

Modes and signs follow FINUFFT (`freqbias.numerics`). Torch tensors are passed without a copy.
"""

import torch

from freqbias.nn.nufft import ACCURACY
from freqbias.nn.transforms import PRECISIONS, Transforms, check_finite, waves
from freqbias.numerics import SIGN, GpuPlans, Grid, Sites


def loading_failure() -> str:
    """Return why cuFINUFFT cannot be loaded, or "" if it can be loaded.

    cuFINUFFT may be installed on a machine without the version of CUDA that cuFINUFFT needs.
    """
    try:
        import cufinufft  # noqa: F401
    except ImportError as failure:
        return str(failure)
    return ""


class CufinufftTransforms(Transforms):
    """Sums by cuFINUFFT. Each sum takes time O(m + N log N). Raises ImportError if cuFINUFFT is not installed."""

    def __init__(self, sites: Sites, *, precision: str = "single", device: torch.device | str = "cuda") -> None:
        self.sites = sites
        self._real, self._complex = PRECISIONS[precision]
        self._grid = sites if isinstance(sites, Grid) else None
        gpu, dtype = torch.device(device).index or 0, str(self._complex).removeprefix("torch.")
        shape = self._grid.shape if self._grid else None
        self._plans = GpuPlans(shape, sites.dimension, eps=ACCURACY[precision], dtype=dtype, gpu=gpu)
        if self._grid:
            self._spacing = torch.tensor(self._grid.spacing, device=device)[:, None]
            origin = torch.tensor([axis[len(axis) // 2] for axis in self._grid.axes()], device=device)  # mode 0
        else:
            positions = torch.tensor(sites.positions().T, device=device)  # (d, N)
            origin = (positions.amin(dim=1) + positions.amax(dim=1)) / 2
            self._sources = self._points(2 * torch.pi * (positions - origin[:, None]))
        self._origin = origin

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        check_finite(frequencies)
        cos, sin = waves(self._origin @ frequencies, self._real)
        self._shift = torch.complex(cos, SIGN * sin)  # exp(-2 pi i w.x_0)
        if self._grid:
            turns = frequencies * self._spacing
            self._plans.set_points(self._points(2 * torch.pi * (turns - turns.round())))
        else:
            self._plans.set_points(self._points(frequencies), self._sources)

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        strengths = amplitudes.to(self._complex) * self._shift.conj()
        return self._plans.execute(-SIGN, strengths).real.reshape(len(strengths), -1)

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        shape = self._grid.shape if self._grid else values.shape[1:]
        return self._plans.execute(SIGN, values.to(self._complex).reshape(-1, *shape)) * self._shift

    def _points(self, coordinates: torch.Tensor) -> list[torch.Tensor]:
        return list(coordinates.to(self._real).contiguous().unbind())
