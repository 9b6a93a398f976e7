"""A mesh of a box, with mesh lines where the laws are not smooth."""

from dataclasses import dataclass
from math import prod

import numpy as np

from freqbias.meshes.cell_types import BOX_CELLS, SIMPLEX_CELLS
from freqbias.meshes.plan import MeshPlan


@dataclass(frozen=True)
class BoxPlan(MeshPlan):
    """A box |xi_i| <= half_width_i of intervals, quadrilaterals or hexahedra, or of simplices, which can be refined.

    segments: one tuple per axis. From 0 outwards, each segment gives where it ends [cycles/length] and its number of
    equal cells. The negative half mirrors the positive one.
    """

    segments: tuple[tuple[tuple[float, int], ...], ...]
    degree: int
    folded: bool = False
    simplices: bool = False

    @classmethod
    def uniform(cls, half_width: tuple[float, ...], cells: tuple[int, ...], degree: int) -> "BoxPlan":
        """Equal cells along each axis. cells: their number over the whole box, even."""
        return cls(tuple(((r, n // 2),) for r, n in zip(half_width, cells, strict=True)), degree)

    @property
    def half_width(self) -> tuple[float, ...]:
        return tuple(axis[-1][0] for axis in self.segments)

    @property
    def cells(self) -> tuple[int, ...]:
        """Cells along each axis of the whole box."""
        return tuple(2 * sum(count for _, count in axis) for axis in self.segments)

    @property
    def lines(self) -> list[np.ndarray]:
        """Coordinates of the mesh lines along each axis [cycles/length]."""
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
