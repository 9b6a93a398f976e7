"""The two sums over the samples that a Fourier Features network is made of: the seam behind which the backends stand.

With E_kq = exp(-2 pi i w_k.x_q), they are  Re (E^H c)_q = Re sum_k c_k exp(2 pi i w_k.x_q)  and its adjoint
(E u)_k = sum_q u_q exp(-2 pi i w_k.x_q).

Frequencies w are (d, m) [cycles/length]. All backends (`freqbias.nn.backends`) take and return tensors on their device; the
sums are made in the precision asked for.
"""

from abc import ABC, abstractmethod

import torch

PRECISIONS = {"single": (torch.float32, torch.complex64), "double": (torch.float64, torch.complex128)}
CHUNK = 2**24  # complex numbers that a chunk of neurons may take in sums that hold their waves


class Transforms(ABC):
    """`move_to` prepares for a set of frequencies; the two sums then use it."""

    @abstractmethod
    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        """Use these frequencies (d, m) from now on. Raises FloatingPointError where one is NaN or infinite."""

    @abstractmethod
    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        """Re sum_k c_k exp(2 pi i w_k.x_q): (C, m) complex -> (C, N) real."""

    @abstractmethod
    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        """sum_q u_q exp(-2 pi i w_k.x_q): (B, N) real -> (B, m) complex."""


def check_finite(frequencies: torch.Tensor) -> None:
    """Raises FloatingPointError where one is NaN or infinite."""
    if not torch.isfinite(frequencies).all():
        raise FloatingPointError("a frequency is NaN or infinite")


def waves(turns: torch.Tensor, real: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """cos(2 pi turns) and sin(2 pi turns) in this precision; turns are reduced in double: single would lose digits."""
    angle = turns.sub(turns.round()).mul_(2 * torch.pi).to(real)
    return angle.cos(), angle.sin()
