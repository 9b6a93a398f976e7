"""Exact kernels of the rows of a differential operator, from the derivatives of the Gaussian kernel by SymPy.

K(x, x') = L_x L'_x' [(r_a + r_w sigma_a^2 4 pi^2 x.x') k(x - x')],    k(z) = exp(-2 pi^2 sigma^2 |z|^2).
"""

from collections.abc import Callable

import numpy as np
import sympy

Operator = Callable[[sympy.Expr, tuple[sympy.Symbol, ...]], sympy.Expr]


def identity(f: sympy.Expr, x: tuple[sympy.Symbol, ...]) -> sympy.Expr:
    return f


def gaussian_kernel(
    blocks: list[tuple[Operator, np.ndarray]], sigma: float, sigma_a: float, rates: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    """Return K between all rows, (N, N). blocks: for each, L, and the positions (n, d)."""
    d = blocks[0][1].shape[1]
    x, y = (sympy.symbols(f"{name}0:{d}", real=True) for name in "xy")
    k = sympy.exp(-2 * sympy.pi**2 * sigma**2 * sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    moment = 4 * sympy.pi**2 * sigma_a**2 * sum(a * b for a, b in zip(x, y, strict=True))
    kernel = (rates[0] + rates[1] * moment) * k
    rows = []
    for one, at in blocks:
        row = []
        for other, elsewhere in blocks:
            expression = sympy.lambdify((*x, *y), one(other(kernel, y), x), "numpy")
            left, right = at[:, None, :], elsewhere[None, :, :]
            arguments = [*np.moveaxis(left, -1, 0), *np.moveaxis(right, -1, 0)]
            row.append(np.broadcast_to(expression(*arguments), (len(at), len(elsewhere))))
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows, axis=0)
