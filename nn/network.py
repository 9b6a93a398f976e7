"""The two-layer Fourier Features network on its samples: its error, and its loss's gradient flow by adjoint transforms.

    f_c(x) = 1/sqrt(m) sum_k [a_ck cos(2 pi w_k.x) + b_ck sin(2 pi w_k.x)]
           = 1/sqrt(m) Re sum_k c_ck exp(2 pi i w_k.x),    c = a - i b,
    u = f - f*,    loss L = 1/2 mean_q sum_c u_cq^2.

All of a, b, w are trained, the channels sharing w. With E_kq = exp(-2 pi i w_k.x_q) and r = -u / (N sqrt(m)), the
gradient flow is

    dc/dt   = -(dL/da - i dL/db) = E r,
    dw_i/dt = -dL/dw_i           = Im sum_c conj(c_c) E(2 pi x_i r_c),

and its tangent map J sends (dc, dw) to 1/sqrt(m) Re sum_k [dc_k + 2 pi i c_k (x.dw_k)] exp(2 pi i w_k.x).

The state is one flat real vector, so that integrators need not know what is in it: c (C, m) as pairs (a, -b), then
w (d, m). It is kept in double always (single precision would lose small steps); `precision` is that of the transforms,
where the time goes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch

from freqbias.nn.fourier_sum import FourierSum
from freqbias.nn.sharding import Shards
from freqbias.nn.trainable import TrainableNetwork, loss
from freqbias.nn.transforms import Transforms
from freqbias.problem import Neurons, Problem, draw, network_values


@dataclass(frozen=True)
class StateLayout:
    """Where c and w lie in the state of a network of m neurons, C channels, d dimensions."""

    width: int
    channels: int
    dimension: int

    @property
    def size(self) -> int:
        return (2 * self.channels + self.dimension) * self.width

    def split(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Views of c (C, m) complex and w (d, m) [cycles/length]."""
        pairs, frequencies = state.split([2 * self.channels * self.width, self.dimension * self.width])
        return torch.view_as_complex(pairs.view(self.channels, self.width, 2)), frequencies.view(
            self.dimension, self.width
        )

    def rows(self, state: torch.Tensor) -> torch.Tensor:
        """(2 C + d, m): a column for each neuron. What else a network has in its state, (m, n), makes n more rows."""
        sizes = [2 * self.channels * self.width, self.dimension * self.width]
        pairs, frequencies, more = state.split([*sizes, state.numel() - sum(sizes)])
        by_neuron = pairs.view(self.channels, self.width, 2).mT.reshape(2 * self.channels, self.width)
        return torch.cat(
            [
                by_neuron,
                frequencies.view(self.dimension, self.width),
                more.view(self.width, more.numel() // self.width).T,
            ]
        )

    def from_rows(self, rows: torch.Tensor) -> torch.Tensor:
        """The inverse of `rows`."""
        sizes = [2 * self.channels, self.dimension]
        pairs, frequencies, more = rows.split([*sizes, len(rows) - sum(sizes)])
        by_channel = pairs.reshape(self.channels, 2, self.width).mT
        return torch.cat([by_channel.flatten(), frequencies.flatten(), more.T.flatten()])

    def join(self, neurons: Neurons) -> torch.Tensor:
        """The state (size,) of these neurons, on the CPU."""
        state = torch.empty(self.size, dtype=torch.float64)
        amplitudes, frequencies = self.split(state)
        amplitudes.copy_(torch.from_numpy(neurons.cosine - 1j * neurons.sine))
        frequencies.copy_(torch.from_numpy(neurons.frequencies.T))
        return state

    def neurons(self, state: torch.Tensor) -> Neurons:
        """The neurons of a state."""
        amplitudes, frequencies = self.split(state.cpu())
        return Neurons(frequencies.numpy().T, amplitudes.real.numpy(), -amplitudes.imag.numpy())


class FourierNetwork(TrainableNetwork):
    """The network that a problem draws, on its samples; its states are those of this process's neurons, which are all
    unless `shards` shares them out: everything is collective then.

    start: its state at t = 0. start_loss: the loss there.
    """

    def __init__(
        self,
        problem: Problem,
        transforms: Transforms,
        *,
        device: torch.device | str = "cpu",
        shards: Shards | None = None,
    ) -> None:
        samples, network = problem.samples, problem.network
        self._shards, self._width = shards or Shards(), network.width
        neurons = draw(
            problem.density, network, dimension=problem.dimension, channels=samples.channels, seed=problem.seed,
            shard=self._shards.own(network.width),
        )  # fmt: skip
        self.layout = StateLayout(neurons.width, samples.channels, problem.dimension)
        self.start = self.layout.join(neurons).to(device)
        self._fourier = FourierSum(transforms, problem.sites, device=device)
        self.target = torch.as_tensor(samples.values, device=device)
        self._held_out = problem.held_out
        self._rounding = (
            self._sum(self.start) if network.symmetric else torch.zeros_like(self.target)
        )  # of f = 0 at the start
        self.start_loss = loss(self._sum(self.start) - self._rounding - self.target)

    def values(self, state: torch.Tensor) -> torch.Tensor:
        return self._sum(state) - self._rounding

    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        negative_gradient = torch.empty_like(state)
        cotangents = self._fourier.vjp(self.layout.split(state)[0], values / sqrt(self._width))
        for part, found in zip(self.layout.split(negative_gradient), cotangents, strict=True):
            part.copy_(found)
        return negative_gradient

    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        amplitudes, _ = self.layout.split(state)
        return self._total(lambda: self._fourier.jvp(amplitudes, *self.layout.split(change)))

    def gather(self, state: torch.Tensor) -> np.ndarray | None:
        if not state.ndim:  # a number is all neurons' own
            return state.cpu().numpy()
        parts = self._shards.comm.gather(self.layout.rows(state.cpu()))
        if parts is None:
            return None
        whole = StateLayout(self._width, self.layout.channels, self.layout.dimension)
        return whole.from_rows(torch.cat(parts, dim=1)).numpy()

    def scatter(self, state: np.ndarray | None) -> torch.Tensor:
        part = self._shards.comm.scatter(None if state is None else self._parts_of(torch.from_numpy(state)))
        return self.layout.from_rows(part).to(self.start.device) if part.ndim else part

    def _parts_of(self, state: torch.Tensor) -> list[torch.Tensor]:
        """For each process its rows, or the number that is all neurons' own."""
        size = self._shards.comm.size
        if not state.ndim:
            return [state] * size
        rows = StateLayout(self._width, self.layout.channels, self.layout.dimension).rows(state)
        # A view would be sent with all that it is a view of.
        return [rows[:, self._shards.own(self._width, rank)].clone() for rank in range(size)]

    def neurons(self, state: torch.Tensor) -> Neurons:
        """This process's neurons in a state."""
        return self.layout.neurons(state)

    def held_out_error(self, state: torch.Tensor) -> np.ndarray | None:
        if self._held_out is None:
            return None
        sites, target = self._held_out.sites, torch.as_tensor(self._held_out.values, device=state.device)

        def part() -> torch.Tensor:
            neurons = self.neurons(state)
            values = network_values(neurons, sites, threads=self._shards.threads) * sqrt(neurons.width)
            return torch.from_numpy(values).to(state.device)

        return (self._shards.total(part, target) / sqrt(self._width) - target).cpu().numpy()

    def _sum(self, state: torch.Tensor) -> torch.Tensor:
        amplitudes, frequencies = self.layout.split(state)

        def part() -> torch.Tensor:
            self._fourier.set_frequencies(frequencies)
            return self._fourier.values(amplitudes)

        return self._total(part)

    def _total(self, part: Callable[[], torch.Tensor]) -> torch.Tensor:
        """1/sqrt(m) times the sum over the neurons of all processes."""
        return self._shards.total(part, self.target) / sqrt(self._width)
