"""The largest eigenvalue lambda_max of a kernel K, by a few Lanczos steps."""

import numpy as np

from freqbias.numerics import EUCLIDEAN, Apply, Lanczos, Metric

PRODUCTS = 8
MARGIN = 1.05  # factor of the Ritz value, because the Ritz value is smaller than the eigenvalue


def largest_eigenpair(
    kernel: Apply, start: np.ndarray, *, metric: Metric = EUCLIDEAN, products: int = PRODUCTS
) -> tuple[float, np.ndarray]:
    """Return MARGIN times the largest Ritz value of K P, and the Ritz vector of this value, (n,).

    kernel: the product with a symmetric matrix K. metric: the inner product of P, by default P = 1. start: the first
    Lanczos vector, (n,). products: the number of Lanczos steps.
    """
    lanczos = Lanczos(kernel, start, mass=metric.mass)
    lanczos.extend(products)
    values, vectors = lanczos.ritz_pairs()
    return MARGIN * float(values[-1]), lanczos.combine(vectors[:, -1:].T)[0]


def random_start(size: int) -> np.ndarray:
    """Return a vector (size,) of normal random numbers, the same in every call.

    An eigenvector is unlikely to be orthogonal to this vector.
    """
    return np.random.default_rng(0).standard_normal(size)
