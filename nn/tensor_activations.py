"""The functions phi and phi' of `freqbias.problem.ACTIVATIONS` for tensors, on any device and in any precision."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt

import torch

Elementwise = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class TensorActivation:
    """An activation phi. value: the function phi. derivative: the function phi'. Each returns a new tensor."""

    value: Elementwise
    derivative: Elementwise


def _normal_cdf(y: torch.Tensor) -> torch.Tensor:
    return torch.erf(y / sqrt(2)).add_(1).mul_(0.5)


TENSOR_ACTIVATIONS = {
    "relu": TensorActivation(torch.relu, lambda y: torch.gt(y, 0, out=torch.empty_like(y))),
    "sine": TensorActivation(torch.sin, torch.cos),
    "tanh": TensorActivation(torch.tanh, lambda y: torch.tanh(y).square_().neg_().add_(1)),
    "erf": TensorActivation(torch.erf, lambda y: y.square().neg_().exp_().mul_(2 / sqrt(pi))),
    "gelu": TensorActivation(
        lambda y: y * _normal_cdf(y),
        lambda y: _normal_cdf(y).add_(y * torch.exp(-0.5 * y * y), alpha=1 / sqrt(2 * pi)),
    ),
}
