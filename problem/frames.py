"""Arrays for each output time that do not fit into memory together."""

from collections.abc import Callable

import numpy as np


class Frames:
    """Arrays of one shape, one for each output time, each computed when it is used.

    compute: returns the array of an output time. count: the number of output times. shape, dtype: of one array. keep:
    whether the latest array is kept, for the next use. In place of an array with time as its first axis, a `Spectrum`
    may have `Frames` to be saved.
    """

    def __init__(
        self,
        compute: Callable[[int], np.ndarray],
        count: int,
        shape: tuple[int, ...],
        dtype: np.dtype | type = float,
        *,
        keep: bool = True,
    ) -> None:
        self._compute, self._keep = compute, keep
        self.shape, self.dtype, self.ndim = (count, *shape), np.dtype(dtype), 1 + len(shape)
        self._latest: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if not self._keep:
            return self._compute(index)
        if self._latest is None or self._latest[0] != index:
            self._latest = None  # frees the memory
            self._latest = index, self._compute(index)
        return self._latest[1]

    @property
    def real(self) -> "Frames":
        return Frames(lambda index: self[index].real, len(self), self.shape[1:], keep=False)

    @property
    def imag(self) -> "Frames":
        return Frames(lambda index: self[index].imag, len(self), self.shape[1:], keep=False)
