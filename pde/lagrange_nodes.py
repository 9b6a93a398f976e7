"""The Lagrange nodes of a distributed space in canonical order, which does not depend on the partition of the mesh."""

from mpi4py import MPI  # isort: skip
from dataclasses import dataclass

import numpy as np
from dolfinx import fem

from freqbias.problem import canonical_order


@dataclass(frozen=True)
class LagrangeNodes:
    """The nodes of a space, and the maps between the local dofs and the canonical order.

    frequency: the nodes in canonical order on every rank, (n, d) [cycles/length]. cells: the k nodes of each cell as
    canonical indices, (c, k) on rank 0, and an empty array on other ranks. owned: the canonical index of each dof that
    this rank owns, (n_local,).
    """

    frequency: np.ndarray
    cells: np.ndarray
    owned: np.ndarray
    comm: MPI.Comm

    @classmethod
    def of(cls, space: fem.FunctionSpace) -> "LagrangeNodes":
        """Return the nodes of a space. Collective over the communicator of the space."""
        comm, dofs = space.mesh.comm, space.dofmap.index_map
        count, dimension = dofs.size_local, space.mesh.geometry.dim
        gathered = np.concatenate(comm.allgather(space.tabulate_dof_coordinates()[:count, :dimension]))
        order = canonical_order(gathered)
        index = np.empty(len(order), dtype=np.int64)
        index[order] = np.arange(len(order))
        local_cells = space.dofmap.list[: space.mesh.topology.index_map(space.mesh.topology.dim).size_local]
        parts = comm.gather(dofs.local_to_global(local_cells.ravel().astype(np.int32)).reshape(local_cells.shape))
        cells = (
            index[np.concatenate(parts)] if parts is not None else np.empty((0, local_cells.shape[1]), dtype=np.int64)
        )
        cells = cells[np.lexsort(np.sort(cells, axis=1).T[::-1])]
        first = dofs.local_range[0]
        return cls(gathered[order], cells, index[first : first + count], comm)

    def gather(self, local: np.ndarray) -> np.ndarray | None:
        """Collect values at the local dofs, (..., n_local), on rank 0. Collective.

        Returns the values in canonical order, (..., n), on rank 0, and None on other ranks.
        """
        parts = self.comm.gather((self.owned, local))
        if parts is None:
            return None
        whole = np.empty((*local.shape[:-1], len(self.frequency)), dtype=local.dtype)
        for owned, values in parts:
            whole[..., owned] = values
        return whole

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """Return the values at the local dofs, (..., n_local). Inverse of `gather`. Collective.

        The result is contiguous, because rounding errors of later products depend on the order in memory.
        """
        return np.ascontiguousarray(self.comm.bcast(whole)[..., self.owned])
