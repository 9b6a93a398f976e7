"""The canonical order of the nodes of a mesh."""

import numpy as np


def canonical_order(frequency: np.ndarray) -> np.ndarray:
    """Return the permutation that sorts nodes (n, d) by xi_1, then xi_2, and so on.

    The sorted nodes do not depend on the partition, and xi -> -xi reverses their order. Coordinates that differ by less
    than 1e-9 of the largest coordinate are treated as equal.
    """
    same = 1e-9 * np.abs(frequency).max()
    return np.lexsort([_ranks(coordinate, same) for coordinate in frequency.T[::-1]])


def _ranks(values: np.ndarray, same: float) -> np.ndarray:
    """Return the rank of each value (n,) among the distinct values. Differences up to `same` are ignored."""
    order = np.argsort(values)
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.cumsum(np.diff(values[order], prepend=values[order[:1]]) > same)
    return ranks
