"""Products with the mass matrix M and the matrix A_h of the operator, without these matrices, by sum factorisation.

The cells are images of the unit interval, square or cube. There, basis functions phi and Gauss quadrature are products
over the axes. So the values v_q at the quadrature points x_q, and the derivatives there, are computed axis by axis:

    v_q = sum_i phi_i(x_q) v_i,    D_k: derivatives along axis k of the polynomial through the values at the points,
    w_q = weight_q det J_q,        G = w diffusion J^-1 J^-T,    J: the derivatives of the map from the unit cube,
    M_c v = Phi^T w v_q,           A_c v = Phi^T [w damping v_q + sum_kl D_k^T G_kl D_l v_q].

For degree p, a product takes O(p) operations for each node and axis. It needs only w, damping and G at the points. On
boxes these are about 50 bytes for each dof in two dimensions. There are at least as many points as nodes along an axis,
so D_k is exact. The products are computed in C, for eight cells at once.
Source: Orszag, Spectral methods for problems in complex geometries, J. Comput. Phys. 37 (1980).
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from math import prod

import basix
import numpy as np
from dolfinx import fem

from freqbias.pde.c_library import call
from freqbias.pde.forms import LAGRANGE_VARIANT

LANES, MOST = 8, 32  # as in cell_products.c
BLOCK = 2**17  # points at which the laws are evaluated at once
SHARED_ARGUMENTS = """int dimension, const int32_t *nodes, const int32_t *points, const double *basis, int64_t batches,
    const double *slopes, const int32_t *dofs, double mass, double stiffness, const double *x, double *y"""
DECLARATIONS = f"""
void box_products({SHARED_ARGUMENTS}, const double *weights, const double *volume, const double *inverse_squares,
    const double *damping, const double *diffusion);
void curved_products({SHARED_ARGUMENTS}, const double *measure, const double *damping, const double *metric);
void interpolate(int dimension, const int32_t *coarse, const int32_t *fine, const double *basis, int64_t cells,
    const int32_t *coarse_dofs, const int32_t *fine_dofs, int transposed, const double *x, double *y);
