"""The two-layer Fourier Features network on the samples of a problem, with gradient flow by adjoint transforms.

    f_c(x) = 1/sqrt(m) sum_k [a_ck cos(2 pi w_k.x) + b_ck sin(2 pi w_k.x)]
           = 1/sqrt(m) Re sum_k c_ck exp(2 pi i w_k.x),    c = a - i b,
    u = f - f*,    loss L = 1/2 mean_q sum_c u_cq^2.

Here m is the number of neurons, C the number of channels, N the number of samples x_q, and f* the target. The training
changes a, b and w. The channels share w. With E_kq = exp(-2 pi i w_k.x_q) and r = -u / (N sqrt(m)), the gradient flow
is

    dc/dt   = -(dL/da - i dL/db) = E r,
    dw_i/dt = -dL/dw_i           = Im sum_c conj(c_c) E(2 pi x_i r_c),

each multiplied by the learning rate of its group of parameters (`problem.Rates`).

The Jacobian J of f maps (dc, dw) to 1/sqrt(m) Re sum_k [dc_k + 2 pi i c_k (x.dw_k)] exp(2 pi i w_k.x).

The state is one flat real vector: c (C, m) as pairs (a, -b), then w (d, m). The state is always in double precision,
because single precision would lose small steps. [training] precision is the precision of the transforms, which need
most of the time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
import torch

from freqbias.nn.backends import choose_backend, make_transforms
from freqbias.nn.neuron_sum import NeuronSum
from freqbias.nn.operator_sum import neuron_sum
from freqbias.nn.sharding import Shards
from freqbias.nn.trainable import TrainableNetwork, loss, training_target
from freqbias.nn.transforms import Transforms
from freqbias.numerics import OperatorRows, Sites
from freqbias.problem import Neurons, Problem, draw, network_values, problem_at


@dataclass(frozen=True)
class StateLayout:
    """The layout of c and w in the state of a network.

    width: the number m of neurons. channels: C. dimension: d.
    """

    width: int
    channels: int
    dimension: int

    @property
    def size(self) -> int:
        return (2 * self.channels + self.dimension) * self.width

    def split(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return views of c, (C, m) complex, and of w, (d, m) [cycles/length]."""
        pairs, frequencies = state.split([2 * self.channels * self.width, self.dimension * self.width])
        return torch.view_as_complex(pairs.view(self.channels, self.width, 2)), frequencies.view(
            self.dimension, self.width
        )

    def rows(self, state: torch.Tensor) -> torch.Tensor:
        """Return the state as a matrix with one column for each neuron, (2 C + d, m).

        A state with n further parameters for each neuron, (m, n), gives n further rows.
        """
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
        """Return the state for a matrix that `rows` returned."""
        sizes = [2 * self.channels, self.dimension]
        pairs, frequencies, more = rows.split([*sizes, len(rows) - sum(sizes)])
        by_channel = pairs.reshape(self.channels, 2, self.width).mT
        return torch.cat([by_channel.flatten(), frequencies.flatten(), more.T.flatten()])

    def join(self, neurons: Neurons) -> torch.Tensor:
        """Return the state of these neurons, (size,), on the CPU."""
        state = torch.empty(self.size, dtype=torch.float64)
        amplitudes, frequencies = self.split(state)
        amplitudes.copy_(torch.from_numpy(neurons.cosine - 1j * neurons.sine))
        frequencies.copy_(torch.from_numpy(neurons.frequencies.T))
        return state

    def neurons(self, state: torch.Tensor) -> Neurons:
        """Return the neurons of a state."""
        amplitudes, frequencies = self.split(state.cpu())
        return Neurons(frequencies.numpy().T, amplitudes.real.numpy(), -amplitudes.imag.numpy())


