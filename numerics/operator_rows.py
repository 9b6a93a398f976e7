"""The rows of a loss with a differential operator L: values L f(x_j) in the interior, and f(x_b) on the boundary.

    row_j = L f(x_j),  j = 1 .. N_r,        row_b = f(x_b),  b = 1 .. N_b.

The transforms between rows and frequencies contain the symbol l of L. With E the transform of the positions,

    to_frequencies:  (E u)_i   = conj(l(xi_i)) sum_j u_j exp(-2 pi i xi_i.x_j) + sum_b u_b exp(-2 pi i xi_i.x_b)
    to_samples:      (E^H c)_j = sum_i l(xi_i) c_i exp(2 pi i xi_i.x_j),  (E^H c)_b = sum_i c_i exp(2 pi i xi_i.x_b)

They are adjoint. With these, the kernel K = Re(E^H A E) / N of the rows has the same form as that of the values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics.differential_operator import DifferentialOperator
from freqbias.numerics.scattered import Positions, Scattered
from freqbias.numerics.sites import Sites
from freqbias.numerics.subset_transform import SiteTransform


@dataclass(frozen=True, eq=False)
class OperatorRows(Sites):
    """The rows L f at the interior sites, then f at the boundary positions.

    operator: L. interior: the N_r sites of the rows L f. boundary: the N_b positions of the rows f, if there are any.
    Raises InputError if the dimensions differ.
    """

    operator: DifferentialOperator
    interior: Sites
    boundary: Positions | None = None

    def __post_init__(self) -> None:
        for name, dimension in (("operator", self.operator.dimension), ("boundary", self._boundary_dimension)):
            if dimension != self.interior.dimension:
                raise InputError(
                    f"the {name} has {dimension} axes, but the samples have {self.interior.dimension}; give it "
                    f"{self.interior.dimension}"
                )

    @property
    def _boundary_dimension(self) -> int:
        return self.interior.dimension if self.boundary is None else self.boundary.dimension

    @property
    def parts(self) -> list[tuple[slice, Sites]]:
        """The places of the rows L f and of the rows f, with their sites."""
        blocks: list[tuple[slice, Sites]] = [(slice(0, self.interior.size), self.interior)]
        return blocks if self.boundary is None else [*blocks, (slice(self.interior.size, self.size), self.boundary)]

    @property
    def sizes(self) -> list[int]:
        """N_r, and N_b if there are boundary positions."""
        return [sites.size for _, sites in self.parts]

    @property
    def dimension(self) -> int:
        return self.interior.dimension

    @property
    def size(self) -> int:
        """N = N_r + N_b."""
        return self.interior.size + (0 if self.boundary is None else self.boundary.size)

    @property
    def volume(self) -> float:
        """Volume of the box around the interior samples [length^d]."""
        return self.interior.volume

    @property
    def reach(self) -> np.ndarray:
        return np.max([sites.reach for _, sites in self.parts], axis=0)

    @property
    def span(self) -> np.ndarray:
        return self._all.span

    @property
    def lattice(self) -> None:
        """None: the rows of a grid do not repeat beyond its Nyquist box, because the symbol does not."""
        return None

    @property
    def nyquist(self) -> np.ndarray:
        """That of the interior sites, whose rows L f have the spectrum that is compared."""
        return self.interior.nyquist

    @property
    def _all(self) -> Scattered:
        return Scattered(self.positions())

    def positions(self) -> np.ndarray:
        return np.concatenate([sites.positions() for _, sites in self.parts])

    def peak_density(self, frequency: float, *, exclude_coincident: bool = False) -> float:
        return self._all.peak_density(frequency, exclude_coincident=exclude_coincident)


def spectrum_part(sites: Sites) -> tuple[slice, Sites]:
    """Return the places and the sites of the samples whose spectrum is compared: the rows L f, or all samples."""
    return sites.parts[0] if isinstance(sites, OperatorRows) else (slice(0, sites.size), sites)


class OperatorTransform:
    """E and E^H between the rows and frequencies (n, d) [cycles/length].

    make: returns the transform of a part's sites. xp: the module of the arguments and the results, NumPy or CuPy.
    """

    def __init__(
        self, rows: OperatorRows, frequencies: np.ndarray, make: Callable[[Sites], SiteTransform], xp: Any = np
    ) -> None:
        self._rows, self._xp, self._symbol = rows, xp, xp.asarray(rows.operator.symbol(frequencies))
        self._transforms = [make(sites) for _, sites in rows.parts]

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """(E u)_i: (..., N) real or complex -> (..., n) complex."""
        interior, *boundary = (
            transform.to_frequencies(self._xp.ascontiguousarray(values[..., where]))
            for (where, _), transform in zip(self._rows.parts, self._transforms, strict=True)
        )
        result: np.ndarray = self._symbol.conj() * interior
        for each in boundary:
            result += each
        return result

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """(E^H c)_q: (..., n) -> (..., N) complex."""
        interior, *boundary = self._transforms
        amplitudes = self._xp.ascontiguousarray(amplitudes)
        values = [interior.to_samples(self._symbol * amplitudes), *(each.to_samples(amplitudes) for each in boundary)]
        result: np.ndarray = self._xp.concatenate(values, axis=-1)
        return result
