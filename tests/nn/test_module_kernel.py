"""The kernel of any torch module against its dense Jacobian."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from freqbias.errors import InputError
from freqbias.nn import module_kernel

layers = torch.nn


class Grid(layers.Module):
    """A convolution on a grid of 4 x 3 points: each output depends on all inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = layers.Conv2d(2, 5, 3, padding=1), layers.Conv2d(5, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        picture = x.view(4, 3, 2).permute(2, 0, 1)[None]
        return self.second(torch.tanh(self.first(picture)))[0].permute(1, 2, 0).reshape(12, 2)


class Attention(layers.Module):
    """Self-attention over the coordinates of each position, as tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.attention = layers.Linear(1, 4), layers.MultiheadAttention(4, 2, batch_first=True)
        self.out = layers.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.lift(x[..., None])
        return self.out(self.attention(tokens, tokens, tokens)[0].flatten(1))


class Recurrent(layers.Module):
    """A GRU over the coordinates, which has no forward mode."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = layers.GRU(1, 3, batch_first=True), layers.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.cell(x[..., None])[0][:, -1])


class Coupled(layers.Module):
    """Attention among the samples."""

    def __init__(self) -> None:
        super().__init__()
        self.key, self.value = layers.Linear(2, 3), layers.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.key(x) @ self.key(x).T, dim=1) @ self.value(x)


