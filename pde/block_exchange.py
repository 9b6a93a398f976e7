"""Values at indices 0, ..., n - 1 of which each rank has a block, that is, a range of indices."""

from mpi4py import MPI  # isort: skip
from math import prod

import numpy as np


def even_blocks(count: int, ranks: int) -> np.ndarray:
    """Return the bounds of blocks of equal size: rank r has the indices bounds[r], ..., bounds[r + 1] - 1."""
    return np.arange(ranks + 1) * count // ranks


class BlockExchange:
    """Moves values between the blocks and the indices that each rank names. All methods are collective over comm."""

    def __init__(self, comm: MPI.Comm, indices: np.ndarray, bounds: np.ndarray) -> None:
        """indices: those of this rank, (m,), any number of times each. bounds: those of all blocks."""
        self._comm, self._size = comm, int(bounds[comm.rank + 1] - bounds[comm.rank])
        owners = np.searchsorted(bounds, indices, side="right") - 1
        self._order = np.argsort(owners, kind="stable")
        self._counts = np.bincount(owners, minlength=comm.size)
        self._block_counts = np.empty_like(self._counts)
        comm.Alltoall(self._counts, self._block_counts)
        self._places = self._swap(indices[self._order], to_blocks=True) - bounds[comm.rank]

    def to_blocks(self, values: np.ndarray) -> np.ndarray:
        """Return this rank's block, (..., n of the block), from values at the indices, (..., m).

        The ranks together must name each index once.
        """
        block = np.empty((*values.shape[:-1], self._size), dtype=values.dtype)
        for row, result in zip(_rows(values), _rows(block), strict=True):
            result[self._places] = self._swap(row[self._order], to_blocks=True)
        return block

    def from_blocks(self, block: np.ndarray) -> np.ndarray:
        """Return the values at the indices, (..., m), from this rank's block."""
        values = np.empty((*block.shape[:-1], len(self._order)), dtype=block.dtype)
        for row, result in zip(_rows(block), _rows(values), strict=True):
            result[self._order] = self._swap(row[self._places], to_blocks=False)
        return values

    def _swap(self, values: np.ndarray, *, to_blocks: bool) -> np.ndarray:
        """Send the values (m,), in the order of the blocks, to the blocks, or those of the blocks back."""
        if self._comm.size == 1:
            return values
        sent, received = (self._counts, self._block_counts)[:: 1 if to_blocks else -1]
        result = np.empty(received.sum(), dtype=values.dtype)
        self._comm.Alltoallv([values, sent.tolist()], [result, received.tolist()])
        return result


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(prod(values.shape[:-1]), values.shape[-1])
