"""Positions of the samples: the interface of all sites, and the uniform grid at cell centres.

`freqbias.numerics.grid_subset` has parts of a grid, and `freqbias.numerics.scattered` all other sites.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics.arguments import per_axis_numbers

SMALLEST, LARGEST = 1e-12, 1e12  # limits of quantities with a unit; their products fit single precision


class Sites(ABC):
    """The positions x_j of N samples in d dimensions, in the coordinates of the network's input."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d, the number of axes."""

    @property
    @abstractmethod
    def size(self) -> int:
        """N, the number of samples."""

    @property
    @abstractmethod
    def volume(self) -> float:
        """Volume of the box around the samples [length^d]."""

    @property
    @abstractmethod
    def reach(self) -> np.ndarray:
        """max_j |x_j,i| per axis, shape (d,) [length]. On a part of a grid, the maximum is over the whole grid."""

    @property
    @abstractmethod
    def span(self) -> np.ndarray:
        """max_j x_j,i - min_j x_j,i per axis, shape (d,) [length]. On a part of a grid, that of the whole grid."""

    @property
    @abstractmethod
    def lattice(self) -> "Grid | None":
        """The grid that contains all sites, or None.

        On a lattice, exp(-2 pi i xi.x_j) repeats beyond the Nyquist box |xi_i| <= n_i / (2 extent_i) up to a sign.
        """

    @property
    def nyquist(self) -> np.ndarray:
        """The frequency above which aliasing begins, shape (d,) [cycles/length].

        It is n_i / (2 extent_i) of the lattice, or infinite if the sites are not on a lattice.
        """
        lattice = self.lattice
        if lattice is None:
            return np.full(self.dimension, np.inf)
        return np.array(lattice.shape) / (2 * np.array(lattice.extent))

    @property
    def closest_density(self) -> float:
        """1 / (N cell volume), the density of neighbours on the lattice, an upper bound of the density of the samples.

        It is infinite if the sites are not on a lattice [1/length^d].
        """
        lattice = self.lattice
        return float("inf") if lattice is None else lattice.size / (self.size * lattice.volume)

    @abstractmethod
    def positions(self) -> np.ndarray:
        """All positions x_j, shape (N, d) [length]."""

    @abstractmethod
    def peak_density(self, frequency: float, *, exclude_coincident: bool = False) -> float:
        """Return the largest density of the samples, as waves up to this frequency resolve it [1/length^d].

        The density is rho_data = mean_j delta(x - x_j).
        exclude_coincident: whether the density around a sample leaves out all samples at that position.
        """


@dataclass(frozen=True)
class Grid(Sites):
    """The cell centres of a box around 0: x_q = (q + 1/2) h - extent/2 on each axis, q = 0 .. n-1, h = extent/n.

    shape: points per axis. extent: length of the box per axis [length].
    Samples are in C order: array axis 0 is x_1.
    Raises InputError unless shape has 1 to 3 positive whole numbers, and extent as many positive numbers.
    """

    shape: tuple[int, ...]
    extent: tuple[float, ...]

    def __post_init__(self) -> None:
        points = "the number of points on each axis, for example shape = (64, 48)"
        lengths = "a positive length for each axis, for example extent = (4.0, 3.0)"
        object.__setattr__(self, "shape", per_axis_numbers("shape", self.shape, whole=True, remedy=points))
        object.__setattr__(self, "extent", per_axis_numbers("extent", self.extent, whole=False, remedy=lengths))
        if len(self.shape) != len(self.extent):
            raise InputError(f"shape = {self.shape} and extent = {self.extent}; give both one number for each axis")

    @property
    def dimension(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def spacing(self) -> np.ndarray:
        """h, shape (d,) [length]."""
        return np.array(self.extent) / np.array(self.shape)

    @property
    def volume(self) -> float:
        """prod_i extent_i, the volume of the box [length^d]."""
        return prod(self.extent)

    @property
    def reach(self) -> np.ndarray:
        """max_j |x_j,i| per axis, shape (d,) [length]."""
        return np.array([np.abs(axis).max() for axis in self.axes()])

    @property
    def span(self) -> np.ndarray:
        return np.array([np.ptp(axis) for axis in self.axes()])

    @property
    def lattice(self) -> "Grid":
        return self

    def peak_density(self, frequency: float, *, exclude_coincident: bool = False) -> float:
        """1 / volume, because the samples fill the box evenly.

        Waves shorter than the spacing resolve single samples. Then it is the density of a sample in a cell of width
        1 / frequency.
        """
        single = 0.0 if exclude_coincident else frequency**self.dimension / self.size
        return max(1 / self.volume, single)

    def axes(self) -> list[np.ndarray]:
        """The coordinates on each axis: d arrays of shape (n_i,) [length]."""
        return [
            (np.arange(n) + 0.5) * (extent / n) - extent / 2 for n, extent in zip(self.shape, self.extent, strict=True)
        ]

    def positions(self) -> np.ndarray:
        """All positions x_j, shape (N, d) [length], in C order."""
        return np.stack([axis.ravel() for axis in np.meshgrid(*self.axes(), indexing="ij")], axis=-1)
