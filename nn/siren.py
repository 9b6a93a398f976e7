"""SIREN on the samples of a problem, with derivatives by automatic differentiation.

    y_1 = sin(omega_0 (W x + b_1)),    y_l = sin(omega_0 (V_l y_{l-1} + b_l)),  l = 2, ..., L,
    f = sum_s sign_s (c_s y_L + b_s),

for S copies of the network: one with sign 1, or two with signs 1/sqrt(2) and -1/sqrt(2). The state is one flat vector
of all parameters, as `freqbias.nn.siren_layout` orders them. `freqbias.problem.siren_weights` has the initial values.
"""

from collections.abc import Iterable
from math import sqrt

import numpy as np
import torch

from freqbias.nn.jacobian_products import differentiable
from freqbias.nn.siren_layout import SirenLayout, SirenParts
from freqbias.nn.transforms import PRECISIONS
from freqbias.nn.unsharded import UnshardedNetwork
from freqbias.numerics import Sites
from freqbias.problem import Problem, Rates, draw_siren


def sine_layers(
    weights: SirenParts, positions: torch.Tensor, omega_0: float | torch.Tensor, real: torch.dtype
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
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
        self._last: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None
        weights = draw_siren(
            problem.density, network, dimension=problem.dimension, channels=problem.samples.channels, seed=problem.seed
        )
        super().__init__(problem, self.layout.join(weights), device=device)

    def _uncorrected_values(self, state: torch.Tensor) -> torch.Tensor:
        self._last = None  # free the memory for the next pass
        with torch.enable_grad():
            leaf = state.detach().requires_grad_()
            output = self._output(self._trained(leaf), self._positions, self._real)
        self._last = state, leaf, output
        return output.detach().double()

    def vjp(self, state: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        if self._last is None or self._last[0] is not state:
            self.values(state)
        assert self._last is not None
        _, leaf, output = self._last
        return torch.autograd.grad(output, leaf, values.to(output.dtype), retain_graph=True)[0]

    def jvp(self, state: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        return self._jvp(state, change, self._positions, self._real)

    def groups(self, state: torch.Tensor) -> Iterable[tuple[float, torch.Tensor]]:
        return by_group(self.layout.split(state), self.rates)

    def values_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        weights = self.layout.split(state)
        return self._by_parts(sites, lambda part: self._output(weights, part, torch.float64))

    def jvp_at(self, state: torch.Tensor, sites: Sites, change: torch.Tensor) -> np.ndarray:
        return self._by_parts(sites, lambda part: self._jvp(state, change, part, torch.float64))

    def kernel_diagonal_at(self, state: torch.Tensor, sites: Sites) -> np.ndarray:
        return self._by_parts(sites, lambda part: self._kernel_diagonal(state, part))

    def _output(self, weights: SirenParts, positions: torch.Tensor, real: torch.dtype) -> torch.Tensor:
        return siren_output(weights, sine_layers(weights, positions, self._omega_0, real)[1][-1], self._signs)

    def _trained(self, state: torch.Tensor) -> SirenParts:
        """Return the weights, those of frozen groups without derivatives, which saves time."""
        parts, rates = self.layout.split(state), self.rates
        return SirenParts(
            parts.first if rates.frequencies else parts.first.detach(),
            parts.hidden if rates.hidden else [each.detach() for each in parts.hidden],
            parts.output if rates.output else parts.output.detach(),
            *(each if rates.biases else each.detach() for each in (parts.biases, parts.output_bias)),
        )

    def _jvp(
        self, state: torch.Tensor, change: torch.Tensor, positions: torch.Tensor, real: torch.dtype
    ) -> torch.Tensor:
        def output(weights: torch.Tensor) -> torch.Tensor:
            return self._output(self.layout.split(weights), positions, real)

        with differentiable():
            return torch.func.jvp(output, (state,), (change,))[1].double()

    def _kernel_diagonal(self, state: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Return the diagonal of J R J^T, (C, P). For one channel and sample, with d_l the derivative of f with respect
        to the phases of layer l and y_0 = x, it is

            r_output |y_L|^2 / S sum_s 1 + r_biases + omega_0^2 sum_l (r_l |y_{l-1}|^2 + r_biases) |d_l|^2,

        summed over the copies, where r_l is r_frequencies for l = 1, and r_hidden for l > 1.
        """
        rates, parts = self.rates, self.layout.split(state)
        with torch.enable_grad():
            weights = parts._replace(first=parts.first.detach().requires_grad_())
            phases, sines = sine_layers(weights, positions, self._omega_0, torch.float64)
            output = siren_output(weights, sines[-1], self._signs)
            slopes = [torch.autograd.grad(row.sum(), phases, retain_graph=True) for row in output]  # d_l by channel
        inputs = [positions.expand(len(phases[0]), -1, -1), *(each.detach() for each in sines)]
        squares = [(each**2).sum(dim=1) for each in inputs]  # |y_l|^2, (S, P)
        factors = [rates.frequencies, *[rates.hidden] * len(parts.hidden)]
        last = rates.output * squares[-1].mean(dim=0) + rates.biases
        return torch.stack(
            [
                last
                + self._omega_0**2
                * sum(
                    ((rate * square + rates.biases) * (slope**2).sum(dim=1)).sum(dim=0)
                    for rate, square, slope in zip(factors, squares[:-1], each, strict=True)
                )
                for each in slopes
            ]
        )

    def _widest(self) -> int:
        return self.layout.shapes["first"][0] * self.layout.shapes["first"][1]


def by_group(parts: SirenParts, rates: Rates) -> Iterable[tuple[float, torch.Tensor]]:
    """Return the learning rate and the weights of each group of parameters."""
    first, hidden, output, biases, output_bias = parts
    yield rates.frequencies, first
    yield from ((rates.hidden, each) for each in hidden)
    yield rates.output, output
    yield from ((rates.biases, each) for each in (biases, output_bias))
