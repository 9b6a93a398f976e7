"""A signal and the settings of a design, for tests."""

import numpy as np

from freqbias.numerics import Grid
from freqbias.problem import (
    Design,
    Gaussian,
    Network,
    Problem,
    Samples,
)

SETTINGS = Design(families=["gaussian"], scale=[1.0, 30.0], scales=6, widths=[1000], steps=[20, 100], draws=2)


def signal(*, held_out=0.5, noise=0.1, points=80, width=1000):
    """A wave packet with frequencies around 6 on a grid."""
    grid = Grid((points,), (1.0,))
    (x,) = grid.axes()
    values = np.sin(2 * np.pi * 6 * x) * np.exp(-10 * x**2) + np.cos(2 * np.pi * 2 * x)
    samples = Samples(grid, values[None] + noise * np.random.default_rng(3).normal(size=(1, points)))
    training, rest = samples.split(held_out, seed=1) if held_out else (samples, None)
    return Problem(Gaussian(1.0), training, Network(width=width, sigma_a=1.0), np.array([0.0, 1.0]), held_out=rest)
