"""A density tabulated on a grid. `freqbias.problem.density` documents the methods, with shapes and units."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import TINY, Grid, GridTransform, check_kind, check_number
from freqbias.problem.density import Density, Planes, invert_tail
from freqbias.problem.summary import are

ROUNDING = 1e-6  # relative to the largest value; errors of single precision and of an FFT are smaller
CHUNK = 2**22  # numbers in memory at a time
EPS = 1e-14  # accuracy of the non-uniform FFT; near z = 0 rounding adds about 1e-16 per node of an axis


@dataclass(frozen=True, eq=False)
class Table(Density):
    """rho_w(xi) = sum_j values_j prod_i phi_{j_i}(xi_i),  k(z) = Re sum_j values_j prod_i F[phi_{j_i}] (z_i).

    phi_j are the hat functions of an axis, cut off at the ends of the axis. So rho_w is multilinear between the nodes
    of a grid, and 0 if some |xi_i| > half_width_i.

    values: (n_1, ..., n_d), with axis 0 along xi_1, non-negative and even: values[j] = values[n - 1 - j]. They may have
    any unit, because they are normalised.
    half_width: one number for each axis [cycles/length]. The nodes of axis i are evenly spaced from -half_width_i to
    half_width_i, including both ends.
    Raises InputError if the values are not an even density.
    """

    values: np.ndarray
    half_width: tuple[float, ...]

    def __post_init__(self) -> None:
        values = _normalised(np.asarray(self.values, dtype=float))
        check_kind(
            "Table: half_width", self.half_width, Sequence, np.ndarray, remedy="a tuple with one number per axis"
        )
        for number in self.half_width:
            check_number("Table: half_width", number, TINY, remedy="positive numbers, in cycles/length")
        if len(self.half_width) != values.ndim:
            raise InputError(
                f"half_width = {self.half_width}: the table has {values.ndim} axes; give one number for each axis"
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "values", values / self._marginals()[0])

    @property
    def dimensions(self) -> tuple[int, ...]:
        return (self.values.ndim,)

    @property
    def spacing(self) -> tuple[float, ...]:
        """h_i, the distance between the nodes of each axis [cycles/length]."""
        return tuple(2 * r / (n - 1) for r, n in zip(self.half_width, self.values.shape, strict=True))

    def density(self, xi: np.ndarray) -> np.ndarray:
        corners: list[Corner] = [((), np.ones(xi.shape[:-1]))]
        for axis in range(xi.shape[-1]):
            cell, t = self._cell(axis, xi[..., axis])
            corners = _split(corners, cell, t)
        inside = np.all(np.abs(xi) <= self.half_width, axis=-1)
        return np.where(inside, sum(weight * self.values[nodes] for nodes, weight in corners), 0.0)

    def transform(self, z: np.ndarray) -> np.ndarray:
        lags = z.reshape(-1, z.shape[-1])
        k = np.clip(self._transform(lags), -1, 1)
        k[~lags.any(axis=1)] = 1  # exactly 1, since the dual functions of relu contain the root of 1 - k
        return k.reshape(z.shape[:-1])

    def _transform(self, z: np.ndarray) -> np.ndarray:
        """Return k(z), (L,), for z (L, d). Along one axis, with s = 2 pi h z and b(s) = (s - sin s) / s^2,

            sum_j values_j F[phi_j](z) = h sinc^2(h z) Sum_j values_j exp(-2 pi i xi_j z)
                                         + i h b(s) (values_n exp(-2 pi i r z) - values_1 exp(2 pi i r z)),

        where Sum contains half of the first value and half of the last value. For d axes, the product of the d
        expressions is expanded. In each term, an axis contributes all nodes, the first node or the last node. Since the
        values are even, exchanging first and last nodes gives the complex conjugate, so one of both is computed.
        """
        h, r = np.array(self.spacing), np.array(self.half_width)
        last = 1j * h * _end_correction(2 * np.pi * h * z) * np.exp(-2j * np.pi * r * z)
        choices: tuple[tuple[slice | int, np.ndarray], ...] = (
            (slice(None), h * np.sinc(h * z) ** 2),
            (0, last.conj()),
            (-1, last),
        )
        total = np.zeros(len(z))
        for choice in product(choices, repeat=z.shape[1]):
            values = self.values[tuple(nodes for nodes, _ in choice)]
            ends = [nodes for nodes, _ in choice if not isinstance(nodes, slice)]
            if values.any() and (not ends or ends[0] == 0):
                inner = [axis for axis, (nodes, _) in enumerate(choice) if isinstance(nodes, slice)]
                factor = prod(factors[:, axis] for axis, (_, factors) in enumerate(choice))
                term = (factor * _sum_over_nodes(_halved_at_ends(values), z[:, inner], h[inner])).real
                total += 2 * term if ends else term
        return total

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        """Return the quantiles of xi_i given xi_1, ..., xi_{i-1}, one axis after the other."""
        points = unit.reshape(-1, unit.shape[-1])
        parts = _chunks(len(points), max(self.values.shape))
        return np.concatenate([self._from_unit_cube(points[part]) for part in parts]).reshape(unit.shape)

    def _from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        xi = np.empty(unit.shape)
        corners: list[Corner] = [((), np.ones(len(unit)))]
        for axis, marginal in enumerate(self._marginals()[1:]):
            given = sum((weight[:, None] * marginal[nodes] for nodes, weight in corners), np.zeros(1))
            cell, t = _quantile(given, unit[:, axis])
            xi[:, axis] = (cell + t) * self.spacing[axis] - self.half_width[axis]
            corners = _split(corners, cell, t)
        return xi

    def maximum(self, dimension: int) -> float:
        return float(self.values.max())

    def tail_maximum(self, radius: float, dimension: int) -> float:
        return max(self._half_space_maximum(axis, radius) for axis in range(dimension))

    def _half_space_maximum(self, axis: int, radius: float) -> float:
        """Return sup rho_w over xi_i > radius >= 0. By symmetry this is also the supremum over -xi_i > radius.

        rho_w is multilinear. So this supremum is at a node, or where an edge of the grid meets the plane xi_i = radius.
        """
        if radius >= self.half_width[axis]:
            return 0.0
        planes = np.moveaxis(self.values, axis, 0)
        cell, t = self._cell(axis, np.array(radius))
        return float(max(((1 - t) * planes[cell] + t * planes[cell + 1]).max(), planes[cell + 1 :].max()))

    def tail_radius(self, level: float, dimension: int) -> float:
        edges = sorted(set(sum(self.break_planes(dimension), ())))
        return invert_tail(lambda radius: self.tail_maximum(radius, dimension), level, edges)

    def compact(self, dimension: int) -> bool:
        return True

    def break_planes(self, dimension: int) -> Planes:
        return tuple(
            tuple(r * (j / (n - 1)) for j in range((n - 1) % 2, n, 2))
            for r, n in zip(self.half_width, self.values.shape, strict=True)
        )

    def _cell(self, axis: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the index of the cell that contains x, and the position of x in the cell, from 0 to 1."""
        n = self.values.shape[axis]
        position = (x / self.half_width[axis] + 1) * ((n - 1) / 2)
        cell = np.clip(np.floor(position).astype(int), 0, n - 2)
        return cell, np.clip(position - cell, 0, 1)

    def _marginals(self) -> list[np.ndarray]:
        """Return the integrals of rho_w over the last d, d-1, ..., 0 axes, at the nodes of the other axes."""
        marginals = [self.values]
        for h in reversed(self.spacing):
            marginals.append(np.trapezoid(marginals[-1], dx=h, axis=-1))
        return marginals[::-1]


