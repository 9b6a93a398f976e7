"""The kernel of wide torch modules against values of neural-tangents, a library that shares nothing with freqbias.

The values were computed with neural-tangents 0.6.5 and jax 0.4.30, because it cannot be imported with newer jax:

    stax.serial(*[stax.Dense(1, W_std=1.3, b_std=0.4), phi] * (depth - 1), stax.Dense(1, W_std=1.3, b_std=0.4))

with phi = stax.Relu(), stax.Erf(), stax.Sin() or stax.Gelu(), and kernel_fn(X, None, "ntk") in double precision.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch

from freqbias.nn import module_kernel

X = np.array([[0.3, -0.5], [0.9, 0.1], [-0.2, 0.7]])
VALUES = {  # (activation, layers): the entries (0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)
    ("relu", 2): [0.915937, 0.700527491, 0.170103972, 1.601401, 0.4128457341, 1.1872665],
    ("relu", 3): [1.3885501475, 1.0560585732, 0.5211978632, 2.2573757675, 0.7872716382, 1.7324602888],
    ("erf", 2): [1.2653954167, 0.8393148643, -0.2360526511, 1.7676308989, 0.2779660842, 1.4909387525],
    ("erf", 3): [2.2299178865, 1.3433486296, -0.0776929599, 2.6871650274, 0.5633471305, 2.4438413541],
    ("sine", 2): [1.192059532, 0.7948433901, -0.2161601402, 1.7031243514, 0.2693372639, 1.4203822167],
    ("sine", 3): [2.0556794736, 1.2505109978, -0.0427068033, 2.5523491033, 0.5323743628, 2.2837807782],
    ("gelu", 2): [0.7422643748, 0.5932219591, 0.075776801, 1.4009097697, 0.3000723073, 0.99663202],
    ("gelu", 3): [0.9348403456, 0.7781775085, 0.3045907322, 1.7187492546, 0.5197482437, 1.2297238277],
}
PHI = {"relu": torch.relu, "erf": torch.erf, "sine": torch.sin, "gelu": torch.nn.functional.gelu}
SEEDS = 6


class Dense(torch.nn.Module):
    """W_std / sqrt(inputs) w x + b_std b with unit normal w and b."""

    def __init__(self, inputs, outputs, phi=None):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(outputs, inputs, dtype=torch.float64))
        self.b = torch.nn.Parameter(torch.randn(outputs, dtype=torch.float64))
        self.phi = phi

    def forward(self, x):
        z = 1.3 / self.w.shape[1] ** 0.5 * x @ self.w.T + 0.4 * self.b
        return z if self.phi is None else self.phi(z)


def drawn(activation, layers, width, seed):
    torch.manual_seed(seed)
    sizes = [2, *[width] * (layers - 1)]
    hidden = [Dense(*pair, PHI[activation]) for pair in pairwise(sizes)]
    kernel = module_kernel(torch.nn.Sequential(*hidden, Dense(width, 1)), X)
    return len(X) * np.array([kernel.apply(row[None])[0] for row in np.eye(len(X))])


@pytest.mark.parametrize("activation, layers", VALUES)
def test_wide_modules(activation, layers):
    exact = np.zeros((3, 3))
    exact[np.triu_indices(3)] = VALUES[activation, layers]
    exact = np.triu(exact) + np.triu(exact, 1).T
    few, many = (
        np.sqrt(np.mean([
            np.linalg.norm(drawn(activation, layers, width, seed) - exact) ** 2 for seed in range(SEEDS)
        ])) / np.linalg.norm(exact)
        for width in (48, 1024)
    )  # fmt: skip
    assert many < 0.08
    assert np.log(many / few) / np.log(1024 / 48) == pytest.approx(-0.5, abs=0.2)
