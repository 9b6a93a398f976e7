"""The part of a kernel K that matters up to a time t: a projection Q Q^T K Q Q^T = V diag(lambda) V^T.

The space is that of block Lanczos, span (Z, K Z, K^2 Z, ...), with random vectors Z, so it depends on K alone. It finds
eigenvalues that are as multiple as a block has vectors. It grows until the rest R = K - V diag(lambda) V^T satisfies

    t |R|_F <= accuracy,

where |R|_F^2 is the mean of |R z|^2 over a few further random vectors z of signs.
Source: Golub and Underwood, The block Lanczos method, in Mathematical Software III, 1977; Hutchinson, Communications in
Statistics 19 (1990).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics import Apply

BLOCK = 12  # random vectors; multiple eigenvalues of a grid and of its channels
PROBES = 8
MOST_VECTORS = 2500  # whose products and memory are those of a matrix of as many samples


@dataclass(frozen=True)
class DominantSpace:
    """V diag(values) V^T, the dominant part of a kernel.

    vectors: V, orthonormal columns, (n, r). values: lambda, (r,). rest: an estimate of |R|_F.
    """

    vectors: np.ndarray
    values: np.ndarray
    rest: float


def dominant_space(
    apply: Apply, size: int, time: float, accuracy: float, *, callback: Callable[[], None] = lambda: None
) -> DominantSpace:
    """Return the part of a positive semidefinite kernel with time |R|_F <= accuracy.

    apply: the product, (n,) -> (n,). size: n. callback: called before every product. Raises ComputationError if more
    than MOST_VECTORS vectors are needed.
    """

    def products(columns: np.ndarray) -> np.ndarray:
        rows = []
        for column in columns.T:
            callback()
            rows.append(apply(column))
        return np.array(rows).T

    random = np.random.default_rng(0)
    probes = random.choice([-1.0, 1.0], (size, PROBES))
    of_probes = products(probes)
    basis, images = np.empty((size, 0)), np.empty((size, 0))
    block = random.standard_normal((size, min(BLOCK, size)))
    while True:
        for _ in range(2):  # once is not orthogonal to rounding
            block -= basis @ (basis.T @ block)
            block = np.linalg.qr(block)[0]
        basis, block = np.hstack([basis, block]), products(block)
        images = np.hstack([images, block])
        values, vectors = np.linalg.eigh((basis.T @ images + images.T @ basis) / 2)
        inside = basis.T @ probes
        rest = float(np.linalg.norm(of_probes - basis @ (vectors @ (values[:, None] * (vectors.T @ inside)))))
        rest /= np.sqrt(PROBES)
        if time * rest <= accuracy or basis.shape[1] == size:
            break
        if basis.shape[1] + BLOCK > MOST_VECTORS:
            raise ComputationError(
                f"{MOST_VECTORS} vectors describe the kernel up to t = {time:.4g} to {time * rest:.1e} only, not to "
                f"{accuracy:.1e}; use fewer samples, or an earlier [time] end"
            )
        block = block[:, : size - basis.shape[1]]
    small = np.sqrt(np.cumsum(values**2)) * time <= accuracy  # values ascend
    return DominantSpace(basis @ vectors[:, ~small], np.maximum(values[~small], 0.0), rest)
