"""The Lagrange nodes of a distributed space in canonical order, which does not depend on the partition of the mesh."""

from mpi4py import MPI  # isort: skip
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from dolfinx import fem

from freqbias.problem import canonical_order


@dataclass(frozen=True)
class LagrangeNodes:
    """The nodes of a space, and the maps between the local dofs and the canonical order.

    frequency: the nodes in canonical order, (n, d) [cycles/length]. cells: the k nodes of each cell as canonical
    indices, (c, k). order: for each index, the place of the node among the dofs of all ranks, (n,). These three are
    empty on all ranks but 0. counts: the number of dofs that each rank owns.
    """

    frequency: np.ndarray
    cells: np.ndarray
    order: np.ndarray
    counts: tuple[int, ...]
    comm: MPI.Comm

    @classmethod
    def of(cls, space: fem.FunctionSpace) -> "LagrangeNodes":
        """Return the nodes of a space. Collective over the communicator of the space."""
        comm, dofs, topology = space.mesh.comm, space.dofmap.index_map, space.mesh.topology
        x = space.tabulate_dof_coordinates()[: dofs.size_local, : space.mesh.geometry.dim]
        local_cells = space.dofmap.list[: topology.index_map(topology.dim).size_local]
        counts = comm.allgather(dofs.size_local)
        nodes = _gather_rows(comm, x, counts)
        cells = _gather_rows(comm, dofs.local_to_global(local_cells.ravel()).reshape(local_cells.shape))
        order = canonical_order(nodes) if comm.rank == 0 else np.empty(0, dtype=np.int64)
        index = np.empty_like(order)
        index[order] = np.arange(len(order))
        cells = index[cells]
        cells = cells[np.lexsort(np.sort(cells, axis=1).T[::-1])]
        return cls(nodes[order], cells, order, tuple(counts), comm)

    def gather(self, local: np.ndarray) -> np.ndarray | None:
        """Collect values at the local dofs, (..., n_local), on rank 0. Collective.

        Returns the values in canonical order, (..., n), on rank 0, and None on other ranks.
        """
        rows = local.reshape(prod(local.shape[:-1]), local.shape[-1])
        together = [_gather_rows(self.comm, row, self.counts) for row in rows]
        if self.comm.rank != 0:
            return None
        whole = np.empty((len(rows), len(self.order)), dtype=local.dtype)
        for row, result in zip(together, whole, strict=True):
            np.take(row, self.order, out=result, mode="clip")
        return whole.reshape(*local.shape[:-1], len(self.order))

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """Return the values at the local dofs, (..., n_local). Inverse of `gather`. Collective.

        The result is contiguous, because rounding errors of later products depend on the order in memory.
        """
        parts: list[np.ndarray] | None = None
        if whole is not None:
            together = np.empty_like(whole)
            together[..., self.order] = whole
            parts = np.split(together, np.cumsum(self.counts)[:-1], axis=-1)
        return np.ascontiguousarray(self.comm.scatter(parts))


def _gather_rows(comm: MPI.Comm, rows: np.ndarray, counts: Sequence[int] | None = None) -> np.ndarray:
    """Collect the rows (n_local, ...) of all ranks on rank 0, and return an empty array on other ranks.

    counts: the number of rows of each rank, if it is known.
    """
    if comm.size == 1:
        return rows
    counts = counts or comm.allgather(len(rows))
    whole = np.empty((sum(counts) if comm.rank == 0 else 0, *rows.shape[1:]), dtype=rows.dtype)
    row = MPI.BYTE.Create_contiguous(rows.itemsize * prod(rows.shape[1:])).Commit()  # counts of rows fit into int
    comm.Gatherv([np.ascontiguousarray(rows), len(rows), row], [whole, list(counts), row])
    row.Free()
    return whole
