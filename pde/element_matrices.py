"""Products with A_h cell by cell: A_h = sum_c P_c^T A_c P_c, where P_c picks the nodes of cell c and A_c is dense.

Compared with the assembled sparse matrix, from degree 4 and two dimensions on: no more memory, faster assembly, and
products in a third of the time, since BLAS multiplies the real and imaginary parts of a vector at once. Each rank holds
its own cells. If the products are summed over the ranks in the end, as in K_h = E^H A_h E / N, nothing needs to be
assembled across ranks.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
import numpy as np
from dolfinx import cpp, fem


class ElementMatrices:
    """A bilinear form on this rank's cells. nodes: (n, d), the distinct nodes of these cells [cycles/length]."""

    def __init__(self, space: fem.FunctionSpace, form: fem.Form) -> None:
        topology, geometry = space.mesh.topology, space.mesh.geometry
        cells = space.dofmap.list[: topology.index_map(topology.dim).size_local]
        dofs, indices = np.unique(cells, return_inverse=True)
        self.nodes = space.tabulate_dof_coordinates()[dofs, : geometry.dim]
        self._cells = indices.reshape(cells.shape)
        self._matrices = np.empty((*cells.shape, cells.shape[1]))
        next_matrix = iter(self._matrices)

        def keep(_rows: np.ndarray, _columns: np.ndarray, matrix: np.ndarray) -> int:
            next(next_matrix)[:] = matrix
            return 0

        cpp.fem.assemble_matrix(keep, form._cpp_object, [])  # calls `keep` for one cell after the other

    def apply(self, v: np.ndarray) -> np.ndarray:
        """sum_c P_c^T A_c P_c v over this rank's cells: (n,) complex -> (n,) complex."""
        on_cells = v[self._cells].view(float).reshape(*self._cells.shape, 2)
        products = (self._matrices @ on_cells).reshape(-1, 2)
        real, imaginary = (np.bincount(self._cells.ravel(), part, len(v)) for part in products.T)
        return real + 1j * imaginary
