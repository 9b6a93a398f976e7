"""The sum of a Fourier Features network at fixed frequencies, with its derivatives, for training and kernels.

    F_c(x_q) = Re sum_k c_ck exp(2 pi i w_k.x_q).

With E_kq = exp(-2 pi i w_k.x_q), the vector-Jacobian product (vjp) of r (C, N) is

    E r  with respect to c  (Re c + i Im c),        2 pi Im sum_c conj(c_c) E(x_i r_c)  with respect to w_i.

The Jacobian-vector product (jvp) of (dc, dw) is  Re sum_k [dc_k + 2 pi i c_k (x.dw_k)] exp(2 pi i w_k.x).
`freqbias.nn.fourier_sum` is the same sum for torch's autograd.
"""

from math import pi

import torch

from freqbias.nn.transforms import Transforms
from freqbias.numerics import Sites


class NeuronSum:
    """F on the samples, for the frequencies w (d, m) [cycles/length] of the last `set_frequencies`.

    The arguments are complex amplitudes c (C, m).
    """

    def __init__(self, transforms: Transforms, sites: Sites, *, device: torch.device | str = "cpu") -> None:
        self._transforms = transforms
        self._turns = 2 * pi * torch.tensor(sites.positions().T, device=device)[:, None, :]  # 2 pi x_i, (d, 1, N)

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        """Use the frequencies (d, m) from now on. Raises FloatingPointError if one is NaN or infinite."""
        self._transforms.set_frequencies(frequencies)

    def values(self, amplitudes: torch.Tensor) -> torch.Tensor:
        """Return F, (C, N), in double precision."""
        return self._transforms.to_samples(amplitudes).double()

    def amplitude_vjp(self, values: torch.Tensor) -> torch.Tensor:
        """Return the vjp with respect to c alone, (C, m) complex. values: r, (C, N)."""
        return self._transforms.to_frequencies(values)

    def vjp(self, amplitudes: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the vjp with respect to c, (C, m) complex, and with respect to w, (d, m).

        amplitudes: c. values: r, (C, N).
        """
        channels, samples = values.shape
        moments = torch.cat([values[None], self._turns * values]).view(-1, samples)  # r and 2 pi x_i r, ((1 + d) C, N)
        spectra = self._transforms.to_frequencies(moments).view(-1, channels, amplitudes.shape[1])
        waves = amplitudes.to(spectra.dtype)
        return spectra[0], sum(c.conj() * s for c, s in zip(waves, spectra[1:].unbind(1), strict=True)).imag

    def jvp(
        self, amplitudes: torch.Tensor, amplitude_change: torch.Tensor, frequency_change: torch.Tensor
    ) -> torch.Tensor:
        """Return the jvp, (C, N). amplitude_change: dc, (C, m) complex. frequency_change: dw, (d, m)."""
        rotated = 1j * frequency_change[:, None] * amplitudes  # i c_k dw_k, (d, C, m)
        terms = torch.cat([amplitude_change[None], rotated])
        values = self.values(terms.flatten(0, 1)).view(*terms.shape[:2], -1)
        return values[0] + (self._turns * values[1:]).sum(dim=0)
