"""Quadrilaterals and hexahedra of any shape, for products by sum factorisation."""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Iterator

import basix
import numpy as np
from dolfinx import fem

from freqbias.pde.cell_products import LANES, Cells, Term, in_lanes
from freqbias.pde.forms import LawFunction


class CurvedCells(Cells):
    """Images of the unit cube under polynomials. See `cell_products` for J and G."""

    function = "curved_products"

    def __init__(self, space: fem.FunctionSpace, damping: LawFunction, diffusion: LawFunction, degree: int) -> None:
        dimension = space.mesh.topology.dim
        super().__init__(space, degree, range(dimension))
        geometry = space.mesh.geometry
        table = np.asarray(_geometry_element(space).tabulate(1, self.points))[..., 0]  # (1 + d, q, nodes)
        pairs = [(k, l) for k in range(dimension) for l in range(k, dimension)]  # noqa: E741
        shape = (-(-self.count // LANES), len(self.points), LANES)
        self._measure, self._damping = np.zeros(shape), np.zeros(shape)
        self._metric = np.zeros((shape[0], len(pairs), *shape[1:]))
        for cells, batches in self._blocks():
            x = geometry.x[geometry.dofmaps[0][: self.count][cells], :dimension]
            xi, J = table[0] @ x, np.stack([slope @ x for slope in table[1:]], axis=-1)  # (c, q, d), (c, q, d, d)
            inverse = np.linalg.inv(J)
            measure = np.abs(np.linalg.det(J)) * self.weights
            points = xi.reshape(-1, dimension)
            metric = np.einsum("cqki,cqli->cqkl", inverse, inverse)
            metric *= (measure * diffusion(points).reshape(measure.shape))[..., None, None]
            self._measure[batches] = in_lanes(measure)
            self._damping[batches] = in_lanes(measure * damping(points).reshape(measure.shape))
            for index, (k, l) in enumerate(pairs):  # noqa: E741
                self._metric[batches, index] = in_lanes(metric[..., k, l])
        self._pairs = pairs

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        return self._measure, self._damping, self._metric

    def terms(self, *, mass: float, stiffness: float) -> Iterator[Term]:
        yield mass * self._measure + stiffness * self._damping, None
        for index, (k, l) in enumerate(self._pairs):  # noqa: E741
            for axes in {(k, l), (l, k)}:
                yield stiffness * self._metric[:, index], axes

    def contrast(self, *, mass: float, stiffness: float, degree: int) -> float:
        measure = np.where(self._measure > 0, self._measure, 1.0)
        slopes = sum(self._metric[:, index] for index, (k, l) in enumerate(self._pairs) if k == l)  # noqa: E741
        numbers = mass + stiffness * (self._damping + degree**4 * slopes) / measure
        return float((numbers.max(axis=1) / numbers.min(axis=1)).max(initial=1.0))


def _geometry_element(space: fem.FunctionSpace) -> basix.finite_element.FiniteElement:
    domain = space.mesh.ufl_domain()
    assert domain is not None
    element = domain.ufl_coordinate_element()
    return element.sub_elements[0].basix_element if element.block_size > 1 else element.basix_element
