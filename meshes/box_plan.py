"""A mesh of a box, with mesh lines where the laws are not smooth."""

from dataclasses import dataclass
from math import prod

import numpy as np

from freqbias.meshes.cell_types import BOX_CELLS, SIMPLEX_CELLS
from freqbias.meshes.plan import MeshPlan


@dataclass(frozen=True)
class BoxPlan(MeshPlan):
    """A mesh of the box |xi_i| <= half_width_i.

    The cells are intervals, quadrilaterals or hexahedra. With `simplices` they are intervals, triangles or tetrahedra,
    and the mesh can be refined. segments: for each axis, the segments of its positive half, in order from 0. A segment
    is its end [cycles/length] and its number of equal cells. The negative half is the mirror image.
    """

    segments: tuple[tuple[tuple[float, int], ...], ...]
    degree: int
    folded: bool = False
    simplices: bool = False

    @classmethod
    def uniform(cls, half_width: tuple[float, ...], cells: tuple[int, ...], degree: int) -> "BoxPlan":
        """Return a plan with equal cells along each axis.

        cells: the number of cells along each axis of the whole box. The numbers must be even.
        """
        return cls(tuple(((r, n // 2),) for r, n in zip(half_width, cells, strict=True)), degree)

    @property
    def half_width(self) -> tuple[float, ...]:
        return tuple(axis[-1][0] for axis in self.segments)

    @property
    def cells(self) -> tuple[int, ...]:
        """The number of cells along each axis of the whole box."""
        return tuple(2 * sum(count for _, count in axis) for axis in self.segments)

    @property
    def lines(self) -> list[np.ndarray]:
        """The coordinates of the mesh lines along each axis [cycles/length]."""
        axes = []
        for axis in self.segments:
            start, positive = 0.0, [np.zeros(1)]
            for end, count in axis:
                positive.append(np.linspace(start, end, count + 1)[1:])
                start = end
            half = np.concatenate(positive)
            axes.append(np.concatenate([-half[:0:-1], half]))
        return axes

    @property
    def grading(self) -> float:
        lengths = [np.diff(axis) for axis in self.lines]
        return float(max(each.max() / each.min() for each in lengths))

    @property
    def affine(self) -> bool:
        return True

    @property
    def cell_type(self) -> str:
        return (SIMPLEX_CELLS if self.simplices else BOX_CELLS)[self.dimension].name

    @property
    def symmetric(self) -> bool:
        return not self.simplices

    @property
    def cell_count(self) -> int:
        return prod(self.cells) * (len(BOX_CELLS[self.dimension].box_division) if self.simplices else 1)

    @property
    def dofs(self) -> int:
        return prod(n * self.degree + 1 for n in self.cells)

    @property
    def nonzeros(self) -> int:
        return prod(n * ((self.degree + 1) ** 2 - 1) + 1 for n in self.cells)

    @property
    def size(self) -> tuple[float, ...]:
        return tuple(float(np.diff(axis).max()) for axis in self.lines)
