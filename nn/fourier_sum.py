"""The sum of a Fourier Features network as a torch function, which autograd differentiates to any order.

    F_c(x_q) = Re sum_k c_ck exp(2 pi i w_k.x_q)

With E_kq = exp(-2 pi i w_k.x_q), the sum is F = Re E^H c, and all derivatives of both E^H and E are again products with
E and E^H. Let <.,.> be the real inner product, and 2 pi x_i the diagonal matrix of the turns of the samples. Then

    F = Re E^H c:    <r, dF> = <E r, dc> + sum_i <Im sum_c conj(c_c) E(2 pi x_i r_c), dw_i>
    A = E u:         <g, dA> = <Re E^H g, du> + sum_i <Im sum_b conj(g_b) E(2 pi x_i u_b), dw_i>

Derivatives in x are sums with other amplitudes: df/dx_i has 2 pi i w_i c, and the Laplacian has -4 pi^2 |w|^2 c.
"""

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np
import torch

from freqbias.errors import InputError
from freqbias.nn.transforms import Transforms
from freqbias.numerics import Sites, check_kind

InDims = tuple[int | None, ...]


class FourierSum:
    """F and its derivatives in x at the samples, for frequencies w (d, m) [cycles/length] and amplitudes c (C, m).

        f = FourierSum(transforms, sites)(frequencies, amplitudes)

    With a_k and b_k as in `problem.Neurons`, c_k = a_k - i b_k, and the network is F / sqrt(m). w is in double
    precision and c in complex double precision, on the device of the transforms. All results are in double precision.
    torch differentiates them with respect to w and c, to any order, also in forward mode and with `torch.func`. `vmap`
    over c costs one batched transform, and over w one transform for each w. The precision is that of the transforms.
    All methods raise InputError if w and c do not fit, and FloatingPointError if a frequency is NaN or infinite.
    """

    def __init__(self, transforms: Transforms, sites: Sites, *, device: torch.device | str = "cpu") -> None:
        check_kind("FourierSum: sites", sites, Sites, remedy="the sites of the transforms")
        if transforms.sites is not sites and not _equal(transforms.sites.positions(), sites.positions()):
            raise InputError(
                f"FourierSum: the transforms are for other positions ({transforms.sites.size:,}) than the sites "
                f"({sites.size:,}); make the transforms with the same sites"
            )
        self._dimension = sites.dimension
        turns = 2 * pi * torch.tensor(sites.positions().T, device=device)[:, None, :]  # 2 pi x_i, (d, 1, N)
        self._waves = _Waves(transforms, turns)

    def __call__(self, frequencies: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
        """Return F, (C, N)."""
        return self.values(frequencies, amplitudes)

    def values(self, frequencies: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
        """Return F, (C, N)."""
        self._check(frequencies, amplitudes)
        return _ToSamples.apply(self._waves, frequencies, amplitudes)

    def gradient(self, frequencies: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
        """Return dF/dx_i, (d, C, N) [1/length]."""
        self._check(frequencies, amplitudes)
        terms = 2j * pi * frequencies[:, None, :] * amplitudes  # (d, C, m)
        return self.values(frequencies, terms.flatten(0, 1)).unflatten(0, terms.shape[:2])

    def laplacian(self, frequencies: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
        """Return sum_i d^2F/dx_i^2, (C, N) [1/length^2]."""
        self._check(frequencies, amplitudes)
        return self.values(frequencies, -4 * pi**2 * frequencies.square().sum(dim=0) * amplitudes)

    def _check(self, frequencies: torch.Tensor, amplitudes: torch.Tensor) -> None:
        for name, tensor in (("frequencies", frequencies), ("amplitudes", amplitudes)):
            check_kind(f"FourierSum: {name}", tensor, torch.Tensor, remedy="a torch tensor")
        w, c = tuple(frequencies.shape), tuple(amplitudes.shape)
        if len(w) != 2 or w[0] != self._dimension or len(c) != 2 or c[1] != w[1] or 0 in c:
            raise InputError(
                f"FourierSum: frequencies have shape {w} and amplitudes {c}; give ({self._dimension}, m) and (C, m), "
                "one column for each neuron"
            )
        if frequencies.is_complex():
            raise InputError(f"FourierSum: the frequencies are {frequencies.dtype}; give real ones")
        if not amplitudes.is_complex():
            raise InputError(f"FourierSum: the amplitudes are {amplitudes.dtype}; give complex ones, c = a - i b")


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=0, atol=1e-12 * np.abs(one).max())


class _Waves:
    """The waves E at the samples, with the frequencies for which the transforms are prepared.

    turns: 2 pi x_i, (d, 1, N).
    """

    def __init__(self, transforms: Transforms, turns: torch.Tensor) -> None:
        self._transforms, self.turns = transforms, turns
        self._frequencies: torch.Tensor | None = None

    def at(self, frequencies: torch.Tensor) -> Transforms:
        """Return the transforms, prepared for these frequencies. A backward pass may need earlier ones again."""
        frequencies = frequencies.detach()
        if self._frequencies is None or not torch.equal(frequencies, self._frequencies):
            self._frequencies = None  # stays so if the frequencies are refused
            self._transforms.set_frequencies(frequencies)
            self._frequencies = frequencies.clone()
        return self._transforms

    def moments(self, values: torch.Tensor) -> torch.Tensor:
        """Return u and 2 pi x_i u, ((1 + d) B, N), for u (B, N)."""
        return torch.cat([values[None], self.turns * values]).flatten(0, 1)


class _ToSamples(torch.autograd.Function):
    """F = Re E^H c: (waves, w, c) -> (C, N)."""

    @staticmethod
    def forward(waves: _Waves, frequencies: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
        return waves.at(frequencies).to_samples(_plain(amplitudes)).double()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        _save(ctx, *inputs)

    @staticmethod
    def backward(ctx: Any, r: torch.Tensor) -> tuple[None, torch.Tensor | None, torch.Tensor]:
        waves, (frequencies, amplitudes) = ctx.waves, ctx.saved_tensors
        if not ctx.needs_input_grad[1]:  # frozen frequencies save the transforms of the moments
            return None, None, _ToFrequencies.apply(waves, frequencies, r)
        spectra = _ToFrequencies.apply(waves, frequencies, waves.moments(r)).unflatten(0, (-1, len(r)))
        return None, (amplitudes.conj() * spectra[1:]).imag.sum(dim=1), spectra[0]

    @staticmethod
    def jvp(ctx: Any, _: None, frequency_change: torch.Tensor, amplitude_change: torch.Tensor) -> torch.Tensor:
        waves, (frequencies, amplitudes) = ctx.waves, ctx.saved_tensors
        terms = torch.cat([amplitude_change[None], 1j * frequency_change[:, None, :] * amplitudes])
        sums = _ToSamples.apply(waves, frequencies, terms.flatten(0, 1)).unflatten(0, terms.shape[:2])
        return sums[0] + (waves.turns * sums[1:]).sum(dim=0)

    @staticmethod
    def vmap(info: Any, in_dims: InDims, *arguments: Any) -> tuple[torch.Tensor, int]:
        return _batched(_ToSamples.apply, info.batch_size, in_dims, *arguments), 0


class _ToFrequencies(torch.autograd.Function):
    """A = E u: (waves, w, u) -> (B, m) complex, for real u (B, N)."""

    @staticmethod
    def forward(waves: _Waves, frequencies: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return waves.at(frequencies).to_frequencies(_plain(values)).to(torch.complex128)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        _save(ctx, *inputs)

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> tuple[None, torch.Tensor | None, torch.Tensor]:
        waves, (frequencies, values) = ctx.waves, ctx.saved_tensors
        if not ctx.needs_input_grad[1]:
            return None, None, _ToSamples.apply(waves, frequencies, g)
        spectra = _ToFrequencies.apply(waves, frequencies, (waves.turns * values).flatten(0, 1))
        by_frequencies = (g.conj() * spectra.unflatten(0, (-1, len(values)))).imag.sum(dim=1)
        return None, by_frequencies, _ToSamples.apply(waves, frequencies, g)

    @staticmethod
    def jvp(ctx: Any, _: None, frequency_change: torch.Tensor, value_change: torch.Tensor) -> torch.Tensor:
        waves, (frequencies, values) = ctx.waves, ctx.saved_tensors
        terms = torch.cat([value_change[None], waves.turns * values])
        spectra = _ToFrequencies.apply(waves, frequencies, terms.flatten(0, 1)).unflatten(0, terms.shape[:2])
        return spectra[0] - 1j * (frequency_change[:, None, :] * spectra[1:]).sum(dim=0)

    @staticmethod
    def vmap(info: Any, in_dims: InDims, *arguments: Any) -> tuple[torch.Tensor, int]:
        return _batched(_ToFrequencies.apply, info.batch_size, in_dims, *arguments), 0


def _save(ctx: Any, waves: _Waves, frequencies: torch.Tensor, operand: torch.Tensor) -> None:
    ctx.waves = waves
    ctx.save_for_backward(frequencies, operand)
    ctx.save_for_forward(frequencies, operand)


def _batched(
    apply: Callable[..., torch.Tensor],
    size: int,
    in_dims: InDims,
    waves: _Waves,
    frequencies: torch.Tensor,
    operand: torch.Tensor,
) -> torch.Tensor:
    """Return `apply` for a batch, (size, ...). A batch of operands (size, B, n) is one transform of size B rows."""
    _, by_frequencies, by_operand = in_dims
    if by_operand is not None:
        operand = operand.movedim(by_operand, 0)
    if by_frequencies is None:
        return apply(waves, frequencies, operand.flatten(0, 1)).unflatten(0, operand.shape[:2])
    operands = operand if by_operand is not None else [operand] * size
    pairs = zip(frequencies.movedim(by_frequencies, 0), operands, strict=True)
    return torch.stack([apply(waves, each, of_it) for each, of_it in pairs])


def _plain(operand: torch.Tensor) -> torch.Tensor:
    """Return the operand in memory as the backends read it: without a pending conjugation, and contiguous."""
    return operand.detach().resolve_conj().resolve_neg().contiguous()
