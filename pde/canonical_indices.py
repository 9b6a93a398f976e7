"""The canonical indices of the nodes of a distributed mesh."""

from mpi4py import MPI  # isort: skip

import numpy as np

from freqbias.problem import canonical_order, same_coordinate


def canonical_indices(x: np.ndarray, comm: MPI.Comm) -> np.ndarray:
    """Return the index of each of this rank's nodes x (n_local, d) in `canonical_order` of all ranks' nodes.

    Collective. On the grids of box meshes every rank computes its own indices; else rank 0 sorts all nodes.
    """
    count = comm.allreduce(len(x))
    peak = comm.allreduce(np.abs(x).max(initial=0.0), MPI.MAX)
    found = _on_grid(x, count, same_coordinate(peak), comm)
    return _sorted_on_root(x, comm) if found is None else found


def _on_grid(x: np.ndarray, count: int, same: float, comm: MPI.Comm) -> np.ndarray | None:
    """Return the indices if all nodes together are a grid, that is, have all combinations of their coordinates."""
    shape, places = [], []
    for coordinate in x.T:
        own = np.unique(coordinate)
        if 2 * comm.allreduce(len(own)) > count and comm.size > 1:  # of too many values; a sort on rank 0 costs less
            return None
        values = np.unique(np.concatenate(comm.allgather(own)))
        starts = values[np.diff(values, prepend=-np.inf) > same]
        shape.append(len(starts))
        places.append(np.searchsorted(starts, coordinate + same, side="right") - 1)
    if np.prod(shape, dtype=float) != count:
        return None
    return np.ravel_multi_index(places, shape)


def _sorted_on_root(x: np.ndarray, comm: MPI.Comm) -> np.ndarray:
    parts, indices = comm.gather(x), None
    if parts is not None:
        order = canonical_order(np.concatenate(parts))
        index = np.empty_like(order)
        index[order] = np.arange(len(order))
        indices = np.split(index, np.cumsum([len(part) for part in parts])[:-1])
    return comm.scatter(indices)
