"""The plan of a mesh from the user's file."""

from dataclasses import dataclass, field

import numpy as np

from freqbias.meshes.cell_types import CELL_TYPES
from freqbias.meshes.plan import MeshPlan


@dataclass(frozen=True)
class FilePlan(MeshPlan):
    """The points and the cells of a mesh file.

    points: (n, d) [cycles/length]. kind: Basix's name of the cell type. order: the order of the cells, 1 or 2. cells:
    (c, k), in the node order of Basix's equispaced Lagrange element of this cell type and order. missing: the share of
    the integral of the damping that lies outside the mesh.
    """

    path: str
    points: np.ndarray = field(repr=False)
    cells: np.ndarray = field(repr=False)
    kind: str
    order: int
    degree: int
    missing: float
    folded: bool = False

    @property
    def half_width(self) -> tuple[float, ...]:
        return tuple(float(r) for r in np.abs(self.points).max(axis=0))

    @property
    def cell_type(self) -> str:
        return self.kind

    @property
    def cell_count(self) -> int:
        return len(self.cells)

    @property
    def symmetric(self) -> bool:
        return False

    @property
    def affine(self) -> bool:
        return self.order == 1 and CELL_TYPES[self.kind].is_simplex

    @property
    def dofs(self) -> int:
        """An estimate of the number of Lagrange nodes, which holds for a large regular mesh."""
        return self.cell_count * CELL_TYPES[self.kind].dofs_per_cell(self.degree)

    @property
    def size(self) -> tuple[float, ...]:
        corners = self.points[self.cells]
        return tuple(float(s) for s in (corners.max(axis=1) - corners.min(axis=1)).max(axis=0))
