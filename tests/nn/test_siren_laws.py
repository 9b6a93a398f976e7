"""The law of SIREN against kernels of drawn networks."""

import math

import numpy as np
import pytest
import torch

from freqbias.nn import module_kernel
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Network, siren_density, siren_laws

SITES = {1: Grid((12,), (2.0,)).positions(), 2: Scattered(2 * np.random.default_rng(0).random((12, 2)) - 1).positions()}


class Sine(torch.nn.Module):
    def __init__(self, inputs, outputs, omega_0, bound):
        super().__init__()
        self.linear, self.omega_0 = torch.nn.Linear(inputs, outputs), omega_0
        torch.nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(self.omega_0 * self.linear(x))


def drawn(dimension, n, sine_layers, omega_0, seed):
    torch.manual_seed(seed)
    bound, last = math.sqrt(6 / n) / omega_0, torch.nn.Linear(n, 1)
    torch.nn.init.uniform_(last.weight, -bound, bound)
    first, later = (
        Sine(dimension, n, omega_0, 1 / dimension),
        [Sine(n, n, omega_0, bound) for _ in range(sine_layers - 1)],
    )
    return torch.nn.Sequential(first, *later, last).double()


def law_matrix(laws, x):
    z = x[:, None] - x
    return (laws.damping.transform(z) + laws.atom + 4 * np.pi**2 * (x @ x.T) * laws.diffusion.transform(z)) / len(x)


def laws_of(dimension, n, sine_layers, omega_0):
    network = Network(width=n, depth=sine_layers + 1, omega_0=omega_0)
    return siren_laws(siren_density(omega_0, dimension), network, dimension)


def matrices(dimension, n, sine_layers, omega_0, seeds):
    """The kernels of drawn networks, (seeds, N, N), and the law's kernel (N, N)."""
    x, kernels = SITES[dimension].copy(), []
    for seed in range(seeds):
        kernel = module_kernel(drawn(dimension, n, sine_layers, omega_0, seed), x)
        kernels.append([kernel.apply(row[None])[0] for row in np.eye(len(x))])
    return np.array(kernels), law_matrix(laws_of(dimension, n, sine_layers, omega_0), x)


def spread(found, exact):
    """The root mean square of |K_drawn - K| / |K|."""
    return np.sqrt(np.mean(np.linalg.norm(found - exact, axis=(1, 2)) ** 2)) / np.linalg.norm(exact)


@pytest.mark.parametrize("dimension, sine_layers, omega_0", [(1, 1, 30.0), (2, 2, 6.0)])
def test_distance_falls_with_the_width(dimension, sine_layers, omega_0):
    """With a small omega_0, because the biases' share of a hidden layer, omega_0^2 / (3 n), depends on the width."""
    widths = (64, 4096) if sine_layers == 1 else (64, 512)
    few, many = (spread(*matrices(dimension, n, sine_layers, omega_0, 8)) for n in widths)
    assert math.log(many / few) / math.log(widths[1] / widths[0]) == pytest.approx(-0.5, abs=0.15)


def test_mean_over_draws_of_the_paper_s_network():
    """omega_0 = 30, 256 neurons, 3 sine layers."""
    found, exact = matrices(2, 256, 3, 30.0, 24)
    assert np.linalg.norm(found.mean(axis=0) - exact) < 0.04 * np.linalg.norm(exact)
    assert spread(found, exact) < 0.16


def test_diffusion():
    """If only W of the first layer is trained, K = 4 pi^2 x.x' H."""
    x, laws = SITES[2].copy(), laws_of(2, 256, 3, 30.0)
    exact = 4 * np.pi**2 * (x @ x.T) * laws.diffusion.transform(x[:, None] - x) / len(x)
    kernels = []
    for seed in range(8):
        module = drawn(2, 256, 3, 30.0, seed).requires_grad_(False)
        module[0].linear.weight.requires_grad_()
        kernel = module_kernel(module, x)
        kernels.append([kernel.apply(row[None])[0] for row in np.eye(len(x))])
    assert np.linalg.norm(np.mean(kernels, axis=0) - exact) < 0.1 * np.linalg.norm(exact)


def test_frozen_hidden_layers_are_the_paper_s_law():
    """Without hidden layers: G = n k / 2 + 1 + k and 4 pi^2 H = k."""
    laws, z = laws_of(1, 50, 1, 10.0), np.linspace(-0.4, 0.4, 5)[:, None]
    k = np.sinc(10.0 * z[:, 0] / np.pi)
    np.testing.assert_allclose(laws.damping.transform(z) + laws.atom, 25 * k + 1 + k, rtol=1e-12)
    np.testing.assert_allclose(4 * np.pi**2 * laws.diffusion.transform(z), k, rtol=1e-12)
