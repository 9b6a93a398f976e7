"""Products with the kernel at infinite width on the rows of a differential operator (`problem.operator_kernel`).

With the frequencies xi_n and weights g_n, h_n that integrate damping and diffusion, and w_x = l exp(2 pi i xi.x),

    sum_j K(y_q, x_j) u_j = Re sum_n g_n w_y(xi_n) sum_j conj(w_j(xi_n)) u_j
                          + Re sum_n h_n sum_i D_i w_y(xi_n) sum_j conj(D_i w_j(xi_n)) u_j
                          + atom l_y(0) sum_j l_j(0) u_j,

where D_i = d/dxi_i, so D_i w_x = (D_i l + 2 pi i x_i l) exp(2 pi i xi.x).
"""

from functools import partial

import numpy as np

from freqbias.numerics import OperatorRows, Scattered, Sites, make_transform
from freqbias.problem.laws import Laws
from freqbias.problem.operator_kernel import quadrature


class RowDerivatives:
    """The sums with D_i w between rows, or plain sites, and frequencies (n, d) [cycles/length]."""

    def __init__(self, sites: Sites, frequencies: np.ndarray, threads: int) -> None:
        make = partial(make_transform, frequencies=frequencies, threads=threads)
        self._turns, self._size = 2 * np.pi * sites.positions().T, sites.size  # 2 pi x_i, (d, N)
        self._rows, self._interior = make(sites), None
        if isinstance(sites, OperatorRows):
            self._interior, self._count = make(sites.interior), sites.interior.size
            self._gradient = sites.operator.symbol_gradient(frequencies).T  # D_i l, (d, n)

    def to_frequencies(self, values: np.ndarray) -> np.ndarray:
        """Return sum_j conj(D_i w_j) u_j, (..., N) -> (..., d, n)."""
        sums = -1j * self._rows.to_frequencies(self._turns * values[..., None, :])
        if self._interior is None:
            return sums
        plain = self._interior.to_frequencies(np.ascontiguousarray(values[..., : self._count]))
        return np.asarray(sums + self._gradient.conj() * plain[..., None, :])

    def to_samples(self, amplitudes: np.ndarray) -> np.ndarray:
        """Return Re sum_i sum_n D_i w_q(xi_n) c_in, (..., d, n) -> (..., N)."""
        sums = (1j * self._turns * self._rows.to_samples(amplitudes)).sum(axis=-2).real
        if self._interior is not None:
            plain = self._interior.to_samples(np.ascontiguousarray((self._gradient * amplitudes).sum(axis=-2))).real
            sums[..., : self._count] += plain
        return np.asarray(sums)


class OperatorConvolution:
    """The map of u, (..., N), to sum_j K(y_q, x_j) u_j, (..., P).

    rows: give the operator. sites: the rows or sites of the N samples. targets: the rows or sites y_q.
    """

    def __init__(self, laws: Laws, rows: OperatorRows, sites: Sites, targets: Sites, *, threads: int = 1) -> None:
        everywhere = OperatorRows(rows.operator, Scattered(_distinct_positions(rows, sites, targets)))
        xi, self._damping = quadrature(laws.damping, everywhere, everywhere.span)
        self._from, self._to = (make_transform(each, xi, threads=threads) for each in (sites, targets))
        xi, self._diffusion = quadrature(laws.diffusion, everywhere, everywhere.span)
        self._pull, self._push = (RowDerivatives(each, xi, threads) for each in (sites, targets))
        self._atom = laws.atom
        self._constant, self._target_constant = (_of_constant(each) for each in (sites, targets))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        result = self._to.to_samples(self._damping * self._from.to_frequencies(values)).real
        result = result + self._push.to_samples(self._diffusion * self._pull.to_frequencies(values))
        return result + self._atom * np.multiply.outer(values @ self._constant, self._target_constant)


def _distinct_positions(*groups: Sites) -> np.ndarray:
    return np.concatenate([sites.positions() for sites in {id(each): each for each in groups}.values()])


def _of_constant(sites: Sites) -> np.ndarray:
    """Return the rows of the constant 1, (N,): l(0), and 1 for values."""
    result = np.ones(sites.size)
    if isinstance(sites, OperatorRows):
        result[: sites.interior.size] = sites.operator.symbol(np.zeros((1, sites.dimension))).real[0]
    return result
