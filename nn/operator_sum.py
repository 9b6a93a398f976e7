"""The sum of a Fourier Features network on the rows of a differential operator (`numerics.OperatorRows`).

With the symbol l of the operator L, the sum and its jvp of (dc, dw) are, on the rows L f,

    L F_c(x_q) = Re sum_k c_ck l(w_k) exp(2 pi i w_k.x_q),
    Re sum_k [l(w_k) dc_k + c_k (grad l(w_k).dw_k) + 2 pi i c_k l(w_k) (x.dw_k)] exp(2 pi i w_k.x_q),

and on the rows f those of `NeuronSum`, where l = 1.
"""

import torch

from freqbias.nn.neuron_sum import NeuronSum
from freqbias.nn.transforms import Transforms
from freqbias.numerics import OperatorRows, Sites


class OperatorTransforms(Transforms):
    """The transforms of the interior sites, and of the boundary positions if there are any, for `OperatorSum`.

    Their own sums contain the symbol, as those of `numerics.OperatorRows` do.
    """

    def __init__(self, rows: OperatorRows, parts: list[Transforms]) -> None:
        self.sites: OperatorRows = rows
        self.parts = parts

    def set_frequencies(self, frequencies: torch.Tensor) -> None:
        for part in self.parts:
            part.set_frequencies(frequencies)
        xi = frequencies.detach().cpu().numpy().T
        operator = self.sites.operator
        self.symbol = torch.from_numpy(operator.symbol(xi)).to(frequencies.device)
        self.gradient = torch.from_numpy(operator.symbol_gradient(xi).T.copy()).to(frequencies.device)

    def to_samples(self, amplitudes: torch.Tensor) -> torch.Tensor:
        interior, *boundary = self.parts
        waves = [interior.to_samples(self.symbol * amplitudes), *(each.to_samples(amplitudes) for each in boundary)]
        return torch.cat(waves, dim=-1)

    def to_frequencies(self, values: torch.Tensor) -> torch.Tensor:
        interior, *boundary = (
            part.to_frequencies(values[:, where].contiguous())
            for (where, _), part in zip(self.sites.parts, self.parts, strict=True)
        )
        return torch.as_tensor(sum(boundary, self.symbol.conj() * interior))


class OperatorSum(NeuronSum):
    """L F on the interior sites, then F on the boundary."""

    def __init__(self, transforms: OperatorTransforms, *, device: torch.device | str = "cpu") -> None:
        super().__init__(transforms, transforms.sites, device=device)
        self._rows, self._parts = transforms.sites, transforms
        places = zip(transforms.sites.parts, transforms.parts, strict=True)
        self._interior, *self._boundary = (NeuronSum(part, sites, device=device) for (_, sites), part in places)

    def vjp(self, amplitudes: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        (where, _), *others = self._rows.parts
        symbol, gradient = self._parts.symbol, self._parts.gradient
        waves, w = self._interior.vjp(symbol * amplitudes, values[:, where].contiguous())
        w = w + (gradient[:, None] * amplitudes * waves.conj()).real.sum(dim=1)
        c = symbol.conj() * waves
        for (place, _), part in zip(others, self._boundary, strict=True):
            more_c, more_w = part.vjp(amplitudes, values[:, place].contiguous())
            c, w = c + more_c, w + more_w
        return c, w

    def jvp(
        self, amplitudes: torch.Tensor, amplitude_change: torch.Tensor, frequency_change: torch.Tensor
    ) -> torch.Tensor:
        symbol, symbol_change = self._parts.symbol, (self._parts.gradient * frequency_change).sum(dim=0)
        interior = self._interior.jvp(
            symbol * amplitudes, symbol * amplitude_change + symbol_change * amplitudes, frequency_change
        )
        boundary = (part.jvp(amplitudes, amplitude_change, frequency_change) for part in self._boundary)
        return torch.cat([interior, *boundary], dim=-1)


def neuron_sum(transforms: Transforms, sites: Sites, *, device: torch.device | str = "cpu") -> NeuronSum:
    """Return the sum on the sites of these transforms."""
    if isinstance(transforms, OperatorTransforms):
        return OperatorSum(transforms, device=device)
    return NeuronSum(transforms, sites, device=device)
