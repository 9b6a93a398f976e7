"""The canonical order of the nodes of a mesh."""

import numpy as np


def canonical_order(frequency: np.ndarray) -> np.ndarray:
    """Return the permutation that sorts nodes (n, d) by xi_1, then xi_2, and so on.

    The sorted nodes do not depend on the partition, and xi -> -xi reverses their order.
    """
    same = same_coordinate(np.abs(frequency).max())
    return np.lexsort([_ranks(coordinate, same) for coordinate in frequency.T[::-1]])


def same_coordinate(peak: float) -> float:
    """Return the largest difference of equal coordinates, from the largest magnitude of all coordinates."""
    return 1e-9 * peak


def _ranks(values: np.ndarray, same: float) -> np.ndarray:
    """Return the rank of each value (n,) among the distinct values. Differences up to `same` are ignored."""
    order = np.argsort(values)
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.cumsum(np.diff(values[order], prepend=values[order[:1]]) > same)
    return ranks
