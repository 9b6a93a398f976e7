"""The sum as a torch function, against dense sums that torch differentiates by itself."""

from math import pi

import numpy as np
import pytest
import torch

from freqbias.errors import InputError
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
CLOSE = {"rtol": 1e-9, "atol": 1e-9}
sums = pytest.mark.parametrize("transforms, sites", CASES)


def parameters(dimension: int, scale: float = 1.5) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    frequencies = scale * torch.randn(dimension, 5, generator=random, dtype=torch.float64)
    amplitudes = torch.randn(2, 5, generator=random, dtype=torch.complex128)
    return frequencies.requires_grad_(), amplitudes.requires_grad_()


def fourier_sum(transforms, sites) -> FourierSum:
    return FourierSum(transforms(sites, precision="double"), sites)


def dense(w: torch.Tensor, c: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """F by its definition. x: (N, d)."""
    return torch.einsum("ck,kq->cq", c, torch.exp(2j * pi * (x @ w).T)).real


def positions(sites) -> torch.Tensor:
    return torch.tensor(sites.positions())


def derivative(values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The gradient of each sample's value in its own position, (N,) -> (N, d)."""
    return torch.autograd.grad(values.sum(), x, create_graph=True)[0]


def loss(values: torch.Tensor) -> torch.Tensor:
    """A function with derivatives of all orders."""
    return (values.square() * torch.linspace(1, 2, values.numel(), dtype=values.dtype).view_as(values)).sum().sin()


@sums
def test_gradients_by_finite_differences(transforms, sites):
    f = fourier_sum(transforms, sites)
    assert torch.autograd.gradcheck(f, parameters(sites.dimension), atol=1e-6, rtol=1e-6)
    assert torch.autograd.gradgradcheck(f, parameters(sites.dimension), atol=1e-6, rtol=1e-6)


@sums
def test_values_gradient_and_laplacian_in_x(transforms, sites):
    """Also the derivatives of their losses in w and c, as a network trained on an equation needs them."""
    f, x = fourier_sum(transforms, sites), positions(sites).requires_grad_()
    w, c = parameters(sites.dimension)
    values = dense(w, c, x)
    slopes = [derivative(row, x) for row in values]  # (N, d) for each channel
    curvatures = [sum(derivative(slope[:, i], x)[:, i] for i in range(len(w))) for slope in slopes]
    expected = {f.values: values, f.gradient: torch.stack(slopes).movedim(2, 0), f.laplacian: torch.stack(curvatures)}
    for method, values in expected.items():
        scale = float(values.detach().abs().max())
        torch.testing.assert_close(method(w, c), values, rtol=1e-9, atol=1e-9 * scale)
        gradients = [
            torch.autograd.grad(loss(each / scale), (w, c), retain_graph=True) for each in (method(w, c), values)
        ]
        torch.testing.assert_close(*gradients, **CLOSE)


@sums
def test_second_derivatives_against_dense_autograd(transforms, sites):
    f, x = fourier_sum(transforms, sites), positions(sites)
    w, c = parameters(sites.dimension)

    def hessian_product(value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        first = torch.autograd.grad(value, (w, c), create_graph=True)
        return torch.autograd.grad(sum(torch.view_as_real(g + 0j).square().sum() for g in first), (w, c))

    for found, expected in zip(hessian_product(loss(f(w, c))), hessian_product(loss(dense(w, c, x))), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("transform", [torch.func.jacrev, torch.func.jacfwd, torch.func.hessian])
def test_torch_func(transform):
    """Derivatives in reverse and in forward mode, which vmap over directions."""
    f, x = fourier_sum(NufftTransforms, CLOUD), positions(CLOUD)
    w, c = (each.detach() for each in parameters(2))
    parts = torch.view_as_real(c)
    found = transform(lambda w, c: loss(f(w, torch.view_as_complex(c))), (0, 1))(w, parts)
    expected = transform(lambda w, c: loss(dense(w, torch.view_as_complex(c), x)), (0, 1))(w, parts)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-7)


@pytest.mark.parametrize("in_dims", [(None, 0), (0, None), (0, 0), (None, 2), (2, 1)])
def test_vmap(in_dims):
    f, x = fourier_sum(NufftTransforms, CLOUD), positions(CLOUD)
    arguments = []
    for argument, dim in zip(parameters(2), in_dims, strict=True):
        batch = torch.stack([argument.detach() * factor for factor in (1.0, 0.5, 2.0)])
        arguments.append(argument.detach() if dim is None else batch.movedim(0, dim))
    found = torch.vmap(f, in_dims)(*arguments)
    torch.testing.assert_close(found, torch.vmap(lambda w, c: dense(w, c, x), in_dims)(*arguments), **CLOSE)


def test_vmap_over_amplitudes_is_one_transform():
    calls = []

    class Counted(NufftTransforms):
        def to_samples(self, amplitudes):
            calls.append(len(amplitudes))
            return super().to_samples(amplitudes)

    f, (w, c) = fourier_sum(Counted, CLOUD), parameters(2)
    torch.vmap(f, (None, 0))(w.detach(), c.detach().expand(7, -1, -1))
    assert calls == [14]


@pytest.mark.parametrize("trained, rows", [(True, 2 * (1 + 2)), (False, 2)])
def test_frozen_frequencies_take_one_transform_for_each_channel(trained, rows, monkeypatch):
    transformed, original = [], DenseTransforms.to_frequencies
    monkeypatch.setattr(
        DenseTransforms,
        "to_frequencies",
        lambda self, values: transformed.append(len(values)) or original(self, values),
    )
    w, c = parameters(2)
    fourier_sum(DenseTransforms, CLOUD)(w.detach().requires_grad_(trained), c).square().sum().backward()
    assert sum(transformed) == rows
    expected = torch.autograd.grad(dense(w, c, positions(CLOUD)).square().sum(), c)[0]
    torch.testing.assert_close(c.grad, expected, **CLOSE)


def test_backward_at_its_own_frequencies():
    """Even after the transforms were set to other frequencies."""
    (w, a), (other, _) = parameters(2), parameters(2, scale=0.7)
    shared = fourier_sum(NufftTransforms, CLOUD)
    (shared(w, a).sum() + (shared(other, a) ** 2).sum()).backward()
    for frequencies, power in ((w, 1), (other, 2)):
        alone = fourier_sum(DenseTransforms, CLOUD)
        twin = frequencies.detach().clone().requires_grad_()
        (alone(twin, a.detach()) ** power).sum().backward()
        torch.testing.assert_close(frequencies.grad, twin.grad, **CLOSE)


def test_frequencies_changed_in_place():
    f, (w, c) = fourier_sum(NufftTransforms, CLOUD), parameters(2)
    f(w, c)
    with torch.no_grad():
        w.mul_(0.5)
    torch.testing.assert_close(f(w, c), dense(w, c, positions(CLOUD)), **CLOSE)


def test_frequencies_that_are_not_finite():
    f, (w, c) = fourier_sum(NufftTransforms, CLOUD), parameters(2)
    f(w, c)
    with pytest.raises(FloatingPointError):
        f(w * float("nan"), c)
    torch.testing.assert_close(f(w, c), dense(w, c, positions(CLOUD)), **CLOSE)


@pytest.mark.parametrize("other", [Grid((4, 3), (1.0, 2.5)), Grid((3, 3), (1.0, 2.0)), CLOUD])
def test_transforms_of_other_sites_are_refused(other):
    sites = Grid((4, 3), (1.0, 2.0))
    with pytest.raises(InputError, match="make the transforms with the same sites"):
        FourierSum(DenseTransforms(other, precision="double"), sites)
    FourierSum(DenseTransforms(Grid((4, 3), (1.0, 2.0)), precision="double"), sites)


@pytest.mark.parametrize("method", ["values", "gradient", "laplacian"])
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda w, c: (w.T, c), r"shape \(5, 2\) and amplitudes \(2, 5\); give \(2, m\)"),
        (lambda w, c: (w, c[:, :4]), r"amplitudes \(2, 4\)"),
        (lambda w, c: (w, c[0]), r"amplitudes \(5,\)"),
        (lambda w, c: (w, c.real), "give complex ones"),
        (lambda w, c: (w.detach().numpy(), c), "frequencies = .* torch tensor"),
    ],
)
def test_arguments_that_do_not_fit(method, change, message):
    f = fourier_sum(NufftTransforms, CLOUD)
    with pytest.raises(InputError, match=message):
        getattr(f, method)(*change(*parameters(2)))
