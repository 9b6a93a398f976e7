"""The transforms E and E^H between sites and frequencies on a GPU, with CuPy and cuFINUFFT.

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)

Arguments and results are CuPy arrays. In the code, xp is the module of the arrays: CuPy, or NumPy in tests.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import prod
from typing import Any

import numpy as np

from freqbias.errors import ComputationError, InputError
from freqbias.numerics import SIGN, Grid, GridSubset, Sites
from freqbias.numerics.gpu_plans import GpuPlans
from freqbias.numerics.operator_rows import OperatorRows, OperatorTransform
from freqbias.numerics.scattered_nufft import MAX_EPS
from freqbias.numerics.subset_transform import SiteTransform
from freqbias.numerics.tensor_grid import MAX_POINTS_PER_AXIS, TensorTransform

OLDEST = (2, 5)  # of cuFINUFFT: older versions have no type 3, or keep every array of points
REMEDY = 'install CuPy and cuFINUFFT for your version of CUDA, for example "cupy-cuda12x" and "cufinufft"'


def cupy_on_gpu(number: int) -> Any:
    """Return the module cupy, which from now on uses one of the machine's GPUs: `number` modulo their number.

    number: that of this process among those of the machine. Raises InputError if CuPy or cuFINUFFT cannot be loaded, if
    cuFINUFFT is too old, or if there is no GPU.
    """
    try:
        import cufinufft
        import cupy
    except ImportError as failure:
        raise InputError(f'[pde] device = "cuda": {failure}; {REMEDY}, or use device = "cpu"') from failure
    version = getattr(cufinufft, "__version__", "0")
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        raise InputError(f'[pde] device = "cuda": cufinufft {version} is too old; install 2.5 or later')
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as failure:
        raise InputError(f'[pde] device = "cuda": no GPU can be used ({failure}); use device = "cpu"') from failure
    cupy.cuda.Device(number % count).use()
    return cupy


def to_host(values: Any) -> np.ndarray:
    """Return an array on the GPU, or of NumPy, as an array of NumPy."""
    return values.get() if hasattr(values, "get") else values


@contextmanager
def gpu_failures() -> Iterator[None]:
    """Turn a lack of memory on the GPU into InputError, and other failures of the GPU into ComputationError."""
    try:
        yield
    except MemoryError as failure:
        raise InputError(f'[pde] device = "cuda": {failure}; use device = "cpu", or a larger [mesh] size') from failure
    except RuntimeError as failure:  # of CUDA, and all that cuFINUFFT raises, also if memory is lacking
        raise ComputationError(
            f'[pde] device = "cuda": the GPU failed: {failure}; it may lack memory: use device = "cpu", or a larger '
            "[mesh] size"
        ) from failure


def release_gpu_memory(xp: Any) -> None:
    """Give memory that CuPy keeps for later arrays back to the GPU, for cuFINUFFT and torch."""
    if hasattr(xp, "get_default_memory_pool"):
        xp.get_default_memory_pool().free_all_blocks()


def make_gpu_transform(sites: Sites, frequencies: np.ndarray, *, eps: float, xp: Any) -> SiteTransform:
    """Return the fastest transform for frequencies (n, d) [cycles/length], in double precision."""
    if isinstance(sites, OperatorRows):
        return OperatorTransform(
            sites, frequencies, lambda part: make_gpu_transform(part, frequencies, eps=eps, xp=xp), xp
        )
    if isinstance(sites, GridSubset):
        return _GpuSubset(sites, make_gpu_transform(sites.grid, frequencies, eps=eps, xp=xp), xp)
    if len(frequencies) and isinstance(sites, Grid) and sites.dimension > 1 and max(sites.shape) <= MAX_POINTS_PER_AXIS:
        with suppress(ValueError):
            return TensorTransform(sites, frequencies, xp)
    return GpuTransform(sites, frequencies, eps=eps if isinstance(sites, Grid) else min(eps, MAX_EPS), xp=xp)


class GpuTransform:
    """E and E^H for a grid or scattered sites, by cuFINUFFT. eps: the relative accuracy that it is asked for."""

    def __init__(self, sites: Sites, frequencies: np.ndarray, *, eps: float, xp: Any) -> None:
        self._count, self._xp = len(frequencies), xp
        self._shape = sites.shape if isinstance(sites, Grid) else (sites.size,)
        release_gpu_memory(xp)
        on_grid = sites.shape if isinstance(sites, Grid) else None
        gpu = 0 if xp is np else xp.cuda.runtime.getDevice()
        self._plans = GpuPlans(on_grid, sites.dimension, eps=eps, dtype="complex128", gpu=gpu)
        if not self._count:
            return
        if isinstance(sites, Grid):
            origin = np.array([axis[len(axis) // 2] for axis in sites.axes()])  # mode 0
            turns = frequencies * sites.spacing
            self._plans.set_points(_columns(2 * np.pi * (turns - turns.round()), xp))
        else:
            positions = sites.positions()
            origin = (positions.min(axis=0) + positions.max(axis=0)) / 2
            self._plans.set_points(_columns(frequencies, xp), _columns(2 * np.pi * (positions - origin), xp))
        turns = frequencies @ origin
        self._shift = xp.asarray(np.exp(2j * np.pi * SIGN * (turns - turns.round())))

    def to_frequencies(self, values: Any) -> Any:
        """(..., N) real or complex -> (..., n) complex."""
        if not self._count:  # cuFINUFFT needs a frequency
            return self._xp.zeros((*values.shape[:-1], 0), dtype=complex)
        rows = values.astype(complex).reshape(-1, *self._shape)
        return (self._plans.execute(SIGN, rows) * self._shift).reshape(*values.shape[:-1], -1)

    def to_samples(self, amplitudes: Any) -> Any:
        """(..., n) -> (..., N) complex."""
        if not self._count:
            return self._xp.zeros((*amplitudes.shape[:-1], prod(self._shape)), dtype=complex)
        rows = (amplitudes * self._shift.conj()).reshape(-1, amplitudes.shape[-1])
        return self._plans.execute(-SIGN, rows).reshape(*amplitudes.shape[:-1], prod(self._shape))


class _GpuSubset:
    """E and E^H for the sites of a `GridSubset`, from the transform of the whole grid."""

    def __init__(self, sites: GridSubset, whole: SiteTransform, xp: Any) -> None:
        self._whole, self._size, self._xp = whole, sites.grid.size, xp
        self._indices = xp.asarray(sites.indices)

    def to_frequencies(self, values: Any) -> Any:
        embedded = self._xp.zeros((*values.shape[:-1], self._size), dtype=values.dtype)
        embedded[..., self._indices] = values
        return self._whole.to_frequencies(embedded)

    def to_samples(self, amplitudes: Any) -> Any:
        return self._whole.to_samples(amplitudes)[..., self._indices]


def _columns(points: np.ndarray, xp: Any) -> list[Any]:
    return [xp.asarray(np.ascontiguousarray(column)) for column in points.T]
