"""The uniform grid of samples at cell centres."""

from dataclasses import dataclass
from math import prod

import numpy as np

from freqbias.numerics.sites import Sites


@dataclass(frozen=True)
class Grid(Sites):
    """The cell centres of a box around 0: x_q = (q + 1/2) h - extent/2 on each axis, q = 0 .. n-1, h = extent/n.

    shape: points per axis. extent: length of the box per axis [length].
    Samples are in C order: array axis 0 is x_1.
    """

    shape: tuple[int, ...]
    extent: tuple[float, ...]

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
    def nyquist(self) -> np.ndarray:
        """n_i / (2 extent_i), shape (d,) [cycles/length]. Higher frequencies alias."""
        return np.array(self.shape) / (2 * np.array(self.extent))

    @property
    def reach(self) -> np.ndarray:
        """max_j |x_j,i| per axis, shape (d,) [length]."""
        return np.array([np.abs(axis).max() for axis in self.axes()])

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
