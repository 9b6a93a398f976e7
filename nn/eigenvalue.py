"""The largest eigenvalue of a kernel, lambda_max of the flow du/dt = -K u, by a few Lanczos steps."""

import numpy as np

from freqbias.numerics import Apply, Lanczos

PRODUCTS = 8
MARGIN = 1.05  # the Ritz value approaches the eigenvalue from below


def largest_eigenpair(kernel: Apply, start: np.ndarray, *, products: int = PRODUCTS) -> tuple[float, np.ndarray]:
    """MARGIN times the largest Ritz value of a symmetric operator, and its Ritz vector (n,).

    start (n,): the first Lanczos vector. products: the number of Lanczos steps.
    """
    lanczos = Lanczos(kernel, start)
    for _ in range(min(products, start.size)):
        lanczos.step()
        if lanczos.beta[-1] == 0:
            break
    values, vectors = lanczos.ritz_pairs()
    return MARGIN * float(values[-1]), lanczos.combine(vectors[:, -1:].T)[0]


def random_start(size: int) -> np.ndarray:
    """A fixed normal vector, to which an eigenvector is unlikely to be orthogonal."""
    return np.random.default_rng(0).standard_normal(size)