Corner = tuple[tuple[np.ndarray, ...], np.ndarray]  # node indices, one array per axis, and interpolation weights


def _split(corners: list[Corner], cell: np.ndarray, t: np.ndarray) -> list[Corner]:
    """Extend the corners of the cells by one axis. Each corner becomes two corners, one for each end of the cell."""
    ends = ((cell, 1 - t), (cell + 1, t))
    return [((*nodes, node), weight * factor) for nodes, weight in corners for node, factor in ends]


def _quantile(values: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the quantiles of piecewise-linear densities, as a cell and the position t in [0, 1] in the cell.

    values: the densities at the nodes, not normalised, (points, n). unit: the probabilities, (points,).
    In a cell with end values a and b, t solves a t + (b - a) t^2 / 2 = remaining integral.
    """
    below = np.cumsum((values[:, :-1] + values[:, 1:]) / 2, axis=1)
    wanted = unit * below[:, -1]
    cell = np.minimum((below <= wanted[:, None]).sum(axis=1), below.shape[1] - 1)
    rows = np.arange(len(unit))
    a, b = values[rows, cell], values[rows, cell + 1]
    remaining = np.maximum(wanted - below[rows, cell] + (a + b) / 2, 0)
    root = a + np.sqrt(np.maximum(a**2 + 2 * (b - a) * remaining, 0))
    return cell, np.clip(2 * remaining / np.where(root > 0, root, 1.0), 0, 1)


def _end_correction(s: np.ndarray) -> np.ndarray:
    """Return b(s) = (s - sin s) / s^2. For small s, where this formula loses digits, the power series is used."""
    small = np.abs(s) < 1e-2
    t = np.where(small, 1.0, s)
    return np.where(small, s / 6 - s**3 / 120 + s**5 / 5040, (t - np.sin(t)) / t**2)


def _halved_at_ends(values: np.ndarray) -> np.ndarray:
    halved = values.copy()
    for axis in range(values.ndim):
        along = np.moveaxis(halved, axis, 0)
        along[[0, -1]] /= 2
    return halved


def _sum_over_nodes(values: np.ndarray, z: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return sum_j values_j exp(-2 pi i xi_j.z), (L,), for z (L, d).

    The sum is over the nodes, with the coordinates h (j - (n - 1) / 2) on each axis.
    """
    if not values.ndim:
        return values
    nodes = Grid(values.shape, tuple((spacing * values.shape).tolist()))
    return GridTransform(nodes, z, eps=EPS).to_frequencies(values.ravel())


def _chunks(count: int, width: int) -> list[slice]:
    """Return slices of `count` rows, each with at most CHUNK numbers. width: the number of numbers in a row."""
    step = max(1, CHUNK // width)
    return [slice(start, start + step) for start in range(0, max(count, 1), step)]


def _normalised(values: np.ndarray) -> np.ndarray:
    """Return the values divided by their maximum, and exactly even and non-negative.

    Raises InputError if the values differ from even and non-negative ones by more than rounding.
    """
    if not 1 <= values.ndim <= 3 or min(values.shape) < 2:
        raise InputError(f"the table has shape {values.shape}; give 1 to 3 axes with at least 2 nodes each")
    if not np.isfinite(values).all():
        bad = np.argwhere(~np.isfinite(values))
        raise InputError(
            f"{are(len(bad), 'value')} NaN or infinite, the first at index {bad[0].tolist()}; replace these values"
        )
    peak = np.abs(values).max()
    if peak == 0:
        raise InputError("every value is 0; give a density that is not zero everywhere")
    if values.min() < -ROUNDING * peak:
        where = [int(j) for j in np.unravel_index(values.argmin(), values.shape)]
        raise InputError(f"the value at index {where} is {values.min():.6g}; use values of at least 0")
    gap = np.abs(values - np.flip(values))
    if gap.max() > ROUNDING * peak:
        worst = np.unravel_index(gap.argmax(), values.shape)
        raise InputError(
            f"the values at index {[int(j) for j in worst]} and at the opposite node are {values[worst]:.6g} and "
            f"{np.flip(values)[worst]:.6g}, but the density must be even; use the mean of the table and the table "
            f"flipped along all axes"
        )
    return np.maximum((values + np.flip(values)) / (2 * peak), 0)
