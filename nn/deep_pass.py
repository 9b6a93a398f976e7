"""Forward pass, vjp, jvp and kernel of a network with hidden layers.

    f = sum_s sign_s c_s x_{L+1},    x_1 = [cos 2 pi W x, sin 2 pi W x] / sqrt(m),    x_{l+1} = phi(z_l) / sqrt(p(1) n),
    z_l = (V_l x_l + beta b_l) / sqrt(1 + beta^2),    l = 1, ..., L,

for S copies of the network: one with sign 1, or two with signs 1/sqrt(2) and -1/sqrt(2). phi is the activation, and
p(1) is the mean of phi(z)^2 for a standard normal z. Without biases, beta = 0. Let s_l be the derivative of x_{l+1}
with respect to V_l x_l, s_l = phi'(z_l) / sqrt((1 + beta^2) p(1) n), and let J be the derivative of f with respect to
W, V, c and b. The vector-Jacobian product (vjp) J^T r of r (C, N) is a backward pass, which begins with
g = sign c^T r:

    dc = sign r x_{L+1}^T;    d_l = g s_l,  dV_l = d_l x_l^T,  db_l = beta d_l 1,  g = V_l^T d_l    for l = L, ..., 1;
    dW = D x^T,    D = 2 pi (cos g_sin - sin g_cos) / sqrt(m).

The Jacobian-vector product (jvp) is J times a change of the weights. The kernel J R J^T is computed without J. R has
the learning rates r of the groups of parameters (`problem.Rates`). Let d_l and D be the results of a backward pass for
one channel c and one sample q. For each layer, J R J^T contains an inner product of inputs times an inner product of
d_l:

    (J R J^T)_(cq)(c'q') = r_output 1_cc' / S sum_s x_{L+1}^q.x_{L+1}^q'
                           + sum_s,l (r_hidden x_l^q.x_l^q' + r_biases beta^2) (d_l^cq.d_l^c'q')
                           + r_frequencies sum_s (x_q.x_q') (D^cq.D^c'q').

The derivative with respect to frozen frequencies, r_frequencies = 0, is not computed.
"""

from dataclasses import dataclass
from math import pi, sqrt
from typing import NamedTuple

import torch

from freqbias.nn.tensor_activations import TensorActivation
from freqbias.nn.transforms import waves
from freqbias.problem import Rates


class Weights(NamedTuple):
    """W (S, m, d), V_l (S, n, 2m) or (S, n, n), c (S, C, n), and b (S, L, n) or None."""

    frequencies: torch.Tensor
    hidden: list[torch.Tensor]
    output: torch.Tensor
    biases: torch.Tensor | None


