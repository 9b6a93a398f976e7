"""Products with the mass matrix M and the matrix A_h of the operator on cells that are boxes, without these matrices.

On a box with sides h, basis functions phi and Gauss quadrature are products over the axes. So the values v_q at the
quadrature points x_q, and the derivatives there, are computed axis by axis:

    v_q = sum_i phi_i(x_q) v_i,    D_k: derivatives along axis k of the polynomial through the values at the points,
    w_q = weight_q prod_k h_k,     M_c v = Phi^T w v_q,
    A_c v = Phi^T [w damping v_q + sum_k D_k^T (w diffusion / h_k^2) D_k v_q].

For degree p, a product takes O(p) operations for each node and axis. It needs only the laws at the points, about 50
bytes for each dof in two dimensions. There are at least as many points as nodes along an axis, so D_k is exact. The
products are computed in C, for eight cells at once.
Source: Orszag, Spectral methods for problems in complex geometries, J. Comput. Phys. 37 (1980).
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Sequence
from math import prod

import basix
import numpy as np
from dolfinx import fem

from freqbias.pde.c_library import call
from freqbias.pde.forms import LAGRANGE_VARIANT, LawFunction

LANES = 8  # as in box_products.c
BLOCK = 2**20  # points at which the laws are evaluated at once
DECLARATION = """
void box_products(int dimension, const int32_t *nodes, int points, int64_t batches, const double *basis,
    const double *slopes, const double *weights, const int32_t *dofs, const double *volume,
    const double *inverse_squares, const double *damping, const double *diffusion, double mass, double stiffness,
    const double *x, double *y);
"""


class BoxCells:
    """This rank's cells, which are intervals, rectangles or boxes, and the laws at their quadrature points.

    The quadrature is that of Gauss of the given degree, at least twice that of the elements. corner, sides: those of
    each cell, (c, d) [cycles/length]. order: the nodes of a cell in lexicographic order, in which the last axis is the
    fastest. All arrays have the axes of the mesh, which may differ from those of the reference cell.
    """

    def __init__(self, space: fem.FunctionSpace, damping: LawFunction, diffusion: LawFunction, degree: int) -> None:
        self.dimension = space.mesh.topology.dim
        self.t, axis_weights = (np.ravel(part) for part in basix.make_quadrature(basix.CellType.interval, degree))
        self.weights = _product([axis_weights] * self.dimension)
        self.corner, self.sides, axes = _boxes(space)
        self.order = np.lexsort(space.element.interpolation_points[:, axes].round(12).T[::-1])
        volume = self.sides.prod(axis=1)
        self.volume, self.inverse_squares = _in_lanes(volume[:, None]), _in_lanes(1 / self.sides**2)

        points = np.stack(np.meshgrid(*[self.t] * self.dimension, indexing="ij"), axis=-1).reshape(-1, self.dimension)
        self.damping, self.diffusion = (np.zeros((len(self.volume), len(points), LANES)) for _ in range(2))
        step = LANES * max(1, BLOCK // (LANES * len(points)))
        for first in range(0, len(volume), step):  # Python obeys signals between the blocks
            cells = slice(first, first + step)
            xi = (self.corner[cells, None] + points * self.sides[cells, None]).reshape(-1, self.dimension)
            measure = volume[cells, None] * self.weights
            for law, stored in ((damping, self.damping), (diffusion, self.diffusion)):
                values = _in_lanes(measure * law(xi).reshape(measure.shape))
                stored[first // LANES :][: len(values)] = values

    def contrast(self, *, mass: float, stiffness: float, degree: int) -> float:
        """Return the largest ratio, within one cell, of the numbers at its points

            mass + stiffness (damping + sum_k diffusion degree^4 / h_k^2),

        which are about those by which mass M + stiffness A_h multiplies the fastest oscillations there, relative to M.
        """
        per_point = np.where(self.volume > 0, self.volume, 1.0) * self.weights[:, None]
        slopes = degree**4 * self.inverse_squares.sum(axis=1, keepdims=True)
        numbers = mass + stiffness * (self.damping + self.diffusion * slopes) / per_point
        return float((numbers.max(axis=1) / numbers.min(axis=1)).max(initial=1.0))


class BoxProducts:
    """The products with M and A_h, summed over cells.

    degrees: those of the elements along the axes, (d,). dofs: the numbers of the cells' nodes, (c, n), in lexicographic
    order.
    """

    def __init__(self, cells: BoxCells, degrees: Sequence[int], dofs: np.ndarray) -> None:
        self._cells = cells
        self._basis = [_basis(degree, cells.t) for degree in degrees]
        self._slopes = _slopes(cells.t)
        self._dofs = _in_lanes(dofs.astype(np.int32, copy=False))
        self._nodes = np.array(degrees, dtype=np.int32) + 1
        self._all_bases = np.concatenate([table.ravel() for table in self._basis])

    def add(self, x: np.ndarray, y: np.ndarray, *, mass: float, stiffness: float) -> None:
        """Add (mass M + stiffness A_h) x to y. Both are contiguous arrays of floats, (number of dofs,)."""
        cells = self._cells
        call(
            "box_products", DECLARATION, cells.dimension, self._nodes, len(cells.t), len(self._dofs), self._all_bases,
            self._slopes, cells.weights, self._dofs, cells.volume, cells.inverse_squares, cells.damping,
            cells.diffusion, mass, stiffness, x, y,
        )  # fmt: skip

    def apply(self, v: np.ndarray) -> np.ndarray:
        """Return A_h v, (n,) complex -> (n,) complex."""
        parts = np.ascontiguousarray(v.real), np.ascontiguousarray(v.imag)
        real, imaginary = (np.zeros(len(v)) for _ in parts)
        for part, product in zip(parts, (real, imaginary), strict=True):
            self.add(part, product, mass=0.0, stiffness=1.0)
        return real + 1j * imaginary

    def add_diagonal(self, y: np.ndarray, *, mass: float, stiffness: float) -> None:
        """Add the diagonal of mass M + stiffness A_h to y, (number of dofs,)."""
        values = [table**2 for table in self._basis]
        slopes = [(self._slopes @ table) ** 2 for table in self._basis]
        y += np.bincount(self._dofs.ravel(), self._sums(values, slopes, mass, stiffness).ravel(), len(y))

    @property
    def dofs(self) -> np.ndarray:
        """The numbers of the cells' nodes, (c, n)."""
        count, nodes = len(self._cells.corner), self._dofs.shape[1]
        return self._dofs.swapaxes(1, 2).reshape(-1, nodes)[:count]

    def matrices(self, *, mass: float, stiffness: float) -> np.ndarray:
        """Return the matrices mass M_c + stiffness A_c of the cells, (c, n, n)."""
        bases = self._basis, [self._slopes @ table for table in self._basis]
        values, slopes = ([(t[:, :, None] * t[:, None]).reshape(len(t), -1) for t in tables] for tables in bases)
        sums = np.moveaxis(self._sums(values, slopes, mass, stiffness), 2, 1)
        axes = len(self._nodes)
        pairs = sums.reshape(-1, *np.repeat(self._nodes, 2))[: len(self._cells.corner)]
        first, second = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
        return pairs.transpose(0, *first, *second).reshape(len(pairs), *[self._nodes.prod()] * 2)

    def _sums(self, values: list[np.ndarray], slopes: list[np.ndarray], mass: float, stiffness: float) -> np.ndarray:
        """Return sum_q of the integrands of M and A with these tables, (q, m) for each axis, (batch, m^d, lane)."""
        cells = self._cells
        density = mass * cells.volume * cells.weights[:, None] + stiffness * cells.damping
        sums = _integrals(density, values)
        for k in range(cells.dimension):
            tables = [*values[:k], slopes[k], *values[k + 1 :]]
            sums += _integrals(stiffness * cells.inverse_squares[:, k : k + 1] * cells.diffusion, tables)
        return sums


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


