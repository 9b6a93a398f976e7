"""The axes of the levels of multigrid on box meshes: which degrees and which mesh lines each level has.

Along each axis, a coarser level has half the degree on the same cells, or, from degree 1 on, every second mesh line.
The degrees become 1 before any lines go, because levels with the cells of the mesh need no matrices. Axes whose nodes
are much farther apart than those of others stay as they are, so that all levels have similar distances along all axes.
The ends of the plan's segments stay mesh lines as long as possible, because the laws may jump there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from freqbias.meshes import BoxPlan, MeshPlan

COARSEST = 100  # nodes; a level of this size needs no coarser one
FEWEST = 2  # cells along an axis
SIMILAR = 1.5  # ratio of the distances of nodes up to which both axes are coarsened
# Ratio of the distances of nodes above which the lines of one axis go while another has a degree above 1. Then the
# smoother does not reach the polynomials of the other axis: 7 to 9 iterations to 1e-10 up to this ratio, and up to 16
# at a ratio of 4.
STEEP = 2.5


@dataclass(frozen=True)
class Axis:
    """The nodes of one axis: a degree on cells between mesh lines. ends: the lines that coarser axes keep, (k,)."""

    lines: np.ndarray
    degree: int
    ends: np.ndarray

    @property
    def cells(self) -> int:
        return len(self.lines) - 1

    @property
    def count(self) -> int:
        """The number of nodes."""
        return self.cells * self.degree + 1

    @property
    def spacing(self) -> float:
        """The mean distance of nodes."""
        return float(np.ptp(self.lines)) / (self.cells * self.degree)

    @property
    def divisible(self) -> bool:
        return self.degree > 1 or self.cells > FEWEST

    def coarser(self) -> "Axis":
        """Half the degree, or every second line between two ends, or every second end if there are no other lines."""
        if self.degree > 1:
            return Axis(self.lines, self.degree // 2, self.ends)
        at = np.searchsorted(self.lines, self.ends)
        kept = np.unique(np.concatenate([[*range(first, last, 2), last] for first, last in pairwise(at)]))
        if len(kept) == len(self.lines):
            kept = np.append(kept[:-1:2], kept[-1])
        lines = self.lines[kept]
        return Axis(lines, self.degree, self.ends[np.isin(self.ends, lines)])


def levels_of(plan: BoxPlan) -> Iterator[list[Axis]]:
    """Yield the axes of each level, from the finest to the coarsest."""
    axes = []
    for lines, segments in zip(plan.lines, plan.segments, strict=True):
        ends = np.array([0.0, *(end for end, _ in segments)])
        axes.append(Axis(lines, plan.degree, lines[nearest(lines, np.concatenate([-ends[:0:-1], ends]))]))
    yield axes
    while np.prod([float(axis.count) for axis in axes]) > COARSEST:
        axes = _coarser(axes)
        yield axes


def cell_degrees(plan: MeshPlan) -> list[tuple[int, ...]]:
    """Return the degrees along the axes of the levels that have the cells of the mesh, from the finest to the last."""
    if isinstance(plan, BoxPlan):
        finest, *coarser = levels_of(plan)
        same = [axes for axes in coarser if all(a.lines is b.lines for a, b in zip(axes, finest, strict=True))]
        return [tuple(axis.degree for axis in axes) for axes in (finest, *same)]
    degrees = [plan.degree]
    while degrees[-1] > 1:
        degrees.append(degrees[-1] // 2)
    return [(degree,) * plan.dimension for degree in degrees]


def _coarser(axes: Sequence[Axis]) -> list[Axis]:
    least = min(axis.spacing for axis in axes if axis.divisible)
    degrees_first = any(axis.degree > 1 and axis.spacing <= STEEP * least for axis in axes)
    chosen = [axis.degree > 1 if degrees_first else axis.divisible for axis in axes]
    largest = SIMILAR * min(axis.spacing for axis, is_chosen in zip(axes, chosen, strict=True) if is_chosen)
    return [
        axis.coarser() if is_chosen and axis.spacing <= largest else axis
        for axis, is_chosen in zip(axes, chosen, strict=True)
    ]


def nearest(nodes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the index of the node nearest to each x."""
    middles = (nodes[1:] + nodes[:-1]) / 2
    return np.searchsorted(middles, x)