class FourierNetwork(TrainableNetwork):
    """The drawn network of a problem, on the samples of the problem.

    A state contains the neurons of this process. These are all neurons, unless `shards` distributes the neurons over
    several processes. With several processes every method is collective.
    """

    def __init__(
        self,
        problem: Problem,
        transforms: Transforms,
        *,
        device: torch.device | str = "cpu",
        shards: Shards | None = None,
    ) -> None:
        samples, network, self.rates = problem.samples, problem.network, problem.rates
        self._shards, self._width = shards or Shards(), network.width
        neurons = draw(
            problem.density, network, dimension=problem.dimension, channels=samples.channels, seed=problem.seed,
            shard=self._shards.local_slice(network.width),
        )  # fmt: skip
        self.layout = StateLayout(neurons.width, samples.channels, problem.dimension)
        self.start = self.layout.join(neurons).to(device)
        self._problem, self._fourier = problem, neuron_sum(transforms, problem.sites, device=device)
        self._elsewhere: tuple[torch.Tensor, Sites, NeuronSum] | None = None  # the last arguments of `jvp_at`
        self.target = torch.as_tensor(samples.values, device=device)
        start = self._uncorrected_values(self.start)
        # subtracted, so that f is exactly 0 at t = 0
        self._rounding = start if network.symmetric else torch.zeros_like(start)
        start = start - self._rounding
        self.target = training_target(problem, start)
        self.start_loss = loss(start - self.target)

    def values(self, state: torch.Tensor) -> torch.Tensor:
        return self._uncorrected_values(state) - self._rounding

    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        cotangent = torch.empty_like(state)
        amplitudes, residual = self.layout.split(state)[0], values / sqrt(self._width)
        if self.rates.frequencies == 0:
            parts = self._fourier.amplitude_vjp(residual), torch.zeros((), device=state.device)
        else:
            parts = self._fourier.vjp(amplitudes, residual)
        for part, found in zip(self.layout.split(cotangent), parts, strict=True):
            part.copy_(found)
        return cotangent

    def groups(self, state: torch.Tensor) -> Iterable[tuple[float, torch.Tensor]]:
        return zip((self.rates.output, self.rates.frequencies), self.layout.split(state), strict=True)

    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        return self._all_reduce(lambda: self._jvp(self._fourier, state, change))

    def _jvp(self, fourier: NeuronSum, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """Return sqrt(m) times the jvp of this process's neurons. fourier: a sum with the frequencies of `state`."""
        amplitude_change, frequency_change = self.layout.split(change)
        if self.rates.frequencies == 0:
            return fourier.values(amplitude_change)
        return fourier.jvp(self.layout.split(state)[0], amplitude_change, frequency_change)

    def gather(self, state: torch.Tensor) -> np.ndarray | None:
        if not state.ndim:  # a scalar belongs to all neurons, for example the step count of Adam
            return state.cpu().numpy()
        parts = self._shards.comm.gather(self.layout.rows(state.cpu()))
        if parts is None:
            return None
        whole = StateLayout(self._width, self.layout.channels, self.layout.dimension)
        return whole.from_rows(torch.cat(parts, dim=1)).numpy()

    def scatter(self, state: np.ndarray | None) -> torch.Tensor:
        part = self._shards.comm.scatter(None if state is None else self._columns_by_rank(torch.from_numpy(state)))
        return self.layout.from_rows(part).to(self.start.device) if part.ndim else part

    def _columns_by_rank(self, state: torch.Tensor) -> list[torch.Tensor]:
        """Return for each process the columns of the state that contain its neurons.

        If the state is a scalar, return the scalar for every process.
        """
        size = self._shards.comm.size
        if not state.ndim:
            return [state] * size
        rows = StateLayout(self._width, self.layout.channels, self.layout.dimension).rows(state)
        # Cloned, because pickle would send the whole matrix with every view.
        return [rows[:, self._shards.local_slice(self._width, rank)].clone() for rank in range(size)]

    def neurons(self, state: torch.Tensor) -> Neurons:
        """Return the neurons in a state of this process."""
        return self.layout.neurons(state)

    def values_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        def part() -> torch.Tensor:
            neurons = self.neurons(state)
            values = network_values(neurons, sites, threads=self._shards.threads) * sqrt(neurons.width)
            return torch.from_numpy(values).to(state.device)

        return self._all_reduce(part, self._zeros_at(sites)).cpu().numpy()

    def jvp_at(self, state: torch.Tensor, sites: Sites, change: torch.Tensor) -> np.ndarray:
        def part() -> torch.Tensor:
            return self._jvp(self._fourier_at(state, sites), state, change)

        return self._all_reduce(part, self._zeros_at(sites)).cpu().numpy()

    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        """Return r_output mean_k |l_k|^2 + r_frequencies mean_k (a_ck^2 + b_ck^2) |grad l_k + 2 pi i x l_k|^2.

        r are the learning rates, and l_k = l(w_k) is the symbol of the operator on rows of one, 1 elsewhere.
        """
        amplitudes, x = self.layout.split(state)[0].cpu().numpy(), sites.positions()
        squares, distances = np.abs(amplitudes) ** 2, 4 * pi**2 * (x**2).sum(axis=1)
        diagonal = self.rates.output + self.rates.frequencies * squares.mean(axis=1)[:, None] * distances
        if isinstance(sites, OperatorRows):
            w, where = self._frequencies(state).T.cpu().numpy(), slice(0, sites.interior.size)
            diagonal[:, where] = self.rates.output * (np.abs(sites.operator.symbol(w)) ** 2).mean()
            slopes = sites.operator.slope_squares(w, squares / len(w), x[where])
            diagonal[:, where] += self.rates.frequencies * slopes
        return diagonal

    def _fourier_at(self, state: torch.Tensor, sites: Sites) -> NeuronSum:
        """Return the sum on other sites, with the frequencies of a state."""
        last = self._elsewhere
        if last is None or last[0] is not state or last[1] is not sites:
            device, problem = state.device, problem_at(self._problem, sites)
            backend, _ = choose_backend(problem, "auto", precision="double", device=device)
            transforms = make_transforms(backend, sites, "double", device, threads=self._shards.threads)
            last = self._elsewhere = state, sites, neuron_sum(transforms, sites, device=device)
            last[2].set_frequencies(self._frequencies(state))
        return last[2]

    def _frequencies(self, state: torch.Tensor) -> torch.Tensor:
        return self.layout.split(state)[1]

    def _zeros_at(self, sites: Sites) -> torch.Tensor:
        return self.target.new_zeros((len(self.target), sites.size))

    def _uncorrected_values(self, state: torch.Tensor) -> torch.Tensor:
        """Return f, (C, N). If the network is symmetric, the rounding error of f = 0 at t = 0 is not yet subtracted."""
        amplitudes, frequencies = self.layout.split(state)

        def part() -> torch.Tensor:
            self._fourier.set_frequencies(frequencies)
            return self._fourier.values(amplitudes)

        return self._all_reduce(part)

    def _all_reduce(self, part: Callable[[], torch.Tensor], like: torch.Tensor | None = None) -> torch.Tensor:
        """Return 1/sqrt(m) times the sum over the neurons of all processes. like: as in `Shards.all_reduce`."""
        return self._shards.all_reduce(part, self.target if like is None else like) / sqrt(self._width)
