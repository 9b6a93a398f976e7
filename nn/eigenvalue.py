"""The largest eigenvalue of a kernel, lambda_max of the flow du/dt = -K u, by a few Lanczos steps."""

import numpy as np

from freqbias.numerics import Apply, Lanczos

PRODUCTS = 8
MARGIN = 1.05  # the Ritz value lies below the eigenvalue it tends to


def leading_mode(kernel: Apply, start: np.ndarray, *, products: int = PRODUCTS) -> tuple[float, np.ndarray]:
    """The largest eigenvalue of a symmetric operator, from above, and about its eigenvector: so many Lanczos steps from
    `start` (n,), a margin."""
    lanczos = Lanczos(kernel, start)
    for _ in range(min(products, start.size)):
        lanczos.step()
        if lanczos.beta[-1] == 0:
            break
    values, vectors = lanczos.ritz_pairs()
    return MARGIN * float(values[-1]), lanczos.combine(vectors[:, -1:].T)[0]


def random_vector(size: int) -> np.ndarray:
    """One that no eigenvector is likely to be orthogonal to, always the same."""
    return np.random.default_rng(0).standard_normal(size)
