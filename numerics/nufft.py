"""The non-uniform Fourier transforms, behind one seam: E^H and E between the samples of a grid and any frequencies.

With E_iq = exp(-2 pi i xi_i.x_q) (the convention of `problem.fourier`):

    to_frequencies:  (E u)_i   = sum_q u_q exp(-2 pi i xi_i.x_q)      (type 2, the grid being the modes)
    to_samples:      (E^H c)_q = sum_i c_i exp(+2 pi i xi_i.x_q)      (type 1), the exact adjoint

FINUFFT (Barnett, Magland, af Klinteberg 2019) counts modes from -n/2, so that x_q = h k_q + offset with k_q = q - n//2 and
offset = h/2 for even n, 0 for odd n; its points are 2 pi xi h.
"""

import finufft
import numpy as np

from problem import SIGN, Grid

PRECISIONS = {"single": (np.float32, np.complex64), "double": (np.float64, np.complex128)}


class GridTransform:
    """Both transforms for one grid; plans are made once for each batch size, `move_to` sets the frequencies.

    eps: relative accuracy asked of FINUFFT; threads: 0 means all that OpenMP gives.
    """

    def __init__(
        self, grid: Grid, frequencies: np.ndarray | None = None, *, eps: float = 1e-13, precision: str = "double", threads: int = 1
    ) -> None:
        self.grid = grid
        self.real, self.complex = PRECISIONS[precision]
        self._options = {"eps": eps, "dtype": np.dtype(self.complex).name, "nthreads": threads}
        self._plans: dict[tuple[int, int], finufft.Plan] = {}
        if frequencies is not None:
            self.move_to(frequencies)

    def move_to(self, frequencies: np.ndarray) -> None:
        """Use these frequencies (n, d) [cycles/length] from now on. Raises FloatingPointError where one is NaN or infinite."""
        if not np.isfinite(frequencies).all():
            raise FloatingPointError("a frequency is NaN or infinite")
        h = self.grid.spacing
        offset = np.array([h_i / 2 if n % 2 == 0 else 0.0 for h_i, n in zip(h, self.grid.shape, strict=True)])
        self._points = list(self._angles((frequencies * h).T))
        shift = SIGN * self._angles(frequencies @ offset)
        self._shift = np.empty(shift.shape, dtype=self.complex)
        np.cos(shift, out=self._shift.real)
        np.sin(shift, out=self._shift.imag)
        for plan in self._plans.values():
            plan.setpts(*self._points)

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """sum_q u_q exp(-2 pi i xi_i.x_q): (..., N) real or complex -> (..., n) complex."""
        batch = values.shape[:-1]
        modes = np.ascontiguousarray(values, dtype=self.complex).reshape(-1, *self.grid.shape)
        result = np.asarray(self._plan(2, len(modes)).execute(modes if len(modes) > 1 else modes[0]))
        result *= self._shift
        return result.reshape(*batch, -1)

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """sum_i c_i exp(+2 pi i xi_i.x_q): (..., n) -> (..., N) complex."""
        batch = amplitudes.shape[:-1]
        strengths = np.multiply(amplitudes, self._shift.conj(), dtype=self.complex, casting="same_kind")
        strengths = strengths.reshape(-1, amplitudes.shape[-1])
        result = self._plan(1, len(strengths)).execute(strengths if len(strengths) > 1 else strengths[0])
        return np.asarray(result).reshape(*batch, self.grid.size)

    def _angles(self, turns: np.ndarray) -> np.ndarray:
        """2 pi times the turns, less their whole number while still in double: single precision would lose digits at high frequencies."""
        turns = turns - np.rint(turns)
        turns *= 2 * np.pi
        return np.ascontiguousarray(turns, dtype=self.real)

    def _plan(self, kind: int, batch: int) -> finufft.Plan:
        if (kind, batch) not in self._plans:
            sign = SIGN if kind == 2 else -SIGN
            plan = finufft.Plan(kind, self.grid.shape, n_trans=batch, isign=sign, **self._options)
            plan.setpts(*self._points)
            self._plans[kind, batch] = plan
        return self._plans[kind, batch]
