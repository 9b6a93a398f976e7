"""Discrete laws of the frequencies: positional encodings, and fixed features of one's own.

rho_w = mean_j delta_(w_j), made even. `freqbias.problem.density` documents the methods, with shapes and units.
"""

from abc import abstractmethod
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, check_kind, check_number
from freqbias.problem.density import Density

CHUNK = 2**22  # most entries of a matrix of lags and frequencies
MOST_FREQUENCIES = 10**6
MOST_OCTAVES = 40


class DiscreteDensity(Density):
    """rho_w(xi) = 1/(2n) sum_j [delta(xi - w_j) + delta(xi + w_j)],  k(z) = 1/n sum_j cos(2 pi w_j.z).

    A neuron with the frequency -w spans the same functions as a neuron with w, so only the w_j are drawn.
    """

    @abstractmethod
    def frequencies(self, dimension: int) -> np.ndarray:
        """w_j, (n, d) [cycles/length]."""

    def density(self, xi: np.ndarray) -> np.ndarray:
        raise InputError(
            f"{self} is a set of frequencies, so rho_w has no values; use its transform k(z), or its frequencies"
        )

    def transform(self, z: np.ndarray) -> np.ndarray:
        lags, w = z.reshape(-1, z.shape[-1]), 2 * np.pi * self.frequencies(z.shape[-1])
        parts = np.array_split(lags, max(1, len(lags) * len(w) // CHUNK))
        return np.concatenate([np.cos(part @ w.T).mean(axis=1) for part in parts]).reshape(z.shape[:-1])

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        """The first coordinate chooses the frequency: equal parts of (0, 1) belong to w_1, w_2, ..., w_n."""
        w = self.frequencies(unit.shape[-1])
        return w[np.minimum((unit[..., 0] * len(w)).astype(int), len(w) - 1)]

    def maximum(self, dimension: int) -> float:
        return float("inf")

    def tail_maximum(self, radius: float, dimension: int) -> float:
        return float("inf") if radius < self.tail_radius(0.0, dimension) else 0.0

    def tail_radius(self, level: float, dimension: int) -> float:
        return float(np.abs(self.frequencies(dimension)).max())

    def widths(self, dimension: int) -> tuple[float, ...]:
        return ()

    def compact(self, dimension: int) -> bool:
        return True


@dataclass(frozen=True)
class Octaves(DiscreteDensity):
    """Positional encoding: frequencies of the lengths scale 2^j, j = 0 .. count - 1, along fixed directions.

    directions: "axes" for the axes, as in NeRF (arXiv 2003.08934), whose features sin(2^j pi x_i) have the scale 1/2.
    "all" adds the diagonals: all vectors with the components -1, 0 and 1, one of each pair of opposites, scaled to
    length 1. These are 1, 4 and 13 directions in one, two and three dimensions.
    Raises InputError unless the scale is positive and the count a whole number from 1 to 40.
    """

    scale: float  # cycles/length
    count: int
    directions: Literal["axes", "all"] = "axes"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_kind("Octaves: count", self.count, int, np.integer, remedy="the number of octaves, a whole number")
        check_number("Octaves: count", self.count, 1, MOST_OCTAVES, remedy=f"a whole number from 1 to {MOST_OCTAVES}")
        if self.directions not in ("axes", "all"):
            raise InputError(f'Octaves: directions = {self.directions!r}; use "axes", or "all" for the diagonals too')
        if (highest := self.scale * 2.0 ** (self.count - 1)) > LARGEST:
            raise InputError(
                f"Octaves: the highest frequency, scale 2^(count - 1) = {highest:.3g}, exceeds {LARGEST:.0e}; use a "
                "smaller scale or count"
            )

    def frequencies(self, dimension: int) -> np.ndarray:
        lengths = self.scale * 2.0 ** np.arange(self.count)
        return (lengths[:, None, None] * _directions(self.directions, dimension)).reshape(-1, dimension)


@dataclass(frozen=True, eq=False, repr=False)
class Points(DiscreteDensity):
    """Fixed features of one's own: the frequencies w_j, each with the same probability. A repeated row counts twice.

    Raises InputError unless w is an array (n, d) of finite numbers with d = 1, 2 or 3, which are not all 0.
    """

    w: np.ndarray  # (n, d), cycles/length

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            w = np.asarray(self.w)
            w = w.astype(float, casting="safe" if w.dtype.kind == "c" else "unsafe")
        except (TypeError, ValueError) as failure:
            raise InputError(f"Points: the frequencies are not an array of real numbers: {failure}") from failure
        if w.ndim != 2 or not 1 <= len(w) <= MOST_FREQUENCIES or w.shape[1] not in super().dimensions:
            raise InputError(
                f"Points: the frequencies have shape {w.shape}; give one row for each frequency, at most "
                f"{MOST_FREQUENCIES:,}, and one column for each of the 1 to 3 axes"
            )
        if not np.isfinite(w).all() or not 0 < np.abs(w).max() <= LARGEST:
            raise InputError(
                f"Points: the frequencies reach {np.abs(w).max():.3g}; give finite numbers up to {LARGEST:.0e}, "
                "not all of them 0"
            )
        w.setflags(write=False)
        object.__setattr__(self, "w", w)

    def __repr__(self) -> str:
        return f"Points({len(self.w)} frequencies in {self.w.shape[1]}-D)"

    @property
    def dimensions(self) -> tuple[int, ...]:
        return (self.w.shape[1],)

    def frequencies(self, dimension: int) -> np.ndarray:
        return self.w


def _directions(which: str, dimension: int) -> np.ndarray:
    """Return unit vectors, (k, d)."""
    if which == "axes":
        return np.eye(dimension)
    vectors = np.array([v for v in product((1, 0, -1), repeat=dimension) if next((x for x in v if x), 0) > 0])
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
