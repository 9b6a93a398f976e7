"""The plan of a mesh in layers around the origin, for laws with edges on spheres."""

from dataclasses import dataclass

import numpy as np

from freqbias.meshes.cell_types import BOX_CELLS
from freqbias.meshes.plan import MeshPlan


@dataclass(frozen=True)
class LayeredPlan(MeshPlan):
    """Intervals, quadrilaterals or hexahedra in layers between spheres: a ball, a shell, or a ball in a box.

    axes: the dimension d. layers: the outer radius of each layer [cycles/length] and its number of cells along the
    radius, from the inside out. face_cells: the number of cells along each edge of the 2d faces of the central cube.
    The number is even. hollow: the mesh is a shell. It begins at the radius of the first layer, which has no cells.
    Otherwise the middle of the first layer is a core, a small cube at the origin. box: the half-widths of a box around
    the outermost sphere, and the number of cells between the sphere and the box. adaptive: the mesh will be refined. A
    refined mesh is not symmetric under xi -> -xi.
    """

    axes: int
    layers: tuple[tuple[float, int], ...]
    face_cells: int
    degree: int
    hollow: bool = False
    box: tuple[tuple[float, ...], int] | None = None
    folded: bool = False
    adaptive: bool = False

    @property
    def grading(self) -> float:
        """That of the cells along the radius, without those of the core and of the box."""
        radii = np.array([0.0, *(radius for radius, _ in self.layers)])
        lengths = [length / count for length, (_, count) in zip(np.diff(radii), self.layers, strict=True) if count]
        return float(max(lengths) / min(lengths)) if lengths else 1.0

    @property
    def affine(self) -> bool:
        return self.axes == 1

    @property
    def symmetric(self) -> bool:
        return not self.adaptive

    @property
    def half_width(self) -> tuple[float, ...]:
        return self.box[0] if self.box else (self.layers[-1][0],) * self.axes

    @property
    def cell_type(self) -> str:
        return BOX_CELLS[self.axes].name

    @property
    def radial_cells(self) -> int:
        """The number of cells along the radius, without those of the core."""
        return sum(count for _, count in self.layers) + (self.box[1] if self.box else 0)

    @property
    def cell_count(self) -> int:
        surface = 2 * self.axes * self.face_cells ** (self.axes - 1)
        return surface * self.radial_cells + (0 if self.hollow else self.face_cells**self.axes)

    @property
    def dofs(self) -> int:
        n = self.face_cells * self.degree
        surface = {1: 2, 2: 4 * n, 3: 6 * n**2 + 2}[self.axes]
        return surface * self.degree * self.radial_cells + (surface if self.hollow else (n + 1) ** self.axes)

    @property
    def size(self) -> tuple[float, ...]:
        outer = max(self.half_width) if self.box else np.pi / 4 * self.layers[-1][0]
        return (2 * outer / self.face_cells,) * self.axes
