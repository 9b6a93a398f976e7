"""The two-layer network with a trained diagonal layer after the Fourier features.

    f_c(x) = 1/sqrt(m) sum_k [a_ck p_k cos(2 pi w_k.x) + b_ck q_k sin(2 pi w_k.x)],    p = q = 1 at t = 0.

This is the network of `freqbias.nn.network` with the amplitudes (a p, b q). The Jacobian is J D, where J is the
Jacobian of the network without the diagonal layer, and D is the derivative of the amplitudes. In a channel, D maps
(da, dp) to p da + a dp. D^T maps a cotangent s to (p s, sum_c a_c s_c). With this layer, training favours few features:
Jeong and Han, Robust Fourier Neural Networks, arXiv 2409.02052.

The learning rate of p and q is that of the hidden layers.

The state contains c as pairs (a, -b), then w, then the pairs (p, q), (m, 2). The channels share w, p and q.
"""

from collections.abc import Iterable

import numpy as np
import torch

from freqbias.nn.network import FourierNetwork
from freqbias.nn.neuron_sum import NeuronSum
from freqbias.nn.sharding import Shards
from freqbias.nn.transforms import Transforms
from freqbias.numerics import Sites
from freqbias.problem import Neurons, Problem


class DiagonalNetwork(FourierNetwork):
    def __init__(
        self,
        problem: Problem,
        transforms: Transforms,
        *,
        device: torch.device | str = "cpu",
        shards: Shards | None = None,
    ) -> None:
        super().__init__(problem, transforms, device=device, shards=shards)
        ones = torch.ones(2 * self.layout.width, dtype=self.start.dtype, device=device)
        self.start = torch.cat([self.start, ones])

    def values(self, state: torch.Tensor) -> torch.Tensor:
        pairs, frequencies, gains = self._parts(state)
        return super().values(_joined(gains * pairs, frequencies))

    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        pairs, frequencies, gains = self._parts(state)
        cotangent = super().vjp(_joined(gains * pairs, frequencies), values)
        pair_cotangent, frequency_cotangent = self._plain_parts(cotangent)
        return _joined(gains * pair_cotangent, frequency_cotangent, (pairs * pair_cotangent).sum(dim=0))

    def groups(self, state: torch.Tensor) -> Iterable[tuple[float, torch.Tensor]]:
        plain, gains = state.split([self.layout.size, 2 * self.layout.width])
        return [*super().groups(plain), (self.rates.hidden, gains)]

    def _jvp(self, fourier: NeuronSum, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        pairs, frequencies, gains = self._parts(state)
        pair_change, frequency_change, gain_change = self._parts(change)
        plain = _joined(gains * pair_change + gain_change * pairs, frequency_change)
        return super()._jvp(fourier, _joined(gains * pairs, frequencies), plain)

    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        """Return mean_k max(p^2, q^2) + mean_k max(a^2, b^2) + 4 pi^2 |x|^2 mean_k ((a p)^2 + (b q)^2).

        The terms are multiplied by the learning rates of output, hidden and frequencies.
        """
        pairs, frequencies, gains = self._parts(state)
        plain = super().kernel_diagonal_at(_joined(gains * pairs, frequencies), sites)
        by_amplitudes = self.rates.output * ((gains**2).amax(dim=-1).mean() - 1)
        by_gains = self.rates.hidden * (pairs**2).amax(dim=-1).mean(dim=-1, keepdim=True)
        return plain + (by_amplitudes + by_gains).cpu().numpy()

    def _frequencies(self, state: torch.Tensor) -> torch.Tensor:
        return super()._frequencies(state[: self.layout.size])

    def neurons(self, state: torch.Tensor) -> Neurons:
        pairs, frequencies, gains = self._parts(state)
        return self.layout.neurons(_joined(gains * pairs, frequencies))

    def _parts(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return views of the pairs (a, -b), (C, m, 2), of the flat w, (d m,), and of the pairs (p, q), (m, 2)."""
        plain, gains = state.split([self.layout.size, 2 * self.layout.width])
        return *self._plain_parts(plain), gains.view(-1, 2)

    def _plain_parts(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        layout = self.layout
        pairs, frequencies = state.split([2 * layout.channels * layout.width, layout.dimension * layout.width])
        return pairs.view(layout.channels, layout.width, 2), frequencies


def _joined(*parts: torch.Tensor) -> torch.Tensor:
    return torch.cat([part.flatten() for part in parts])
