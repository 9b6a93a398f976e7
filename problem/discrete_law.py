"""Laws of networks with a discrete set of frequencies: sums of point masses."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.numerics import Grid, Sites, make_tensor_transform
from freqbias.problem.density import Planes
from freqbias.problem.discrete_density import DiscreteDensity
from freqbias.problem.laws import Law

CHUNK = 2**22  # most entries of a matrix of frequencies and point masses


@dataclass(frozen=True, eq=False)
class DiscreteLaw(Law):
    """A law with transform = g(k) - g(0), where k is the transform of a discrete density.

    series: g, a function that can be pickled. linear: whether g is linear, as for two layers. Then the point masses are
    at the frequencies of the density. Otherwise they are at all sums of these frequencies, which are too many to list.
    """

    density: DiscreteDensity
    series: Callable[[np.ndarray], np.ndarray]
    dimension: int
    linear: bool = False

    def value(self, xi: np.ndarray) -> np.ndarray:
        return self.density.density(xi)  # raises InputError

    def transform(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(self.series(self.density.transform(z)) - self.series(np.zeros(1)))

    @property
    def maximum(self) -> float:
        return float("inf")

    @property
    def integral(self) -> float:
        return float((self.series(np.ones(1)) - self.series(np.zeros(1)))[0])

    def tail_radius(self, level: float) -> float:
        return self.density.tail_radius(level, self.dimension) if self.linear else float("inf")

    @property
    def widths(self) -> tuple[float, ...]:
        return ()

    @property
    def constant(self) -> bool:
        return False

    @property
    def discrete(self) -> bool:
        return True

    @property
    def compact(self) -> bool:
        return self.linear

    @property
    def break_planes(self) -> Planes:
        return ((),) * self.dimension

    @property
    def break_radii(self) -> tuple[float, ...]:
        return ()

    def point_masses(self, sites: Sites) -> tuple[np.ndarray, np.ndarray]:
        """Return frequencies (q, d) [cycles/length] and weights (q,), so that for all differences z of the sites

            transform(z) = sum_q weight_q cos(2 pi xi_q.z).

        If the law is not linear, the frequencies are those of the discrete Fourier transform of a grid of twice the
        size, and a weight may be negative. Then the sites must be on a grid.
        """
        if self.linear:
            w = self.density.frequencies(self.dimension)
            return w, np.full(len(w), self.integral / len(w))
        assert sites.lattice is not None  # checked with the mesh
        spacing, shape = sites.lattice.spacing, tuple(2 * n for n in sites.lattice.shape)
        lags = [np.fft.fftfreq(n, 1 / n) * h for n, h in zip(shape, spacing, strict=True)]
        weights = np.fft.fftn(self.transform(np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1))).real
        axes = [np.fft.fftfreq(n, h) for n, h in zip(shape, spacing, strict=True)]
        frequencies = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return frequencies.reshape(-1, self.dimension), weights.ravel() / weights.size


def resolved_law(law: Law, sites: Sites, xi: np.ndarray) -> np.ndarray:
    """Return the law at frequencies (n, d) as the samples resolve it, (n,):

        volume sum_q weight_q |W(xi - xi_q)|^2,    W(zeta) = mean_j exp(-2 pi i zeta.x_j),

    where xi_q and weight_q are the point masses. Divided by the volume of the box of the samples, it is the decay rate
    of the wave exp(2 pi i xi.x) if waves of different frequencies do not mix. For scattered samples, W is that of
    samples that fill their box evenly, W(zeta) = prod_i sinc(zeta_i extent_i).
    """
    assert isinstance(law, DiscreteLaw)
    if sites.lattice is None:
        points, weights = law.point_masses(sites)
        result = np.empty(len(xi))
        for part in np.array_split(np.arange(len(xi)), max(1, len(xi) * len(points) // CHUNK)):
            distances = xi[part, None] - points * np.array([1, -1])[:, None, None, None]  # the law is even
            result[part] = (np.sinc(distances * sites.span).prod(axis=-1) ** 2).mean(axis=0) @ weights
        return sites.volume * result
    # The mean over all pairs of samples with the difference z; on a part of a grid, as if the samples filled the grid.
    shape, spacing = tuple(2 * n - 1 for n in sites.lattice.shape), sites.lattice.spacing
    differences = Grid(shape, tuple((np.array(shape) * spacing).tolist()))
    series = law.transform(differences.positions()).reshape(shape)
    pairs = [1 - np.abs(z) / extent for z, extent in zip(differences.axes(), sites.lattice.extent, strict=True)]
    for share in np.ix_(*pairs):
        series = series * share
    sums = make_tensor_transform(differences, xi).to_frequencies(series.ravel()).real
    return np.asarray(sums * sites.volume / sites.lattice.size)
