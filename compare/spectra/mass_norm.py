"""The L2 norm on the frequency mesh, within the Nyquist box or another box |xi_i| <= limit_i:

    ||f||^2 = integral over mesh and box of |f_h|^2 dxi,    f_h = sum_i f_i phi_i.

phi_i is the Lagrange basis with Gauss-Lobatto points. So ||f||^2 = f^H M f, where M is the mass matrix of the part of
the mesh inside the box. `freqbias.compare.spectra.quadrature` computes the integrals.
"""

from collections.abc import Iterator

import numpy as np

from freqbias.compare.spectra.quadrature import Block, Quadrature

MAX_ENTRIES = 2**22  # largest number of complex numbers in memory during a norm: 64 MiB


def symmetric_box(limit: np.ndarray | None, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds -limit and limit of a box, (d,) [cycles/length] each. limit: None for no limit."""
    high = np.full(dimension, np.inf) if limit is None else np.asarray(limit, dtype=float)
    return -high, high


class MassNorm:
    """The norm ||f|| of values f on the nodes of a mesh, within the box |xi_i| <= limit_i.

    frequency: the nodes (n, d) [cycles/length]. cells (c, k), cell_type, degree: see `problem.Spectrum`.
    limit (d,) [cycles/length]: None for no limit.
    """

    def __init__(
        self, frequency: np.ndarray, cells: np.ndarray, cell_type: str, degree: int, *, limit: np.ndarray | None = None
    ) -> None:
        box = symmetric_box(limit, frequency.shape[1])
        self._quadrature = Quadrature(frequency, cells, cell_type, degree, boxes=[box])

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return ||f|| of real or complex nodal values, (..., n) -> (...)."""
        rows = values.reshape(-1, values.shape[-1])
        squares = np.zeros(len(rows))
        for block, part in chunks(self._quadrature):
            for i, square in enumerate(weighted_squares(self._quadrature, block, part, rows)):
                squares[i] += square.sum()
        return np.sqrt(squares).reshape(values.shape[:-1])


def chunks(quadrature: Quadrature) -> Iterator[tuple[Block, slice]]:
    """Yield every block together with a slice of its cells, so that each slice of cells fits in memory."""
    for block in quadrature.blocks:
        chunk = max(1, MAX_ENTRIES // block.basis.size)
        for first in range(0, len(block.cells), chunk):
            yield block, slice(first, first + chunk)


def weighted_squares(quadrature: Quadrature, block: Block, part: slice, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield weight |f_h|^2 at the points of a part of a block, (c, Q), for each row of the nodal values (R, n)."""
    nodes = quadrature.cells[block.cells[part]]
    for row in rows:
        on_cells = row[nodes]  # separate real and imaginary parts: products with the real basis are then cheaper
        parts = (on_cells.real, on_cells.imag) if np.iscomplexobj(row) else (on_cells,)
        yield block.weights[part] * sum((values @ block.basis.T) ** 2 for values in parts)
