"""The data operator of laws that are sums of point masses, as those of a positional encoding.

    damping = sum_q g_q delta(xi - xi_q),    diffusion = sum_q h_q delta(xi - xi_q)

Integrated by parts against the waves of the samples, A v needs v and its gradient at the frequencies xi_q only. With
E_qj = exp(-2 pi i xi_q.x_j), and X_i the diagonal matrix of the coordinates x_j,i,

    K = 1/N Re(E^H diag(g) E) + 4 pi^2 / N sum_i X_i Re(E^H diag(h) E) X_i.

No mesh is involved, so K is exact. The mesh has only the values of v that are written. The rest is as in
`freqbias.pde.data_operator`. In parallel, the point masses are distributed.
"""

import numpy as np

from freqbias.numerics import Sites
from freqbias.pde.data_operator import DataOperator, Product
from freqbias.problem import DiscreteLaw, Law


class PointOperator(DataOperator):
    """The exact kernel K of discrete laws."""

    def _rows(self, sites: Sites) -> Product:
        laws, (x, y) = self.problem.laws, (self._on_device(each.positions().T) for each in (self.problem.sites, sites))
        damping, diffusion = self._convolution(laws.damping, sites), self._convolution(laws.diffusion, sites)

        def product(u: np.ndarray) -> np.ndarray:
            moments = [y_i * diffusion(x_i * u) for x_i, y_i in zip(x, y, strict=True)]
            return damping(u) + 4 * np.pi**2 * sum(moments)

        return product

    def _convolution(self, law: Law, sites: Sites) -> Product:
        """Return u -> 1/N Re sum_q weight_q exp(2 pi i xi_q.y) sum_j exp(-2 pi i xi_q.x_j) u_j, on this rank."""
        assert isinstance(law, DiscreteLaw)
        if law.integral == 0:
            zero = self._on_device(np.zeros(sites.size))
            return lambda u: zero
        frequencies, weights = (part[self.comm.rank :: self.comm.size] for part in law.point_masses(self.problem.sites))
        samples, targets = (self._product_transform(frequencies, each) for each in (self.problem.sites, sites))
        weights = self._on_device(weights)
        return lambda u: targets.to_samples(weights * samples.to_frequencies(u)).real / len(u)