class Sine(layers.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(30 * x)


def mlp(*between: layers.Module, outputs: int = 2) -> layers.Module:
    return layers.Sequential(layers.Linear(2, 6), *between, layers.Linear(6, outputs))


def frozen() -> layers.Module:
    module = mlp(layers.Tanh(), layers.Linear(6, 6), layers.Tanh())
    module[0].requires_grad_(False)
    return module


def with_norms() -> layers.Module:
    module = mlp(layers.BatchNorm1d(6), layers.ReLU(), layers.Dropout(0.5))
    with torch.no_grad():
        for _ in range(3):
            module(torch.randn(20, 2, dtype=torch.float64).to(module[0].weight))
    return module.eval()


MODULES: dict[str, Callable[[], layers.Module]] = {
    "relu": lambda: mlp(layers.ReLU()),
    "one output": lambda: layers.Sequential(mlp(layers.GELU(), outputs=1), layers.Flatten(0)),
    "SIREN": lambda: mlp(Sine(), layers.Linear(6, 6), Sine()),
    "frozen layer": frozen,
    "layer norm and residual": lambda: mlp(layers.LayerNorm(6), layers.SiLU()),
    "batch norm and dropout, frozen": with_norms,
    "convolution on a grid": Grid,
    "attention": Attention,
    "GRU": Recurrent,
    "attention among samples": Coupled,
    "embedding": lambda: layers.Sequential(layers.Embedding(12, 4), layers.Tanh(), layers.Linear(4, 2)),
}


def make(name: str) -> tuple[layers.Module, torch.Tensor]:
    torch.manual_seed(3)
    module = MODULES[name]().double()
    if name == "embedding":
        return module, torch.arange(12) % 7
    return module, torch.randn(12, 2, dtype=torch.float64)


def dense_jacobian(module: layers.Module, x: torch.Tensor, y: torch.Tensor | None = None) -> np.ndarray:
    """J, (C, n, parameters), by one backward pass for each output."""
    trained = [each for each in module.parameters() if each.requires_grad]
    output = module(x).reshape(len(x), -1)
    rows = []
    for c in range(output.shape[1]):
        for q in range(len(x)):
            grads = torch.autograd.grad(output[q, c], trained, retain_graph=True, allow_unused=True)
            rows.append(
                torch.cat(
                    [
                        torch.zeros_like(p).ravel() if g is None else g.ravel()
                        for p, g in zip(trained, grads, strict=True)
                    ]
                )
            )
    return torch.stack(rows).reshape(output.shape[1], len(x), -1).numpy()


COUPLED = ("convolution on a grid", "attention among samples")  # their outputs depend on all inputs
CASES = [*((name, None) for name in MODULES), *((name, 5) for name in MODULES if name not in COUPLED)]


@pytest.mark.parametrize(("name", "chunk"), CASES)
def test_products_equal_those_of_the_dense_jacobian(name, chunk):
    module, x = make(name)
    kernel = module_kernel(module, x, chunk=chunk)
    jacobian = dense_jacobian(module, x)
    u = np.random.default_rng(0).normal(size=jacobian.shape[:2])
    expected = np.einsum("cqp,dkp,dk->cq", jacobian, jacobian, u) / len(x)
    np.testing.assert_allclose(kernel.apply(u), expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    np.testing.assert_allclose(kernel.values, module(x).detach().numpy().reshape(len(x), -1).T, rtol=1e-12, atol=1e-14)
    flat = jacobian.reshape(-1, jacobian.shape[-1])
    exact = np.linalg.eigvalsh(flat @ flat.T / len(x))[-1]
    assert exact * (1 - 1e-9) <= kernel.largest_eigenvalue() <= 1.06 * exact


@pytest.mark.parametrize("name", ["relu", "attention", "GRU"])
def test_rows_at_other_inputs(name):
    module, x = make(name)
    y = torch.randn(5, 2, dtype=torch.float64)
    here, there = dense_jacobian(module, x), dense_jacobian(module, y)
    u = np.random.default_rng(0).normal(size=here.shape[:2])
    expected = np.einsum("cqp,dkp,dk->cq", there, here, u) / len(x)
    np.testing.assert_allclose(module_kernel(module, x).at(y)(u), expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_outputs_that_depend_on_other_inputs_are_seen(monkeypatch):
    """Then all inputs are one part; else the parts are small."""
    monkeypatch.setattr("freqbias.nn.jacobian_products.CHUNK", 10)
    torch.manual_seed(0)
    x, u = torch.randn(40, 2, dtype=torch.float64), np.random.default_rng(0).normal(size=(2, 40))
    for module in (Coupled().double(), mlp(layers.ReLU()).double()):
        jacobian = dense_jacobian(module, x)
        expected = np.einsum("cqp,dkp,dk->cq", jacobian, jacobian, u) / 40
        np.testing.assert_allclose(module_kernel(module, x).apply(u), expected, atol=1e-10)


def test_memory_does_not_grow_with_the_inputs():
    """As the largest number of inputs that the module sees at a time."""
    seen = []
    module = mlp(layers.ReLU()).double()
    module.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    kernel = module_kernel(module, torch.randn(10_000, 2))
    kernel.apply(np.ones((2, 10_000)))
    assert max(seen) == 4096 and sum(seen) >= 3 * 10_000


def test_rates_of_groups():
    module, x = make("relu")
    jacobian = dense_jacobian(module, x)
    first = sum(each.numel() for each in module[0].parameters())
    scale = np.concatenate([np.full(first, 0.25), np.ones(jacobian.shape[-1] - first)])
    u = np.random.default_rng(0).normal(size=jacobian.shape[:2])
    expected = np.einsum("cqp,p,dkp,dk->cq", jacobian, scale, jacobian, u) / len(x)
    found = module_kernel(module, x, rates={"0.": 0.25}).apply(u)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_rates_of_a_part_are_not_those_of_its_namesakes():
    """ "1" is the second part, and not also the eleventh."""
    module = torch.nn.Sequential(*[torch.nn.Linear(2, 2) for _ in range(11)]).double()
    x, u = torch.randn(12, 2).double(), np.ones((2, 12))
    found = module_kernel(module, x, rates={"1": 0.0}).apply(u)
    module[1].requires_grad_(False)
    np.testing.assert_allclose(found, module_kernel(module, x).apply(u), rtol=1e-12)


def test_the_module_is_left_as_it_was():
    module, x = make("relu")
    before = {name: each.clone() for name, each in module.state_dict().items()}
    module_kernel(module, x).apply(np.ones((2, 12)))
    assert all(torch.equal(each, before[name]) for name, each in module.state_dict().items())
    assert all(each.grad is None and each.requires_grad for each in module.parameters())


@pytest.mark.parametrize(
    ("module", "keys", "message"),
    [
        (
            mlp(layers.Dropout(0.5)),
            {},
            r"1 is Dropout in training mode, whose output is random; freeze it with",
        ),
        (
            mlp(layers.BatchNorm1d(6)),
            {},
            "1 is BatchNorm1d in training mode, whose output depends on the other",
        ),
        (mlp(layers.RReLU()), {}, "the outputs of the module are random; freeze it with"),
        (mlp().requires_grad_(False), {}, "nothing to train"),
        (mlp(), {"rates": {"9.": 1.0}}, "no trained parameter is named '9.'; the names are 0.weight, 0.bias"),
        (mlp(), {"rates": {"0.": -1.0}}, "0. = -1.0; use 0 or a positive number"),
        (
            layers.Sequential(mlp(), layers.Unflatten(1, (1, 2))),
            {},
            r"maps 12 inputs to \(12, 1, 2\); it must",
        ),
    ],
)
def test_modules_that_have_no_kernel(module, keys, message):
    with pytest.raises(InputError, match=message):
        module_kernel(module, torch.randn(12, 2), **keys)


def test_dropout_of_nothing_is_no_dropout():
    assert module_kernel(mlp(layers.Dropout(0.0)), torch.randn(12, 2)).values.shape == (2, 12)


@pytest.mark.parametrize(
    "inputs, message",
    [
        (torch.zeros(0, 2), r"shape \(0, 2\); give at least one"),
        (torch.tensor([[0.0, float("nan")]]), "some inputs are NaN"),
        (torch.zeros(12), r"refuses inputs of shape \(12,\)"),
        (torch.zeros(12, 5), r"refuses inputs of shape \(12, 5\)"),
    ],
)
def test_inputs_that_do_not_fit(inputs, message):
    with pytest.raises(InputError, match=message):
        module_kernel(mlp(), inputs)