def _basis(degree: int, t: np.ndarray) -> np.ndarray:
    """Return the Lagrange polynomials on [0, 1], in the order of their nodes, at t, (q, p + 1)."""
    element = basix.create_element(basix.ElementFamily.P, basix.CellType.interval, degree, LAGRANGE_VARIANT)
    order = np.argsort(np.asarray(element.points)[:, 0])
    return np.ascontiguousarray(np.asarray(element.tabulate(0, t[:, None]))[0][:, order, 0])


def _slopes(t: np.ndarray) -> np.ndarray:
    """Return the derivatives at t of the polynomials that are 1 at one of the points t and 0 at the others, (q, q)."""
    differences = t[:, None] - t + np.eye(len(t))
    scale = differences.prod(axis=1)
    slopes = scale[:, None] / scale / differences
    np.fill_diagonal(slopes, 0.0)
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    return slopes


def _product(axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the products of one number of each axis, with the last axis fastest."""
    total = np.ones(1)
    for axis in axes:
        total = np.outer(total, axis).ravel()
    return total


def _in_lanes(values: np.ndarray) -> np.ndarray:
    """Return the values of cells, (c, k), in batches of cells, (c / LANES rounded up, k, LANES), filled up with 0."""
    batches = -(-len(values) // LANES)
    filled = np.zeros((batches * LANES, values.shape[1]), dtype=values.dtype)
    filled[: len(values)] = values
    return np.ascontiguousarray(filled.reshape(batches, LANES, values.shape[1]).swapaxes(1, 2))


def _integrals(values: np.ndarray, tables: Sequence[np.ndarray]) -> np.ndarray:
    """Return sum_q values(batch, q_1, .., q_d, lane) prod_k tables_k(q_k, i_k), (batch, i_1 .. i_d, lane)."""
    batches, _, lanes = values.shape
    values = values.reshape(batches, *(len(table) for table in tables), lanes)
    for table in tables:
        values = np.asarray(np.tensordot(values, table, axes=(1, 0)))
    size = prod(table.shape[1] for table in tables)
    return np.moveaxis(values, 1, -1).reshape(batches, size, lanes)
