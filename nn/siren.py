"""SIREN on the samples of a problem.

    y_1 = sin(omega_0 (W x + b_1)),    y_l = sin(omega_0 (V_l y_{l-1} + b_l)),  l = 2, ..., L,
    f = sum_s sign_s (c_s y_L + b_s),

for S copies of the network: one with sign 1, or two with signs 1/sqrt(2) and -1/sqrt(2). The state is one flat vector
of all parameters, as `freqbias.nn.siren_layout` orders them. `freqbias.problem.siren_weights` has the initial values.
"""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

import numpy as np
import torch

from freqbias.nn.siren_layout import SirenLayout, SirenParts
from freqbias.nn.transforms import PRECISIONS
from freqbias.nn.unsharded import UnshardedNetwork
from freqbias.numerics import Sites
from freqbias.problem import Problem, Rates, draw_siren

Layers = tuple[list[torch.Tensor], list[torch.Tensor]]


class Pass(NamedTuple):
    """A forward pass on the samples, with its graph: from leaf, a copy of the state, to output f, (C, N)."""

    state: torch.Tensor
    leaf: torch.Tensor
    phases: list[torch.Tensor]
    sines: list[torch.Tensor]
    output: torch.Tensor


def sine_layers(
    weights: SirenParts, positions: torch.Tensor, omega_0: float | torch.Tensor, real: torch.dtype
) -> Layers:
    """Return the phases omega_0 (V_l y_{l-1} + b_l) and the sines y_l of the layers l = 1, ..., L, each (S, n, N).

    positions: (d, N). The phases of the first layer are in the precision of the weights, all else is in `real`, because
    omega_0 x may be many turns.
    """
    phases = [omega_0 * (weights.first @ positions + weights.biases[:, 0, :, None])]
    sines = [phases[0].sin().to(real)]
    for layer, matrix in enumerate(weights.hidden, 1):
        phases.append(omega_0 * (matrix.to(real) @ sines[-1] + weights.biases[:, layer, :, None].to(real)))
        sines.append(phases[-1].sin())
    return phases, sines


