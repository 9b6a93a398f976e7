"""The plan of a mesh from the user's file."""

from dataclasses import dataclass, field
from functools import cached_property

import basix
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

    @cached_property
    def dofs(self) -> int:
        """The number of Lagrange nodes: those inside each vertex, edge, face and cell."""
        cell = basix.CellType[self.kind]
        element = basix.create_element(basix.ElementFamily.P, cell, self.degree, basix.LagrangeVariant.gll_warped)
        total = 0
        for entities, nodes in zip(basix.topology(cell), element.num_entity_dofs, strict=True):
            if nodes[0]:
                corners = np.concatenate([self.cells[:, entity] for entity in entities])
                total += nodes[0] * len(np.unique(np.sort(corners, axis=1), axis=0))
        return total

    @property
    def size(self) -> tuple[float, ...]:
        corners = self.points[self.cells]
        return tuple(float(s) for s in (corners.max(axis=1) - corners.min(axis=1)).max(axis=0))
