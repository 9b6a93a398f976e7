"""The two sums over the grid that a Fourier Features network is made of, behind one seam, with two backends.

With E_kq = exp(-2 pi i w_k.x_q), they are  Re (E^H c)_q = Re sum_k c_k exp(2 pi i w_k.x_q)  and its adjoint
(E u)_k = sum_q u_q exp(-2 pi i w_k.x_q).

Frequencies w are (d, m) [cycles/length]. Both backends take and return tensors on their device; the sums are made in
the precision asked for.
"""

from abc import ABC, abstractmethod
from math import prod

import torch

from numerics import GridTransform
from problem import Grid
from runtime import threads_alone

PRECISIONS = {"single": (torch.float32, torch.complex64), "double": (torch.float64, torch.complex128)}
ACCURACY = {"single": 1e-6, "double": 1e-12}  # asked of FINUFFT, relative
CHUNK = 2**24  # complex numbers that a chunk of neurons may take in the separable sums


class Transforms(ABC):
    """`move_to` prepares for a set of frequencies; the two sums then use it."""

    @abstractmethod
    def move_to(self, frequencies: torch.Tensor) -> None:
        """Use these frequencies (d, m) from now on. Raises FloatingPointError where one is NaN or infinite."""

    @abstractmethod
    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        """Re sum_k c_k exp(2 pi i w_k.x_q): (C, m) complex -> (C, N) real."""

    @abstractmethod
    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        """sum_q u_q exp(-2 pi i w_k.x_q): (B, N) real -> (B, m) complex."""


def make_transforms(grid: Grid, precision: str, device: torch.device) -> "Transforms":
    """The backend for a device."""
    if device.type == "cuda":
        return SeparableTransforms(grid, precision=precision, device=device)
    return NufftTransforms(grid, precision=precision, threads=threads_alone())


class NufftTransforms(Transforms):
    """O(m + N log N), on the CPU: FINUFFT on memory that it shares with torch."""

    def __init__(self, grid: Grid, *, precision: str = "single", threads: int = 1) -> None:
        self._transform = GridTransform(grid, eps=ACCURACY[precision], precision=precision, threads=threads)

    def move_to(self, frequencies: torch.Tensor) -> None:
        self._transform.move_to(frequencies.numpy().T)

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._transform.to_samples(amplitudes.numpy()).real)

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._transform.to_frequencies(values.numpy()))


class SeparableTransforms(Transforms):
    """O(m N) as complex matrix products, in plain torch, for GPUs.

    On a grid exp(2 pi i w.x) = prod_i exp(2 pi i w_i x_i).

    The first axis makes the left factor and all others together the right one, so that a chunk of k neurons is a
    (n_1, k) by (k, N / n_1) product. chunk: complex numbers held at a time.
    """

    def __init__(
        self, grid: Grid, *, precision: str = "single", device: torch.device | str = "cpu", chunk: int = CHUNK
    ) -> None:
        self._real, self._complex = PRECISIONS[precision]
        self._axes = [torch.as_tensor(axis, dtype=torch.float64, device=device) for axis in grid.axes()]
        self._first, self._rest = grid.shape[0], prod(grid.shape[1:])
        self._chunk = chunk

    def move_to(self, frequencies: torch.Tensor) -> None:
        if not torch.isfinite(frequencies).all():
            raise FloatingPointError("a frequency is NaN or infinite")
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
        """Slices of the neurons, each small enough for a batch of products."""
        width = self._frequencies.shape[1]
        size = max(1, self._chunk // ((1 + batch) * (self._first + self._rest)))
        return [slice(start, min(start + size, width)) for start in range(0, width, size)]

    def _factors(self, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """exp(2 pi i w_1 x_1), (k, n_1), and exp(2 pi i (w_2 x_2 + ...)), (k, N / n_1)."""
        left, *others = [self._wave(w, x) for w, x in zip(self._frequencies[:, part], self._axes, strict=True)]
        right = torch.ones_like(left[:, :1])
        for other in others:
            right = (right[:, :, None] * other[:, None, :]).reshape(len(right), -1)
        return left, right

    def _wave(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        turns = torch.outer(w, x)
        angle = (2 * torch.pi * (turns - turns.round())).to(self._real)  # reduced in double: single would lose digits
        return torch.complex(angle.cos(), angle.sin())