def siren_output(weights: SirenParts, sines: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """Return f, (C, N), in the precision of the sines. sines: y_L, (S, n, N). signs: (S,)."""
    output, shift = weights.output.to(sines.dtype), weights.output_bias.to(sines.dtype)
    return (signs.to(sines.dtype)[:, None, None] * (output @ sines + shift[..., None])).sum(dim=0)


class SirenNetwork(UnshardedNetwork):
    """The drawn SIREN of a problem, on the samples of the problem."""

    def __init__(self, problem: Problem, *, precision: str = "single", device: torch.device | str = "cpu") -> None:
        network = problem.network
        assert network.omega_0 is not None
        self.layout, self._omega_0, self._real = SirenLayout.of(problem), network.omega_0, PRECISIONS[precision][0]
        signs = [sqrt(0.5), -sqrt(0.5)] if network.symmetric else [1.0]
        self._signs = torch.tensor(signs, dtype=torch.float64, device=device)
        self._last: Pass | None = None
        weights = draw_siren(
            problem.density, network, dimension=problem.dimension, channels=problem.samples.channels, seed=problem.seed
        )
        super().__init__(problem, self.layout.join(weights), device=device)

    def _uncorrected_values(self, state: torch.Tensor) -> torch.Tensor:
        self._last = None  # free the memory for the next pass
        with torch.enable_grad():
            leaf = state.detach().requires_grad_()
            weights = self._trained(leaf)
            phases, sines = sine_layers(weights, self._positions, self._omega_0, self._real)
            self._last = Pass(state, leaf, phases, sines, siren_output(weights, sines[-1], self._signs))
        return self._last.output.detach().double()

    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        last = self._at(state)
        return torch.autograd.grad(last.output, last.leaf, values.to(last.output.dtype), retain_graph=True)[0]

    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        last = self._at(state)
        return self._jvp(state, change, self._positions, (last.phases, last.sines))

    def groups(self, state: torch.Tensor) -> Iterable[tuple[float, torch.Tensor]]:
        return by_group(self.layout.split(state), self.rates)

    def values_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        weights = self.layout.split(state)

        def values(part: torch.Tensor) -> torch.Tensor:
            _, sines = sine_layers(weights, part, self._omega_0, torch.float64)
            return siren_output(weights, sines[-1], self._signs)

        return self._by_parts(sites, values)

    def jvp_at(self, state: torch.Tensor, sites: Sites, change: torch.Tensor) -> np.ndarray:
        weights = self.layout.split(state)

        def push(part: torch.Tensor) -> torch.Tensor:
            return self._jvp(state, change, part, sine_layers(weights, part, self._omega_0, torch.float64))

        return self._by_parts(sites, push)

    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        return self._by_parts(sites, lambda part: self._kernel_diagonal(state, part))

    def _trained(self, state: torch.Tensor) -> SirenParts:
        """Return the weights, those of frozen groups without derivatives, which saves time."""
        parts, rates = self.layout.split(state), self.rates
        return SirenParts(
            parts.first if rates.frequencies else parts.first.detach(),
            parts.hidden if rates.hidden else [each.detach() for each in parts.hidden],
            parts.output if rates.output else parts.output.detach(),
            *(each if rates.biases else each.detach() for each in (parts.biases, parts.output_bias)),
        )

    def _at(self, state: torch.Tensor) -> Pass:
        """Return the forward pass at this state. The last pass is reused if it was at the same state."""
        if self._last is None or self._last.state is not state:
            self.values(state)
        assert self._last is not None
        return self._last

    def _jvp(self, state: torch.Tensor, change: torch.Tensor, positions: torch.Tensor, layers: Layers) -> torch.Tensor:
        """Return J times a change of the state, (C, P), in double precision. layers: phases z_l and sines y_l.

        The changes are z_l' = omega_0 (V_l' y_{l-1} + V_l y_{l-1}' + b_l') and y_l' = cos(z_l) z_l'.
        """
        real, weights, changes = layers[1][0].dtype, self.layout.split(state), self.layout.split(change)
        inputs = [positions.to(real), *(each.detach() for each in layers[1])]
        matrices = zip([weights.first, *weights.hidden], [changes.first, *changes.hidden], strict=True)
        tangent = torch.zeros_like(inputs[0])  # y_0', since y_0 = x
        for layer, (matrix, by_matrix) in enumerate(matrices):
            push = by_matrix.to(real) @ inputs[layer] + changes.biases[:, layer, :, None].to(real)
            if layer > 0:
                push += matrix.to(real) @ tangent
            tangent = self._omega_0 * layers[0][layer].detach().to(real).cos() * push
        by_output = changes.output.to(real) @ inputs[-1] + changes.output_bias.to(real)[..., None]
        signs = self._signs.to(real)[:, None, None]
        return (signs * (weights.output.to(real) @ tangent + by_output)).sum(dim=0).double()

    def kernel_matrix(self, state: torch.Tensor) -> torch.Tensor:
        inputs, slopes = self._inputs_and_slopes(state, self._positions, self._real)
        channels, samples = self.target.shape
        matrix = inputs[0].new_zeros((channels, samples, channels, samples))
        last = self.rates.output * (inputs[-1].mT @ inputs[-1]).mean(dim=0) + self.rates.biases
        for channel in range(channels):
            matrix[channel, :, channel] += last
        for rate, layer, slope in zip(self._rates_of_layers(), inputs[:-1], slopes, strict=True):
            for x, d in zip(layer, slope.flatten(2), strict=True):
                factor = self._omega_0**2 * (rate * (x.T @ x) + self.rates.biases)
                matrix.addcmul_((d.T @ d).view(matrix.shape), factor[:, None, :])
        return matrix.view(self.target.numel(), -1)

    def _matrix_is_cheaper(self) -> bool:
        return self.layout.matrix_is_cheaper(self.target.shape[1])

    def _kernel_diagonal(self, state: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Return the diagonal of J R J^T, (C, P)."""
        inputs, slopes = self._inputs_and_slopes(state, positions, torch.float64)
        squares = [(each**2).sum(dim=1)[:, None] for each in inputs]  # |y_l|^2, (S, 1, P)
        diagonal = self.rates.output * squares[-1].mean(dim=0) + self.rates.biases
        for rate, square, slope in zip(self._rates_of_layers(), squares[:-1], slopes, strict=True):
            factor = self._omega_0**2 * (rate * square + self.rates.biases)
            diagonal = diagonal + (factor * (slope**2).sum(dim=1)).sum(dim=0)
        return diagonal

    def _inputs_and_slopes(
        self, state: torch.Tensor, positions: torch.Tensor, real: torch.dtype
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return y_0 = x, y_1, ..., y_L, each (S, k, N), and d_1, ..., d_L, each (S, n, C, N), where d_l is the
        derivative of f with respect to the phases of layer l. With these, J R J^T at (cq)(c'q') is

            1_cc' (r_output / S sum_s y_L.y_L' + r_biases)
            + omega_0^2 sum_s,l (r_l y_{l-1}.y_{l-1}' + r_biases) d_l.d_l'.
        """
        parts = self.layout.split(state)
        with torch.enable_grad():
            weights = parts._replace(first=parts.first.detach().requires_grad_())
            phases, sines = sine_layers(weights, positions, self._omega_0, real)
            output = siren_output(weights, sines[-1], self._signs)
            by_channel = [torch.autograd.grad(row.sum(), phases, retain_graph=True) for row in output]
        slopes = [torch.stack(each, dim=2).to(real) for each in zip(*by_channel, strict=True)]
        x = positions.to(real).expand(len(self._signs), -1, -1)
        return [x, *(each.detach() for each in sines)], slopes

    def _rates_of_layers(self) -> list[float]:
        """Return r_l: r_frequencies for l = 1, and r_hidden for the others."""
        return [self.rates.frequencies, *[self.rates.hidden] * (self.layout.shapes["biases"][1] - 1)]

    def _numbers(self) -> int:
        copies, layers, n = self.layout.shapes["biases"]
        return 4 * copies * layers * n


def by_group(parts: SirenParts, rates: Rates) -> Iterable[tuple[float, torch.Tensor]]:
    """Return the learning rate and the weights of each group of parameters."""
    first, hidden, output, biases, output_bias = parts
    yield rates.frequencies, first
    yield from ((rates.hidden, each) for each in hidden)
    yield rates.output, output
    yield from ((rates.biases, each) for each in (biases, output_bias))
