"""The kernel of the rows of a differential operator L at infinite width, as a sum over frequencies.

With the symbol l of L on the rows L f, l = 1 on the rows f, and w_x(xi) = l(xi) exp(2 pi i xi.x),

    K(x, x') = Re integral damping w_x conj(w_x') + diffusion grad w_x . conj(grad w_x') dxi + atom l(0) l'(0).

This is L_x L'_x' of K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x'). The integrals are sums over the frequencies of
`law_series.symbol_quadrature`, with grad w_x = (grad l + 2 pi i x l) exp(2 pi i xi.x).
"""

from math import pi

import numpy as np

from freqbias.numerics import OperatorRows, Sites
from freqbias.problem.discrete_law import DiscreteLaw
from freqbias.problem.law_series import symbol_quadrature
from freqbias.problem.laws import Law, Laws
from freqbias.problem.training_loss import TrainingLoss


def quadrature(law: Law, rows: OperatorRows, span: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies (n, d) and weights (n,) that integrate the law for positions that differ by up to span."""
    if isinstance(law, DiscreteLaw) and law.linear:
        return law.point_masses(rows.interior)
    return symbol_quadrature(law, span, rows.operator)


def ntk_weights(laws: Laws, rows: OperatorRows) -> tuple[float, ...]:
    """Return the weight of each block in the loss, tr K / tr K_b, where K_b is the kernel of block b alone.

    These are the weights of Wang, Yu, Perdikaris, When and why PINNs fail to train: a neural tangent kernel
    perspective, Journal of Computational Physics 449 (2022), at t = 0 and infinite width.
    """
    traces = [size * mean for size, mean in zip(rows.sizes, mean_diagonals(laws, rows), strict=True)]
    return tuple(sum(traces) / trace for trace in traces)


def mean_diagonals(laws: Laws, rows: OperatorRows) -> list[float]:
    """Return the mean of K(x, x) over the rows of each block: L f, and f if there are boundary positions."""
    diagonal = kernel_diagonal(laws, rows, rows.span)
    return [float(diagonal[where].mean()) for where, _ in rows.parts]


def kernel_diagonal(laws: Laws, sites: Sites, span: np.ndarray) -> np.ndarray:
    """Return K(x, x) at all sites, (N,). On rows of an operator these are the integrals of

        damping |l|^2 + diffusion |grad l + 2 pi i x l|^2,

    and the atom times l(0)^2. span: the width of the box of all data, (d,) [length]; the sites may be few of them.
    """
    origin = np.zeros((1, sites.dimension))
    distances = 4 * pi**2 * (sites.positions() ** 2).sum(axis=1)
    diagonal = np.asarray(laws.damping.transform(origin) + laws.atom + distances * laws.diffusion.transform(origin))
    if isinstance(sites, OperatorRows):
        operator, interior = sites.operator, slice(0, sites.interior.size)
        xi, weights = quadrature(laws.damping, sites, span)
        values = weights @ np.abs(operator.symbol(xi)) ** 2 + laws.atom * operator.symbol(origin).real[0] ** 2
        xi, weights = quadrature(laws.diffusion, sites, span)
        diagonal[interior] = values + operator.slope_squares(xi, weights, sites.interior.positions())
    return diagonal


def decay_rate_bound(laws: Laws, rows: OperatorRows, loss: TrainingLoss) -> float:
    """Return tr(K P) / N, an upper bound of the decay rates [1/time]. loss: gives P, which is diagonal."""
    factors = loss.residual(np.ones(rows.size))
    return sum(
        factors[where].sum() / rows.size * mean
        for (where, _), mean in zip(rows.parts, mean_diagonals(laws, rows), strict=True)
    )


def growth(rows: OperatorRows, loss: TrainingLoss, radius: float) -> float:
    """Return sup |l|^2 P over the rows and |xi_i| <= radius, or more: the factor by which the rows magnify a law."""
    factors = loss.residual(np.ones(rows.size))
    largest = sum(abs(c) * (2 * pi * radius) ** sum(alpha) for alpha, c in rows.operator.terms.items())
    return max(
        float(factors[where].max()) * (1.0 if block else largest**2) for block, (where, _) in enumerate(rows.parts)
    )