"""
Term = tuple[np.ndarray, tuple[int, int] | None]


class Cells(ABC):
    """This rank's cells, and the laws at their quadrature points.

    function: the function in C that computes products. t: the points along an axis of the unit cube, (m,). weights:
    those of all points, (q,). axes: the axes of the reference cell, in the order of those of this object.
    """

    function: str

    def __init__(self, space: fem.FunctionSpace, degree: int, axes: Sequence[int]) -> None:
        """degree: that of the quadrature of Gauss, at least twice that of the elements."""
        topology = space.mesh.topology
        self.dimension, self.count = topology.dim, topology.index_map(topology.dim).size_local
        self.t, axis_weights = (np.ravel(part) for part in basix.make_quadrature(basix.CellType.interval, degree))
        assert len(self.t) <= MOST, f"at most {MOST} points along an axis"
        self.weights = np.ones(1)
        for _ in range(self.dimension):
            self.weights = np.outer(self.weights, axis_weights).ravel()
        self.points = np.stack(np.meshgrid(*[self.t] * self.dimension, indexing="ij"), axis=-1)
        self.points = self.points.reshape(-1, self.dimension)
        self.axes = axes

    @property
    @abstractmethod
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The last arguments of the function in C."""

    @abstractmethod
    def terms(self, *, mass: float, stiffness: float) -> Iterator[Term]:
        """Yield the terms of v, w -> integral of mass v w + stiffness (damping v w + diffusion grad v . grad w).

        A term is the factor at the points, (batches, q, LANES), and the axes (k, l) of d_k v d_l w, or None for v w.
        """

    @abstractmethod
    def contrast(self, *, mass: float, stiffness: float, degree: int) -> float:
        """Return the largest ratio, within one cell, of the numbers at its points

            mass + stiffness (damping + diffusion degree^4 |J^-1|^2),    |J^-1|: the Frobenius norm,

        which are about those by which mass M + stiffness A_h multiplies the fastest oscillations there, relative to M.
        """

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        """Yield blocks of cells, and the batches of these cells. Python obeys signals between the blocks."""
        step = max(1, BLOCK // (LANES * len(self.points)))
        for first in range(0, -(-self.count // LANES), step):
            yield slice(LANES * first, LANES * (first + step)), slice(first, first + step)


class CellProducts:
    """The products with M and A_h, summed over cells.

    degrees: those of the elements along the axes, (d,). dofs: the numbers of the cells' nodes, (c, n), in lexicographic
    order; lanes: the same numbers `in_lanes`.
    """

    def __init__(self, cells: Cells, degrees: Sequence[int], dofs: np.ndarray) -> None:
        self._cells, self.degrees = cells, degrees
        self._basis = [lagrange_basis(degree, cells.t) for degree in degrees]
        self._slopes = point_slopes(cells.t)
        self.lanes = in_lanes(dofs.astype(np.int32, copy=False))
        self._nodes = np.array(degrees, dtype=np.int32) + 1
        self._points = np.full(cells.dimension, len(cells.t), dtype=np.int32)
        self._all_bases = np.concatenate([table.ravel() for table in self._basis])

    def add(self, x: np.ndarray, y: np.ndarray, *, mass: float, stiffness: float) -> None:
        """Add (mass M + stiffness A_h) x to y. Both are contiguous arrays of floats, (number of dofs,)."""
        cells = self._cells
        call(
            "cell_products", DECLARATIONS, cells.function, cells.dimension, self._nodes, self._points, self._all_bases,
            len(self.lanes), self._slopes, self.lanes, mass, stiffness, x, y, *cells.arrays,
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
        sums = self._sums(mass, stiffness, lambda v, w: v * w)
        y += np.bincount(self.lanes.ravel(), sums.ravel(), len(y))

    @property
    def dofs(self) -> np.ndarray:
        """The numbers of the cells' nodes, (c, n)."""
        return self.lanes.swapaxes(1, 2).reshape(-1, self.lanes.shape[1])[: self._cells.count]

    def matrices(self, *, mass: float, stiffness: float) -> np.ndarray:
        """Return the matrices mass M_c + stiffness A_c of the cells, (c, n, n)."""
        sums = self._sums(mass, stiffness, lambda v, w: (v[:, :, None] * w[:, None]).reshape(len(v), -1))
        pairs = np.moveaxis(sums, 2, 1).reshape(-1, *np.repeat(self._nodes, 2))[: self._cells.count]
        axes = len(self._nodes)
        first, second = range(1, 2 * axes, 2), range(2, 2 * axes + 1, 2)
        return pairs.transpose(0, *first, *second).reshape(len(pairs), *[self._nodes.prod()] * 2)

    def _sums(
        self, mass: float, stiffness: float, product: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Return the sums over the points of all terms, (batches, number of products, LANES).

        product: of two tables of an axis, (q, p + 1) each, its columns are the wanted products of basis functions.
        """
        total = np.zeros(())
        slopes = [self._slopes @ table for table in self._basis]
        for factor, derivatives in self._cells.terms(mass=mass, stiffness=stiffness):
            k, l = derivatives or (-1, -1)  # noqa: E741  # the names of the formula
            tables = [
                product(slopes[axis] if axis == k else basis, slopes[axis] if axis == l else basis)
                for axis, basis in enumerate(self._basis)
            ]
            total = total + _contract(factor, tables)
        return total


class CellInterpolation:
    """The sums over cells of the interpolation between the nodes of two levels, and of its transposed.

    A node that k cells share gets k times its value.
    """

    def __init__(self, coarse: CellProducts, fine: CellProducts) -> None:
        self._coarse, self._fine = coarse, fine
        self._shapes = [np.array(products.degrees, dtype=np.int32) + 1 for products in (coarse, fine)]
        pairs = zip(coarse.degrees, fine.degrees, strict=True)
        self._tables = np.concatenate([lagrange_basis(low, lagrange_nodes(high)).ravel() for low, high in pairs])

    def add(self, x: np.ndarray, y: np.ndarray, *, transposed: bool = False) -> None:
        """Add the result for x to y, from coarse to fine nodes, or from fine to coarse nodes if `transposed`."""
        call(
            "cell_products", DECLARATIONS, "interpolate", len(self._shapes[0]), *self._shapes, self._tables,
            len(self._coarse.dofs), self._coarse.lanes, self._fine.lanes, transposed, x, y,
        )  # fmt: skip


def in_lanes(values: np.ndarray) -> np.ndarray:
    """Return the values of cells, (c, k), in batches of cells, (c / LANES rounded up, k, LANES), filled up with 0."""
    batches = -(-len(values) // LANES)
    filled = np.zeros((batches * LANES, values.shape[1]), dtype=values.dtype)
    filled[: len(values)] = values
    return np.ascontiguousarray(filled.reshape(batches, LANES, values.shape[1]).swapaxes(1, 2))


def lexicographic(space: fem.FunctionSpace, axes: Sequence[int]) -> np.ndarray:
    """Return the order of the nodes of a cell in which the last of the axes is the fastest. See `Cells.axes`."""
    return np.lexsort(np.asarray(space.element.interpolation_points)[:, axes].round(12).T[::-1])


def lagrange_nodes(degree: int) -> np.ndarray:
    """Return the nodes on [0, 1] in increasing order, (p + 1,)."""
    return np.sort(np.asarray(_interval(degree).points)[:, 0])


def lagrange_basis(degree: int, t: np.ndarray) -> np.ndarray:
    """Return the Lagrange polynomials on [0, 1], in the order of their nodes, at t, (q, p + 1)."""
    order = np.argsort(np.asarray(_interval(degree).points)[:, 0])
    return np.ascontiguousarray(np.asarray(_interval(degree).tabulate(0, t[:, None]))[0][:, order, 0])


def _interval(degree: int) -> basix.finite_element.FiniteElement:
    return basix.create_element(basix.ElementFamily.P, basix.CellType.interval, degree, LAGRANGE_VARIANT)


def point_slopes(t: np.ndarray) -> np.ndarray:
    """Return the derivatives at t of the polynomials that are 1 at one of the points t and 0 at the others, (q, q)."""
    differences = t[:, None] - t + np.eye(len(t))
    scale = differences.prod(axis=1)
    slopes = scale[:, None] / scale / differences
    np.fill_diagonal(slopes, 0.0)
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    return slopes


def _contract(values: np.ndarray, tables: Sequence[np.ndarray]) -> np.ndarray:
    """Return sum_q values(batch, q_1, .., q_d, lane) prod_k tables_k(q_k, i_k), (batch, i_1 .. i_d, lane)."""
    batches, _, lanes = values.shape
    values = values.reshape(batches, *(len(table) for table in tables), lanes)
    for table in tables:
        values = np.asarray(np.tensordot(values, table, axes=(1, 0)))
    size = prod(table.shape[1] for table in tables)
    return np.moveaxis(values, 1, -1).reshape(batches, size, lanes)
