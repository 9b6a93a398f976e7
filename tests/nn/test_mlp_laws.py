"""The law of torch's relu networks on fixed Fourier features against kernels of drawn networks."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from freqbias.errors import InputError
from freqbias.nn import module_kernel
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Octaves, Points, mlp_laws

X = Grid((10,), (1.0,)).positions()


class Features(torch.nn.Module):
    def __init__(self, w):
        super().__init__()
        self.register_buffer("w", torch.tensor(w))

    def forward(self, x):
        angle = 2 * math.pi * x @ self.w.T
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)


def drawn(w, width, hidden_layers, seed):
    torch.manual_seed(seed)
    sizes = [2 * len(w), *[width] * hidden_layers]
    layers = [Features(w)]
    for inputs, outputs in pairwise(sizes):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 1)).double()


def law_matrix(laws):
    z = X[:, None] - X
    return (laws.damping.transform(z) + laws.atom + 4 * np.pi**2 * (X @ X.T) * laws.diffusion.transform(z)) / len(X)


def matrices(density, frequencies, width, hidden_layers, seeds):
    """The kernels of drawn networks, (seeds, N, N), and the law's kernel (N, N)."""
    kernels = []
    for seed in range(seeds):
        w = frequencies(np.random.default_rng(seed))
        kernel = module_kernel(drawn(w, width, hidden_layers, seed), X)
        kernels.append([kernel.apply(row[None])[0] for row in np.eye(len(X))])
    return np.array(kernels), law_matrix(
        mlp_laws(density, 1, features=len(w), width=width, hidden_layers=hidden_layers)
    )


def spread(found, exact):
    """The root mean square of |K_drawn - K| / |K|."""
    return np.sqrt(np.mean(np.linalg.norm(found - exact, axis=(1, 2)) ** 2)) / np.linalg.norm(exact)


def test_distance_on_an_encoding():
    """Its features are exact, so the distance falls as 1/sqrt(width)."""
    density = Octaves(0.5, 6)
    few, many = (spread(*matrices(density, lambda _: density.frequencies(1), n, 1, 6)) for n in (64, 1024))
    assert math.log(many / few) / math.log(16) == pytest.approx(-0.5, abs=0.15)


def test_distance_with_random_features():
    """Tancik's network, with features and width that grow together."""
    density = Gaussian(3.0)
    few, many = (
        spread(*matrices(density, lambda rng: density.from_unit_cube(rng.random((n, 1))), n, 2, 6))  # noqa: B023
        for n in (48, 384)
    )
    assert math.log(many / few) / math.log(8) == pytest.approx(-0.5, abs=0.15)


def test_mean_over_draws_of_three_layers():
    """With three hidden layers of few neurons, biases make up much of the kernel, and are exact at any width."""
    density = Octaves(0.5, 6)
    found, exact = matrices(density, lambda _: density.frequencies(1), 512, 3, 16)
    assert np.linalg.norm(found.mean(axis=0) - exact) < 0.03 * np.linalg.norm(exact)
    assert spread(found, exact) < 0.12


def test_refused_densities():
    for density, dimension in ((Octaves(0.5, 3), 0), ("x", 1), (Points([[1.0, 2.0]]), 1)):
        with pytest.raises(InputError, match="mlp_laws"):
            mlp_laws(density, dimension, features=4, width=4, hidden_layers=1)


@pytest.mark.parametrize("key", ["features", "width", "hidden_layers"])
@pytest.mark.parametrize("value", [0, 2.5, True])
def test_refused(key, value):
    with pytest.raises(InputError, match=key):
        mlp_laws(Gaussian(1.0), 1, **{"features": 8, "width": 8, "hidden_layers": 1, key: value})
