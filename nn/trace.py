"""tr q(K) / n for generalised cross-validation, exactly or from random signs.

Stochastic Lanczos quadrature is the mean of z^T q(K) z / n over random signs z, each in a Krylov space of its own. Its
standard deviation falls as 1 / sqrt(n probes), so many samples need few random vectors, and few samples need so many
that all eigenvalues of K cost less than twice as much. Source: Ubaru, Chen, Saad, SIAM J. Matrix Anal. Appl. 38 (2017).
"""

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np

from freqbias.nn.budget import Decay
from freqbias.nn.krylov_curve import TINY, ProductPair
from freqbias.numerics import Lanczos

EXACT_SIZE = 1024  # C N; below, random vectors that keep the choice in 95 % of cases cost more than half of this
SIGNS = 2**14  # C N times the number of random vectors; see benchmarks/gcv.py
LEAST_PROBES = 2
LEAST = 1e-5  # of the trace; where the trained loss is cut off at 1e-10 of the start, GCV is then the loss at the start


class Trace:
    """tr q(K) / n for a kernel, n = C N.

    products: the dimension of each Krylov space. probes: the number of random vectors. By default the eigenvalues of K
    are computed if n <= EXACT_SIZE, and otherwise the number is SIGNS / n, but at least LEAST_PROBES.
    callback: called before every product.
    """

    def __init__(
        self,
        kernel: ProductPair,
        *,
        products: int,
        probes: int | None = None,
        seed: int | Sequence[int] = 0,
        callback: Callable[[], None] = lambda: None,
    ) -> None:
        shape, size = kernel.start.shape, kernel.start.size

        def apply(values: np.ndarray) -> np.ndarray:
            callback()
            return kernel.apply(values.reshape(shape))[0].ravel()

        if probes is None and size <= EXACT_SIZE:
            matrix = np.array([apply(row) for row in np.eye(size)])
            values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
            self._rules = [(np.maximum(values, TINY), np.full(size, 1 / size))]
        else:
            rng, probes = np.random.default_rng(seed), probes or max(LEAST_PROBES, ceil(SIGNS / size))
            self._rules = [_rule(apply, rng.choice([-1.0, 1.0], size), products) for _ in range(probes)]

    def __call__(self, decay: Decay) -> float:
        return max(float(np.mean([weights @ decay(values) for values, weights in self._rules])), LEAST)


def _rule(apply: Callable[[np.ndarray], np.ndarray], start: np.ndarray, products: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of a Gauss quadrature rule for q -> z^T q(K) z / |z|^2, both (m,)."""
    lanczos = Lanczos(apply, start)
    lanczos.extend(products)
    values, vectors = lanczos.ritz_pairs()
    return np.maximum(values, TINY), vectors[0] ** 2
