"""The Lagrange nodes of a distributed space in canonical order, which does not depend on the partition of the mesh."""

from mpi4py import MPI  # isort: skip
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from dolfinx import fem

from freqbias.pde.block_exchange import BlockExchange, even_blocks
from freqbias.pde.canonical_indices import canonical_indices


@dataclass(frozen=True)
class CellBlock:
    """A range of the cells of a mesh in canonical order, which sorts by the sorted nodes of each cell.

    first: the index of its first cell. count: the number of cells of the whole mesh. nodes: canonical, (c, k).
    """

    first: int
    count: int
    nodes: np.ndarray


class LagrangeNodes:
    """The nodes of a space, and the maps between the dofs that a rank owns, its block of nodes, and all nodes.

    A block is a range of canonical indices. The blocks have equal sizes. No rank needs memory for all nodes, but rank 0
    for `gather` and `scatter`, and for the order of nodes that are no grid. All methods are collective over the
    communicator of the space.

    count: the number of nodes n. first: the index of the first node in the block of this rank. frequency: the nodes
    that this rank owns, (n_local, d) [cycles/length]. cells: the k nodes of each cell that this rank owns, as canonical
    indices, (c_local, k), in the order of Basix.
    """

    def __init__(self, space: fem.FunctionSpace) -> None:
        dofs, topology = space.dofmap.index_map, space.mesh.topology
        self.comm: MPI.Comm = space.mesh.comm
        x = space.tabulate_dof_coordinates()
        self.frequency = np.array(x[: dofs.size_local, : space.mesh.geometry.dim])
        self.count = dofs.size_global
        self._bounds = even_blocks(self.count, self.comm.size)
        self.first = int(self._bounds[self.comm.rank])
        self._own = canonical_indices(self.frequency, self.comm)
        self._exchange = BlockExchange(self.comm, self._own, self._bounds)
        cells = space.dofmap.list[: topology.index_map(topology.dim).size_local]
        known = np.arange(dofs.size_local + dofs.num_ghosts, dtype=np.int32)  # other ranks have the ghosts' indices
        ranges = np.array([*self.comm.allgather(dofs.local_range[0]), self.count])
        numbers = BlockExchange(self.comm, dofs.local_to_global(known), ranges).from_blocks(self._own)
        self.cells = numbers.astype(np.int32 if self.count < 2**31 else np.int64)[cells]

    def to_block(self, local: np.ndarray) -> np.ndarray:
        """Return the values of this rank's block from values at the dofs, (..., n_local)."""
        return self._exchange.to_blocks(local)

    def mirrored(self, local: np.ndarray) -> np.ndarray:
        """Return the values at -xi from values at the dofs, (..., n_local). The mesh must be symmetric."""
        return self._mirror.from_blocks(self.to_block(local))

    @cached_property
    def _mirror(self) -> BlockExchange:
        return BlockExchange(self.comm, self.count - 1 - self._own, self._bounds)

    def exchange(self, indices: np.ndarray) -> BlockExchange:
        """Return the exchange between the blocks and other canonical indices."""
        return BlockExchange(self.comm, indices, self._bounds)

    def gather(self, local: np.ndarray) -> np.ndarray | None:
        """Collect values at the dofs, (..., n_local), on rank 0.

        Returns the values in canonical order, (..., n), on rank 0, and None on other ranks.
        """
        return self._gather_blocks(self.to_block(local))

    def gather_frequency(self) -> np.ndarray | None:
        """Return all nodes in canonical order, (n, d), on rank 0, and None on other ranks."""
        whole = self.gather(self.frequency.T)
        return None if whole is None else np.ascontiguousarray(whole.T)

    def gather_cells(self) -> np.ndarray | None:
        """Return all cells in canonical order, (c, k), on rank 0, and None on other ranks."""
        parts = self.comm.gather(self.cell_block().nodes)
        return None if parts is None else np.concatenate(parts).astype(np.int64)

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """Return the values at the dofs, (..., n_local). Inverse of `gather`."""
        parts = None if whole is None else np.split(whole, self._bounds[1:-1], axis=-1)
        return self._exchange.from_blocks(self.comm.scatter(parts))

    def cell_block(self) -> CellBlock:
        """Return the cells whose first node is in this rank's block."""
        lowest = self.cells.min(axis=1)
        in_order = self.cells[np.argsort(lowest, kind="stable")]
        sent = np.split(in_order, np.searchsorted(np.sort(lowest), self._bounds[1:-1]))
        cells = np.concatenate(self.comm.alltoall(sent))
        first = cells.min(axis=1)
        by_first = len(np.unique(first)) == len(cells)  # then no second node matters
        order = np.argsort(first) if by_first else np.lexsort(np.sort(cells, axis=1).T[::-1])
        counts = self.comm.allgather(len(cells))
        return CellBlock(sum(counts[: self.comm.rank]), sum(counts), cells[order])

    def _gather_blocks(self, block: np.ndarray) -> np.ndarray | None:
        if self.comm.size == 1:
            return block
        rows = block.reshape(prod(block.shape[:-1]), block.shape[-1])  # -1 would fail for an empty block
        whole = np.empty((len(rows), self.count), dtype=block.dtype) if self.comm.rank == 0 else None
        counts = np.diff(self._bounds).tolist()
        for index, row in enumerate(rows):
            self.comm.Gatherv(row, None if whole is None else [whole[index], counts])
        return None if whole is None else whole.reshape(*block.shape[:-1], self.count)
