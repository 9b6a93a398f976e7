"""The two sums of a Fourier Features network over neurons and samples: the interface of the backends.

With E_kq = exp(-2 pi i w_k.x_q), they are  Re (E^H c)_q = Re sum_k c_k exp(2 pi i w_k.x_q)  and its adjoint
(E u)_k = sum_q u_q exp(-2 pi i w_k.x_q).

Frequencies w are (d, m) [cycles/length]. Backends (`freqbias.nn.backends`) take and return tensors on their device,
and compute the sums in the precision they are made with.
"""

from abc import ABC, abstractmethod

import torch

PRECISIONS = {"single": (torch.float32, torch.complex64), "double": (torch.float64, torch.complex128)}
CHUNK = 2**24  # complex numbers held at a time by backends that store the waves of their neurons


class Transforms(ABC):
    """`set_frequencies` prepares the two sums for a set of frequencies."""

    @abstractmethod
    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        """Use the frequencies (d, m) from now on. Raises FloatingPointError if one is NaN or infinite."""

    @abstractmethod
    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        """Re sum_k c_k exp(2 pi i w_k.x_q): (C, m) complex -> (C, N) real."""

    @abstractmethod
    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        """sum_q u_q exp(-2 pi i w_k.x_q): (B, N) real -> (B, m) complex."""


def check_finite(frequencies: torch.Tensor) -> None:
    """Raise FloatingPointError if a frequency is NaN or infinite."""
    if not torch.isfinite(frequencies).all():
        raise FloatingPointError("a frequency is NaN or infinite")


def waves(turns: torch.Tensor, real: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """cos(2 pi turns) and sin(2 pi turns) in precision `real`.

    The turns are reduced to [-1/2, 1/2] in double, because single precision would lose digits.
    """
    angle = turns.sub(turns.round()).mul_(2 * torch.pi).to(real)
    return angle.cos(), angle.sin()
