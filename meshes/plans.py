"""What a frequency mesh will be, before it is built: boxes, layers around the origin, a mesh from a file."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import prod

import numpy as np

BOX_CELLS = ("interval", "quadrilateral", "hexahedron")
SIMPLICES = ("interval", "triangle", "tetrahedron")


class MeshPlan(ABC):
    """degree: of the Lagrange elements; folded: whether the laws are folded onto its box."""

    degree: int
    folded: bool

    @property
    @abstractmethod
    def half_width(self) -> tuple[float, ...]:
        """The mesh lies within |xi_i| <= half_width_i [cycles/length]."""

    @property
    @abstractmethod
    def cell_type(self) -> str:
        """In Basix's words: "interval", "triangle", "quadrilateral", ..."""

    @property
    @abstractmethod
    def cell_count(self) -> int: ...

    @property
    @abstractmethod
    def dofs(self) -> int:
        """Lagrange nodes."""

    @property
    @abstractmethod
    def size(self) -> tuple[float, ...]:
        """The largest extent of a cell along each axis [cycles/length]."""

    @property
    def symmetric(self) -> bool:
        """Whether xi -> -xi maps the mesh to itself, and its half xi_1 >= 0 can be built alone."""
        return True

    @property
    def affine(self) -> bool:
        """Whether every cell is a parallelepiped or a straight simplex."""
        return False

    @property
    def dimension(self) -> int:
        return len(self.half_width)

    @property
    def nonzeros(self) -> int:
        """Entries of the sparse matrix, from above."""
        return self.entries

    @property
    def entries(self) -> int:
        """Entries of the element matrices."""
        shape = (
            (self.degree + 1) ** self.dimension
            if self.cell_type in BOX_CELLS
            else prod(self.degree + k for k in range(1, self.dimension + 1)) // (1, 1, 2, 6)[self.dimension]
        )
        return self.cell_count * shape**2


@dataclass(frozen=True)
class BoxPlan(MeshPlan):
    """A box |xi_i| <= half_width_i of intervals, quadrilaterals or hexahedra; or of simplices, which can be refined.

    pieces: for each axis, from 0 outwards, where a piece ends [cycles/length] and into how many cells it is cut; the
    negative half mirrors the positive one. Ends lie where the laws are not smooth.
    """

    pieces: tuple[tuple[tuple[float, int], ...], ...]
    degree: int
    folded: bool = False
    simplices: bool = False

    @classmethod
    def uniform(cls, half_width: tuple[float, ...], cells: tuple[int, ...], degree: int) -> "BoxPlan":
        """Cells counted over the whole box, even in number along each axis."""
        return cls(tuple(((r, n // 2),) for r, n in zip(half_width, cells, strict=True)), degree)

    @property
    def half_width(self) -> tuple[float, ...]:
        return tuple(axis[-1][0] for axis in self.pieces)

    @property
    def cells(self) -> tuple[int, ...]:
        """Cells along each axis of the whole box."""
        return tuple(2 * sum(count for _, count in axis) for axis in self.pieces)

    @property
    def lines(self) -> list[np.ndarray]:
        """The coordinates of the mesh lines along each axis."""
        axes = []
        for axis in self.pieces:
            start, positive = 0.0, [np.zeros(1)]
            for end, count in axis:
                positive.append(np.linspace(start, end, count + 1)[1:])
                start = end
            half = np.concatenate(positive)
            axes.append(np.concatenate([-half[:0:-1], half]))
        return axes

    @property
    def affine(self) -> bool:
        return True

    @property
    def cell_type(self) -> str:
        return (SIMPLICES if self.simplices else BOX_CELLS)[self.dimension - 1]

    @property
    def symmetric(self) -> bool:
        return not self.simplices

    @property
    def cell_count(self) -> int:
        return prod(self.cells) * ((1, 1, 2, 6)[self.dimension] if self.simplices else 1)

    @property
    def dofs(self) -> int:
        return prod(n * self.degree + 1 for n in self.cells)

    @property
    def nonzeros(self) -> int:
        return prod(n * ((self.degree + 1) ** 2 - 1) + 1 for n in self.cells)

    @property
    def size(self) -> tuple[float, ...]:
        return tuple(float(np.diff(axis).max()) for axis in self.lines)


@dataclass(frozen=True)
class LayeredPlan(MeshPlan):
    """Quadrilaterals or hexahedra in layers around the origin, with edges on spheres: balls, shells, and balls in a
    box.

    axes: the dimension. layers: from the inside out, the radius at which a layer ends [cycles/length] and into how many
    cells it is cut along the radius. around: cells across each of the 2d faces, even. hole: the mesh begins at the
    first layer's radius, which has no cells; otherwise a core, a small cube at the origin, fills the inside of the
    first layer. box: the half-widths of a box around the outermost sphere, and the cells between the two. refined: to
    be, so that xi -> -xi will not map it to itself.
    """

    axes: int
    layers: tuple[tuple[float, int], ...]
    around: int
    degree: int
    hole: bool = False
    box: tuple[tuple[float, ...], int] | None = None
    folded: bool = False
    refined: bool = False

    @property
    def affine(self) -> bool:
        return self.axes == 1

    @property
    def symmetric(self) -> bool:
        return not self.refined

    @property
    def half_width(self) -> tuple[float, ...]:
        return self.box[0] if self.box else (self.layers[-1][0],) * self.axes

    @property
    def cell_type(self) -> str:
        return BOX_CELLS[self.dimension - 1]

    @property
    def deep(self) -> int:
        """Cells along the radius, the core left out."""
        return sum(count for _, count in self.layers) + (self.box[1] if self.box else 0)

    @property
    def cell_count(self) -> int:
        faces = 2 * self.dimension * self.around ** (self.dimension - 1)
        return faces * self.deep + (0 if self.hole else self.around**self.dimension)

    @property
    def dofs(self) -> int:
        n = self.around * self.degree
        surface = {1: 2, 2: 4 * n, 3: 6 * n**2 + 2}[self.dimension]
        return surface * self.degree * self.deep + (surface if self.hole else (n + 1) ** self.dimension)

    @property
    def size(self) -> tuple[float, ...]:
        outer = max(self.half_width) if self.box else np.pi / 4 * self.layers[-1][0]
        return (2 * outer / self.around,) * self.dimension


@dataclass(frozen=True)
class FilePlan(MeshPlan):
    """The user's own mesh.

    points (n, d) [cycles/length]; cells (c, k) in the order of Basix's equispaced Lagrange element of this cell type
    and order; missing: the share of the damping's mass that the mesh leaves out.
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
        return self.order == 1 and self.kind not in ("quadrilateral", "hexahedron")

    @property
    def dofs(self) -> int:
        """An estimate: the nodes of a cell, each shared as in a large regular mesh."""
        p = self.degree
        return (
            self.cell_count
            * {
                "interval": p,
                "triangle": p**2 // 2 + 1,
                "quadrilateral": p**2,
                "tetrahedron": p**3 // 6 + 1,
                "hexahedron": p**3,
            }[self.kind]
        )

    @property
    def size(self) -> tuple[float, ...]:
        corners = self.points[self.cells]
        return tuple(float(s) for s in (corners.max(axis=1) - corners.min(axis=1)).max(axis=0))
