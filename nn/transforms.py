"""The interface of the backends, which compute two sums of a Fourier Features network.

With E_kq = exp(-2 pi i w_k.x_q), the sum over neurons is  Re (E^H c)_q = Re sum_k c_k exp(2 pi i w_k.x_q),  and the sum
over samples is  (E u)_k = sum_q u_q exp(-2 pi i w_k.x_q).

Frequencies w are (d, m) [cycles/length]. Arguments and results are tensors on the device of the backend
(`freqbias.nn.backends`). The sums are computed in the precision for which the backend was created.
"""

from abc import ABC, abstractmethod

import torch

from freqbias.numerics import Sites

PRECISIONS = {"single": (torch.float32, torch.complex64), "double": (torch.float64, torch.complex128)}
CHUNK = 2**24  # most complex numbers in memory at one time, for backends that store exp(2 pi i w_k.x_q)


class Transforms(ABC):
    """The two sums for a set of frequencies. Call `set_frequencies` before the first sum. sites: the x_q."""

    sites: Sites

    @abstractmethod
    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        """Use the frequencies (d, m) from now on. Raises FloatingPointError if one is NaN or infinite."""

    @abstractmethod
    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        """Return Re sum_k c_k exp(2 pi i w_k.x_q), (C, m) complex -> (C, N) real."""

    @abstractmethod
    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        """Return sum_q u_q exp(-2 pi i w_k.x_q), (B, N) real -> (B, m) complex."""


def check_finite(frequencies: torch.Tensor) -> None:
    """Raise FloatingPointError if a frequency is NaN or infinite.

    While a CUDA graph is recorded nothing may wait for the GPU. Then NaN reaches the result.
    """
    if frequencies.is_cuda and torch.cuda.is_current_stream_capturing():
        return
    if not torch.isfinite(frequencies).all():
        raise FloatingPointError("a frequency is NaN or infinite")


def waves(turns: torch.Tensor, real: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cos(2 pi turns) and sin(2 pi turns) as numbers of type `real`.

    The turns are reduced to [-1/2, 1/2] in double precision, because single precision would lose digits.
    """
    angle = turns.sub(turns.round()).mul_(2 * torch.pi).to(real)
    return angle.cos(), angle.sin()
