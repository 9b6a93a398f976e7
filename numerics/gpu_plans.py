"""Non-uniform FFTs on a GPU, by plans of cuFINUFFT, for the arrays of any library that shares GPU memory.

A grid has transforms of types 1 and 2, and scattered sites those of type 3. Modes and signs follow FINUFFT. The
upsampling factor is set, because the default of cuFINUFFT for type 3 in single precision, 1.25, gives errors up to 2e-3
in three dimensions.
"""

from collections.abc import Sequence
from typing import Any

from freqbias.numerics import SIGN
from freqbias.numerics.scattered_nufft import UPSAMPLING


class GpuPlans:
    """The plans for one set of frequencies, with one plan for each sign and number of rows.

    shape: the points of the grid along its axes, or None for scattered sites. dimension: d. eps: the relative accuracy.
    dtype: "complex64" or "complex128". gpu: the number of the GPU. Raises ImportError if cuFINUFFT is not installed.
    """

    def __init__(self, shape: Sequence[int] | None, dimension: int, *, eps: float, dtype: str, gpu: int = 0) -> None:
        import cufinufft

        self._new_plan, self._shape, self._dimension = cufinufft.Plan, shape, dimension
        self._options = {"eps": eps, "dtype": dtype, "gpu_device_id": gpu, "upsampfac": UPSAMPLING}
        self._plans: dict[tuple[int, int], Any] = {}

    def set_points(self, frequencies: Sequence[Any], positions: Sequence[Any] = ()) -> None:
        """Use these coordinates from now on, one array for each axis.

        For a grid, frequencies are 2 pi xi_i times the spacing, and positions are empty. For scattered sites,
        frequencies are xi_i, and positions are 2 pi x_i.
        """
        self._points = frequencies, positions
        for (sign, _), plan in self._plans.items():
            self._set_points(plan, sign)

    def execute(self, sign: int, rows: Any) -> Any:
        """Transform rows: SIGN for values on the sites to frequencies, -SIGN for the way back."""
        key = sign, len(rows)
        if key not in self._plans:
            kind = 3 if self._shape is None else 2 if sign == SIGN else 1
            modes = self._dimension if self._shape is None else self._shape
            self._plans[key] = self._new_plan(kind, modes, n_trans=len(rows), isign=sign, **self._options)
            self._set_points(self._plans[key], sign)
        return self._plans[key].execute(rows)

    def _set_points(self, plan: Any, sign: int) -> None:
        frequencies, positions = self._points
        if self._shape is not None:
            plan.setpts(*frequencies)
        else:
            sources, targets = (positions, frequencies)[:: 1 if sign == SIGN else -1]
            plan.setpts(*sources, **dict(zip("stu", targets, strict=False)))
