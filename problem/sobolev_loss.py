"""The squared Sobolev norm of the error as the loss of a training."""

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from math import ceil
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import Grid, Lanczos, Sites, SiteTransform, make_transform
from freqbias.problem.sample_density import checked_period
from freqbias.problem.training_loss import MOST_RATIO, TrainingLoss, with_mean_1

EPS = 1e-13  # accuracy of the transforms of scattered samples
BEYOND_CUTOFF = 1e-4  # not 0, because Lanczos needs a positive definite P: with 0 it loses its orthogonality
PRODUCTS, MARGIN = 8, 1.05  # for the largest eigenvalue; factor of the Ritz value, which is smaller


class SobolevLoss(TrainingLoss):
    """The squared Sobolev norm of the error,

        L = 1/2 sum_xi (1 + |xi|^2)^s |v(xi)|^2,    v(xi) = sum_j c_j u(x_j) exp(-2 pi i xi.x_j),

    over the frequencies xi of the Fourier series on the box of the samples up to the Nyquist limit of as many samples
    on a grid, or up to |xi| <= cutoff: P = N D E^H diag((1 + |xi|^2)^s) E D, D = diag(c). s > 0 stresses high
    frequencies, s < 0 low ones.

    sites: x_j. order: s, any real number. weights: those of a quadrature, N c_j > 0, (N,), of any mean, which becomes
    1; by default all are equal.
    cutoff: [cycles/length]. Higher frequencies have BEYOND_CUTOFF times the least weight of the others. period: of
    scattered samples on a circle or torus, (d,) [length], by default that of a box a little larger than the one around
    them.
    On a whole grid with equal weights, the discrete Fourier transform diagonalises P, and s = 0 is the mean square.
    Raises InputError if the weights of the frequencies, or those of the samples, differ by a factor of more than 1e12,
    or if there is not one positive weight for each sample, if the cutoff leaves no frequency but 0, or if the period is
    that of a grid or less than the width of the samples.
    """

    def __init__(
        self,
        sites: Sites,
        order: float,
        weights: np.ndarray | None = None,
        *,
        cutoff: float = np.inf,
        period: Sequence[float] | None = None,
    ) -> None:
        self.order, self.cutoff, self._size = order, cutoff, sites.size
        if weights is not None and len(weights := with_mean_1(weights)) != sites.size:
            raise InputError(f"there are {len(weights)} weights for {sites.size} samples; give one for each")
        shape, extent = _series(sites, period)
        frequencies = [np.fft.fftfreq(n, length / n) for n, length in zip(shape, extent, strict=True)]
        squares = np.sum([each**2 for each in np.meshgrid(*frequencies, indexing="ij")], axis=0)
        kept, self._highest = squares <= cutoff**2, float(np.sqrt(squares.max()))
        if kept.sum() == 1 < kept.size:
            raise InputError(
                f"cutoff = {cutoff:g} leaves no frequency but 0; use at least {1 / max(extent):g}, that of one period"
            )
        with np.errstate(over="ignore", under="ignore"):
            factors = (1 + squares) ** order
        self._least = least = factors[kept].min()
        most = factors[kept].max()
        if not 0 < most <= MOST_RATIO * least:
            raise InputError(
                f"order = {order:g}: the weights of the frequencies range from {least:.1e} to {most:.1e}; use an order "
                "closer to 0"
            )
        self._grid = sites.shape if isinstance(sites, Grid) and weights is None else None
        if self._grid is not None:
            self._factors = self._weight(squares)
            self.smallest, self.largest = float(self._factors.min()), float(most)
            return
        self.smallest = None
        self._quadrature = np.full(sites.size, 1 / sites.size) if weights is None else weights / sites.size
        # The Nyquist frequency of an even number of points stands for both signs, so half of each counts.
        nodes = [_both_signs(each, n) for each, n in zip(frequencies, shape, strict=True)]
        xi = np.array(list(product(*(each for each, _ in nodes))))
        shares = np.prod(list(product(*(share for _, share in nodes))), axis=1)
        self._sites, self._xi, self._factors = sites, xi, shares * self.symbol(xi)
        lanczos = Lanczos(self.residual, np.random.default_rng(0).standard_normal(sites.size))
        lanczos.extend(PRODUCTS)
        self.largest = MARGIN * float(lanczos.ritz_pairs()[0][-1])

    @property
    def size(self) -> int:
        return self._size

    @property
    def is_multiplier(self) -> bool:
        return self._grid is not None and self.cutoff == np.inf

    @property
    def warning(self) -> str:
        if self.cutoff < np.inf and self._highest <= self.cutoff:
            return (
                f"[training] cutoff = {self.cutoff:g} has no effect, because the frequencies of the samples go up to "
                f"|xi| = {self._highest:.4g}; use a lower cutoff, or leave it out"
            )
        if self.order <= 0 or self.cutoff < np.inf or self._grid is not None or self._sites.lattice is not None:
            return ""
        return (
            f"[training] order = {self.order:g} stresses the highest frequencies, which scattered samples do not "
            "resolve where they are sparse, and this changes the rates of all frequencies; set cutoff to half the "
            "number of samples per unit length where they are sparsest"
        )

    def symbol(self, frequency: np.ndarray) -> np.ndarray:
        return self._weight((frequency**2).sum(axis=1))

    def _weight(self, squares: np.ndarray) -> np.ndarray:
        """Return the weight of frequencies, from |xi|^2."""
        return np.where(squares <= self.cutoff**2, (1 + squares) ** self.order, BEYOND_CUTOFF * self._least)

    @cached_property
    def _transform(self) -> SiteTransform:
        return make_transform(self._sites, self._xi, eps=EPS)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_transform"}  # it cannot be pickled

    def residual(self, error: np.ndarray) -> np.ndarray:
        rows = error.reshape(-1, self._size)
        if self._grid is not None:
            axes = tuple(range(1, len(self._grid) + 1))
            spectrum = np.fft.fftn(rows.reshape(-1, *self._grid), axes=axes)
            return np.fft.ifftn(self._factors * spectrum, axes=axes).real.reshape(error.shape)
        v = self._transform.to_frequencies(self._quadrature * rows)
        product = self._transform.to_samples(self._factors * v).real
        return np.asarray(self._size * self._quadrature * product).reshape(error.shape)


def _series(sites: Sites, period: Sequence[float] | None = None) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the number of frequencies on each axis, and the period on each axis: those of the grid, or of the box."""
    if period is not None:
        sides = checked_period(sites, period)
        spacing = (np.prod(sides) / sites.size) ** (1 / sites.dimension)
        return tuple(max(1, round(side / spacing)) for side in sides), sides
    if sites.lattice is not None:
        return sites.lattice.shape, sites.lattice.extent
    span = np.maximum(sites.span, 1e-12 * sites.span.max())
    spacing = (np.prod(span) / sites.size) ** (1 / sites.dimension)
    shape = tuple(max(1, ceil(each / spacing)) for each in span)
    return shape, tuple(float(each * (n + 1) / n) for each, n in zip(span, shape, strict=True))


def _both_signs(frequencies: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies and their shares, with the Nyquist frequency of an even count at both signs."""
    shares = np.ones(count)
    if count % 2:
        return frequencies, shares
    shares[count // 2] = 0.5
    return np.append(frequencies, -frequencies[count // 2]), np.append(shares, 0.5)
