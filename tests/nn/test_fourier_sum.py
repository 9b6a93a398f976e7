"""The sum as a differentiable torch function."""

import numpy as np
import pytest
import torch

from freqbias.nn import FourierSum
from freqbias.nn.dense import DenseTransforms
from freqbias.nn.nufft import NufftTransforms
from freqbias.nn.separable import SeparableTransforms
from freqbias.numerics import Grid, Scattered

CLOUD = Scattered(np.random.default_rng(1).normal(size=(9, 2)) * [1.0, 0.3] + [0.0, 5.0])
CASES = [
    (NufftTransforms, Grid((9,), (1.0,))),
    (SeparableTransforms, Grid((4, 3), (1.0, 2.0))),
    (NufftTransforms, CLOUD),
    (DenseTransforms, CLOUD),
]


def parameters(dimension: int, scale: float = 1.5) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    frequencies = scale * torch.randn(dimension, 5, generator=random, dtype=torch.float64)
    amplitudes = torch.randn(2, 5, generator=random, dtype=torch.complex128)
    return frequencies.requires_grad_(), amplitudes.requires_grad_()


@pytest.mark.parametrize("transforms, sites", CASES)
def test_gradients_by_finite_differences(transforms, sites):
    f = FourierSum(transforms(sites, precision="double"), sites)
    assert torch.autograd.gradcheck(f, parameters(sites.dimension), atol=1e-6, rtol=1e-6)


def test_backward_at_its_own_frequencies():
    """Even after the transforms were set to other frequencies."""
    (w, a), (other, _) = parameters(2), parameters(2, scale=0.7)
    shared = FourierSum(NufftTransforms(CLOUD, precision="double"), CLOUD)
    (shared(w, a).sum() + (shared(other, a) ** 2).sum()).backward()
    for frequencies, power in ((w, 1), (other, 2)):
        alone = FourierSum(DenseTransforms(CLOUD, precision="double"), CLOUD)
        twin = frequencies.detach().clone().requires_grad_()
        (alone(twin, a.detach()) ** power).sum().backward()
        torch.testing.assert_close(frequencies.grad, twin.grad, rtol=1e-9, atol=1e-9)


def test_second_derivatives_are_refused():
    w, a = parameters(2)
    value = FourierSum(DenseTransforms(CLOUD, precision="double"), CLOUD)(w, a).square().sum()
    (gradient,) = torch.autograd.grad(value, w, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
