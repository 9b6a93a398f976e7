"""The network's function, evaluated on the samples: the start that `pde` takes from a drawn network."""

import numpy as np

from numerics.scattered import transform_between
from problem import Neurons, Sites


def superpose(neurons: Neurons, sites: Sites, *, eps: float = 1e-13, threads: int = 1) -> np.ndarray:
    """f_c(x_q) = 1/sqrt(m) sum_k [a_ck cos(2 pi w_k.x_q) + b_ck sin(2 pi w_k.x_q)], shape (C, N): the real part of
    E^H (a - i b)."""
    transform = transform_between(sites, neurons.frequencies, eps=eps, threads=threads)
    return transform.to_samples(neurons.cosine - 1j * neurons.sine).real / np.sqrt(neurons.width)
