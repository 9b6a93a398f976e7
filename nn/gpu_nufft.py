"""The backend of non-uniform FFTs on a GPU, by cuFINUFFT.

The transforms are of types 1 and 2 for samples on a grid, and of type 3 for scattered samples. Modes and signs follow
FINUFFT (`freqbias.numerics`). Torch tensors are passed without a copy. The upsampling factor is set, because the
default of cuFINUFFT for type 3 in single precision, 1.25, gives errors up to 2e-3 in three dimensions.
"""

from typing import Any

import torch

from freqbias.nn.nufft import ACCURACY
from freqbias.nn.transforms import PRECISIONS, Transforms, check_finite, waves
from freqbias.numerics import SIGN, UPSAMPLING, Grid, Sites


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
        import cufinufft

        self._new_plan, self._eps = cufinufft.Plan, ACCURACY[precision]
        self.sites = sites
        self._gpu = torch.device(device).index or 0
        self._real, self._complex = PRECISIONS[precision]
        self._grid = sites if isinstance(sites, Grid) else None
        if self._grid:
            self._spacing = torch.tensor(self._grid.spacing, device=device)[:, None]
            origin = torch.tensor([axis[len(axis) // 2] for axis in self._grid.axes()], device=device)  # mode 0
        else:
            positions = torch.tensor(sites.positions().T, device=device)  # (d, N)
            origin = (positions.amin(dim=1) + positions.amax(dim=1)) / 2
            self._sources = self._points(2 * torch.pi * (positions - origin[:, None]))
        self._origin = origin
        self._plans: dict[tuple[int, int], Any] = {}

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        check_finite(frequencies)
        cos, sin = waves(self._origin @ frequencies, self._real)
        self._shift = torch.complex(cos, SIGN * sin)  # exp(-2 pi i w.x_0)
        if self._grid:
            turns = frequencies * self._spacing
            self._targets = self._points(2 * torch.pi * (turns - turns.round()))
        else:
            self._targets = self._points(frequencies)
        for (sign, _), plan in self._plans.items():
            self._set_points(plan, sign)

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        strengths = amplitudes.to(self._complex) * self._shift.conj()
        result = self._plan(-SIGN, len(strengths)).execute(strengths)
        return result.real.reshape(len(strengths), -1)

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        shape = self._grid.shape if self._grid else values.shape[1:]
        rows = values.to(self._complex).reshape(-1, *shape)
        return self._plan(SIGN, len(rows)).execute(rows) * self._shift

    def _points(self, coordinates: torch.Tensor) -> list[torch.Tensor]:
        return list(coordinates.to(self._real).contiguous().unbind())

    def _plan(self, sign: int, batch: int) -> Any:
        if (sign, batch) not in self._plans:
            kind: int = 3 if self._grid is None else 2 if sign == SIGN else 1
            modes = self._grid.shape if self._grid else len(self._targets)
            dtype = str(self._complex).removeprefix("torch.")
            options = {"eps": self._eps, "isign": sign, "dtype": dtype, "gpu_device_id": self._gpu}
            plan = self._new_plan(kind, modes, n_trans=batch, upsampfac=UPSAMPLING, **options)
            self._set_points(plan, sign)
            self._plans[sign, batch] = plan
        return self._plans[sign, batch]

    def _set_points(self, plan: Any, sign: int) -> None:
        if self._grid:
            plan.setpts(*self._targets)
        else:
            sources, targets = (self._sources, self._targets)[:: 1 if sign == SIGN else -1]
            plan.setpts(*sources, **dict(zip("stu", targets, strict=False)))