@dataclass(frozen=True)
class Pass:
    """The results of a forward pass. All tensors are in the precision of the products.

    positions: (d, N). signs: (S, 1, 1). hidden: V_1, ..., V_L. output: sign c. inputs: x_1, ..., x_{L+1}, each
    (S, k, N), where k is the width of the layer. derivatives: s_1, ..., s_L, each (S, n, N). rates: r. bias: beta.
    """

    positions: torch.Tensor
    signs: torch.Tensor
    hidden: list[torch.Tensor]
    output: torch.Tensor
    inputs: list[torch.Tensor]
    derivatives: list[torch.Tensor]
    rates: Rates
    bias: float

    @property
    def values(self) -> torch.Tensor:
        """f, (C, N), summed over the copies in double precision."""
        return (self.output @ self.inputs[-1]).double().sum(dim=0)

    def vjp(self, values: torch.Tensor, into: Weights) -> None:
        """Write J^T r into the tensors `into`, with 0 for frozen frequencies. values: r, (C, N)."""
        frequencies, hidden, output, biases = into
        output.copy_(self.signs * (values @ self.inputs[-1].mT))
        back = self.output.mT @ values
        for layer in reversed(range(len(self.hidden))):
            back *= self.derivatives[layer]
            hidden[layer].copy_(back @ self.inputs[layer].mT)
            if biases is not None:
                biases[:, layer] = self.bias * back.sum(dim=2)
            if layer == 0 and self.rates.frequencies == 0:
                frequencies.zero_()
                return
            back = self.hidden[layer].mT @ back
        frequencies.copy_(_phase_gradient(self.inputs[0], back) @ self.positions.T * (2 * pi))

    def jvp(self, change: Weights) -> torch.Tensor:
        """Return J times a change of the weights, (C, N), in double precision. The change of a frozen W must be 0."""
        real = self.output.dtype
        frequencies, hidden, output, biases = change
        by_bias = None if biases is None else self.bias * biases.to(real)[..., None]
        tangent = hidden[0].to(real) @ self.inputs[0]
        if self.rates.frequencies > 0:
            cos, sin = self.inputs[0].chunk(2, dim=1)
            phase_change = 2 * pi * (frequencies.to(real) @ self.positions)
            tangent += self.hidden[0] @ torch.cat([-sin * phase_change, cos * phase_change], dim=1)
        for layer in range(len(hidden)):
            if layer > 0:
                tangent = self.hidden[layer] @ tangent + hidden[layer].to(real) @ self.inputs[layer]
            if by_bias is not None:
                tangent += by_bias[:, layer]
            tangent *= self.derivatives[layer]
        return (self.output @ tangent + self.signs * output.to(real) @ self.inputs[-1]).double().sum(dim=0)

    def kernel(self) -> torch.Tensor:
        """Return J R J^T, (C, N, C, N)."""
        (copies, channels, _), samples, rates = self.output.shape, self.positions.shape[1], self.rates
        matrix = self.positions.new_zeros((channels, samples, channels, samples))

        def add(rate: float, inputs: torch.Tensor, back: torch.Tensor, constant: float = 0.0) -> None:
            """Add the sum of (r x^q.x^q' + constant) (d^cq.d^c'q') over the copies to the matrix.

            rate: r. inputs: x, (S, k, N). back: d, (S, n, C, N).
            """
            for x, d in zip(inputs, back.flatten(2), strict=True):
                matrix.addcmul_((d.T @ d).view(matrix.shape), (rate * (x.T @ x) + constant)[:, None, :])

        last = (self.inputs[-1].mT @ self.inputs[-1]).mean(dim=0)
        for channel in range(channels):
            matrix[channel, :, channel] += rates.output * last
        back = self.output.mT[..., None]
        for layer in reversed(range(len(self.hidden))):
            back = back * self.derivatives[layer][:, :, None]
            add(rates.hidden, self.inputs[layer], back, rates.biases * self.bias**2)
            back = (self.hidden[layer].mT @ back.flatten(2)).unflatten(2, (channels, samples))
        phases = (2 * pi * self.positions).expand(copies, -1, -1)
        add(rates.frequencies, phases, _phase_gradient(self.inputs[0][:, :, None], back))
        return matrix

    def kernel_diagonal(self) -> torch.Tensor:
        """Return the diagonal of J R J^T, (C, N), in double precision."""
        samples, rates = self.positions.shape[1], self.rates
        diagonal = (
            rates.output * (self.inputs[-1] ** 2).sum(dim=1).mean(dim=0).expand(self.output.shape[1], samples).double()
        )
        back = self.output.mT[..., None]
        for layer in reversed(range(len(self.hidden))):
            back = back * self.derivatives[layer][:, :, None]
            diagonal = diagonal + rates.hidden * _squares(self.inputs[layer], back)
            if self.bias:
                diagonal = diagonal + rates.biases * self.bias**2 * (back**2).sum(dim=(0, 1)).double()
            back = (self.hidden[layer].mT @ back.flatten(2)).unflatten(2, (-1, samples))
        phases = (2 * pi * self.positions).expand(len(self.output), -1, -1)
        return diagonal + rates.frequencies * _squares(phases, _phase_gradient(self.inputs[0][:, :, None], back))


def _squares(inputs: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """Return sum_s |x^q|^2 |d^cq|^2, (C, N). inputs: x, (S, k, N). back: d, (S, n, C, N)."""
    return ((inputs**2).sum(dim=1)[:, None] * (back**2).sum(dim=1)).sum(dim=0).double()


def forward(
    weights: Weights,
    positions: torch.Tensor,
    signs: torch.Tensor,
    activation: TensorActivation,
    *,
    moment: float,
    real: torch.dtype,
    rates: Rates,
    bias: float = 0.0,
) -> Pass:
    """Compute the forward pass for weights and positions (d, N), both in double precision.

    moment: p(1). real: the type of the numbers in the products. The phases W x are reduced in double precision before
    the products. rates: r. bias: beta.
    """
    frequencies, in_double, output, biases = weights
    shifts = None if biases is None else bias * biases.to(real)[..., None]
    width, hidden = frequencies.shape[1], [each.to(real) for each in in_double]
    inputs, derivatives = [torch.cat(waves(frequencies @ positions, real), dim=1).div_(sqrt(width))], []
    deviation = sqrt(1 + bias**2)  # of V_l x_l + beta b_l
    for layer, matrix in enumerate(hidden):
        z, scale = matrix @ inputs[-1], 1 / sqrt(moment * matrix.shape[1])
        if shifts is not None:
            z = (z + shifts[:, layer]).div_(deviation)
        inputs.append(activation.value(z).mul_(scale))
        derivatives.append(activation.derivative(z).mul_(scale / deviation))
    return Pass(positions.to(real), signs.to(real), hidden, (signs * output).to(real), inputs, derivatives, rates, bias)


def _phase_gradient(features: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """Return D / (2 pi). features: x_1. back: g. Both are (S, 2m, ...)."""
    (cos, sin), (by_cos, by_sin) = features.chunk(2, dim=1), back.chunk(2, dim=1)
    return (cos * by_sin).sub_(sin * by_cos)
