"""The network's function, evaluated on a grid: the start that `pde` takes from a drawn network."""

import numpy as np

from numerics.nufft import GridTransform
from problem import Grid, Neurons


def superpose(neurons: Neurons, grid: Grid, *, eps: float = 1e-13, threads: int = 1) -> np.ndarray:
    """f_c(x_q) = 1/sqrt(m) sum_k [a_ck cos(2 pi w_k.x_q) + b_ck sin(2 pi w_k.x_q)], shape (C, N): the real part of
    E^H (a - i b)."""
    transform = GridTransform(grid, neurons.frequencies, eps=eps, threads=threads)
    return transform.to_samples(neurons.cosine - 1j * neurons.sine).real / np.sqrt(neurons.width)
