"""Cells that are intervals, rectangles or boxes along the axes, for products by sum factorisation."""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Iterator

import numpy as np
from dolfinx import fem

from freqbias.pde.cell_products import LANES, Cells, Term, in_lanes
from freqbias.pde.forms import LawFunction


class BoxCells(Cells):
    """Boxes with sides h, where det J = prod_k h_k and (J^-1 J^-T)_kl = 1 / h_k^2 for k = l, and 0 otherwise.

    corner, sides: the lowest corner and the sides of each cell, (c, d) [cycles/length]. The axes are those of the mesh,
    which may differ from those of the reference cell.
    """

    function = "box_products"

    def __init__(self, space: fem.FunctionSpace, damping: LawFunction, diffusion: LawFunction, degree: int) -> None:
        self.corner, self.sides, axes = _boxes(space)
        super().__init__(space, degree, axes)
        volume = self.sides.prod(axis=1)
        self._volume, self._inverse_squares = in_lanes(volume[:, None]), in_lanes(1 / self.sides**2)
        self._damping, self._diffusion = (np.zeros((len(self._volume), len(self.weights), LANES)) for _ in range(2))
        for cells, batches in self._blocks():
            xi = (self.corner[cells, None] + self.points * self.sides[cells, None]).reshape(-1, self.dimension)
            measure = volume[cells, None] * self.weights
            for law, stored in ((damping, self._damping), (diffusion, self._diffusion)):
                stored[batches] = in_lanes(measure * law(xi).reshape(measure.shape))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.weights, self._volume, self._inverse_squares, self._damping, self._diffusion

    def terms(self, *, mass: float, stiffness: float) -> Iterator[Term]:
        yield mass * self._volume * self.weights[:, None] + stiffness * self._damping, None
        for k in range(self.dimension):
            yield stiffness * self._inverse_squares[:, k : k + 1] * self._diffusion, (k, k)

    def contrast(self, *, mass: float, stiffness: float, degree: int) -> float:
        per_point = np.where(self._volume > 0, self._volume, 1.0) * self.weights[:, None]
        slopes = degree**4 * self._inverse_squares.sum(axis=1, keepdims=True)
        numbers = mass + stiffness * (self._damping + self._diffusion * slopes) / per_point
        return float((numbers.max(axis=1) / numbers.min(axis=1)).max(initial=1.0))


def _boxes(space: fem.FunctionSpace) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return the lowest corner and the sides of each cell, (c, d), and the axes of the reference cell, (d,).

    Axis k of the mesh is axis axes_k of the reference cell.
    """
    topology, geometry = space.mesh.topology, space.mesh.geometry
    dimension = topology.dim
    cells = geometry.dofmaps[0][: topology.index_map(dimension).size_local]
    x = geometry.x[:, :dimension]
    ends = x[cells[:, [2**k for k in range(dimension)]]]  # the vertices are numbered along the axes, in this order
    corner = x[cells[:, 0]]
    edges = ends - corner[:, None]  # (c, axis of the reference cell, axis of the mesh)
    axes = (np.abs(edges).sum(axis=0) + np.finfo(float).tiny * np.eye(dimension)).argmax(axis=0)  # also without cells
    sides = edges[:, axes, np.arange(dimension)]
    assert (sides > 0).all() and sorted(axes) == [*range(dimension)], "the cells of box meshes have one orientation"
    return corner, sides, axes.tolist()
