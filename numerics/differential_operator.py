"""Linear differential operators with constant coefficients, L = sum_alpha c_alpha d^alpha.

alpha is a multi-index, one order of derivative for each axis. On waves L is the product with its symbol,

    L exp(2 pi i xi.x) = l(xi) exp(2 pi i xi.x),    l(xi) = sum_alpha c_alpha (2 pi i xi)^alpha.

The coefficients are real, so l(-xi) is the conjugate of l(xi).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from freqbias.errors import InputError

MOST_ORDER = 4  # of derivatives; the kernel contains the symbol squared, whose rounding errors grow with the order
Index = tuple[int, ...]


@dataclass(frozen=True)
class DifferentialOperator:
    """L = sum_alpha c_alpha d^alpha in d dimensions.

    terms: c_alpha by the multi-index alpha [unit of f times length^|alpha|]. A coefficient of 0 is left out.
    Raises InputError if no term is left, if the multi-indices have different lengths, if an order is above MOST_ORDER,
    or if a coefficient is not finite.
    """

    terms: Mapping[Index, float]

    def __post_init__(self) -> None:
        terms = {tuple(alpha): float(c) for alpha, c in sorted(self.terms.items()) if c != 0}
        if not terms:
            raise InputError("the operator is 0; give at least one term with a coefficient other than 0")
        if not all(isfinite(c) for c in terms.values()):
            raise InputError(f"operator: the coefficients are {list(terms.values())}; give finite numbers")
        if len({len(alpha) for alpha in terms}) != 1 or not 1 <= len(next(iter(terms))) <= 3:
            raise InputError("operator: give each multi-index one order of derivative for each of 1 to 3 axes")
        if max(map(sum, terms)) > MOST_ORDER or min(map(min, terms)) < 0:
            raise InputError(
                f"operator: the orders of the derivatives go up to {max(map(sum, terms))}; use orders from 0 to "
                f"{MOST_ORDER}"
            )
        object.__setattr__(self, "terms", terms)

    @property
    def dimension(self) -> int:
        return len(next(iter(self.terms)))

    @property
    def order(self) -> int:
        """max |alpha|."""
        return max(map(sum, self.terms))

    def symbol(self, xi: np.ndarray) -> np.ndarray:
        """Return l(xi), (n,) complex. xi: (n, d) [cycles/length]."""
        waves = 2j * np.pi * xi
        return np.asarray(sum(c * np.prod(waves ** np.array(alpha), axis=1) for alpha, c in self.terms.items()))

    def symbol_gradient(self, xi: np.ndarray) -> np.ndarray:
        """Return the gradient of l, (n, d) complex. xi: (n, d) [cycles/length]."""
        waves, gradient = 2j * np.pi * xi, np.zeros(xi.shape, dtype=complex)
        for axis, alpha, factor in self._derivatives():
            gradient[:, axis] += factor * np.prod(waves**alpha, axis=1)
        return gradient

    def slope_squares(self, xi: np.ndarray, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return sum_n weights_n |grad w_x(xi_n)|^2, w_x(xi) = l(xi) exp(2 pi i xi.x), at P positions, (..., P).

        grad w_x = (grad l + 2 pi i x l) exp(2 pi i xi.x). xi: (n, d) [cycles/length]. weights: (..., n). x: (P, d).
        """
        symbol, gradient = self.symbol(xi), self.symbol_gradient(xi)
        constant = np.asarray(weights @ (np.abs(gradient) ** 2).sum(axis=1))
        square = np.asarray(weights @ np.abs(symbol) ** 2)
        mixed = weights @ (gradient * symbol.conj()[:, None]).imag
        distances = 4 * np.pi**2 * (x**2).sum(axis=1)
        return np.asarray(constant[..., None] + 4 * np.pi * mixed @ x.T + square[..., None] * distances)

    def _derivatives(self) -> Iterator[tuple[int, np.ndarray, complex]]:
        """Yield (i, alpha - e_i, 2 pi i alpha_i c_alpha) for every term that depends on xi_i."""
        for alpha, c in self.terms.items():
            for axis in np.flatnonzero(alpha):
                lower = np.array(alpha)
                lower[axis] -= 1
                yield int(axis), lower, 2j * np.pi * alpha[axis] * c

    def __str__(self) -> str:
        return " ".join(_term(alpha, c, first=not i) for i, (alpha, c) in enumerate(self.terms.items()))


def _term(alpha: Index, coefficient: float, *, first: bool) -> str:
    sign = "-" if coefficient < 0 else "" if first else "+"
    size, letters = f"{abs(coefficient):g}", "".join(axis * n for axis, n in zip("xyz", alpha, strict=False))
    if letters:
        size = f"d{letters}" if size == "1" else f"{size} d{letters}"
    return f"{sign}{size}" if first else f"{sign} {size}"
