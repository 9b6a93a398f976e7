"""The choice between the matrix of a network's kernel and products with its Jacobian."""

from collections.abc import Iterable

LARGEST_MATRIX = 2**27  # entries of a kernel matrix
FEW_PRODUCTS = 3  # the matrix must be cheaper than this many kernel products, because every caller needs at least 3


def matrix_is_cheaper(matrices: Iterable[tuple[int, int]], *, channels: int, samples: int) -> bool:
    """Return True if the kernel's matrix is not too large and needs fewer operations than FEW_PRODUCTS products.

    matrices: the rows and columns (n, k) of each layer. A kernel product is one product with J and one with J^T.
    """
    rows, matrices = channels * samples, list(matrices)
    weights = sum(n * k for n, k in matrices)
    inner_products = sum(samples**2 * k + rows**2 * n for n, k in matrices)
    return rows**2 <= LARGEST_MATRIX and rows * weights + inner_products < 4 * FEW_PRODUCTS * samples * weights
