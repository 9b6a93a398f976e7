"""The training error in bands of |xi| as a function of the number of steps, from one Krylov space.

    E_b(s) = sum over the frequencies xi of band b of |v(xi)|^2,    v(xi) = mean_j u(x_j) exp(-2 pi i xi.x_j),

on the frequencies k / L that the samples resolve, where L is their extent. With the Krylov space span V of the kernel
and the spectra F V of its basis, E_b(s) = y^T G_b y, where u = V y after s steps of gradient descent
(`freqbias.nn.predicted_curve`), and G_b = Re (F_b V)^H F_b V. So every number of steps costs only small dense products.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from freqbias.nn.budget import Budget
from freqbias.nn.krylov_curve import TINY, KrylovCurve, ProductPair
from freqbias.numerics import EUCLIDEAN, Metric, Sites, make_tensor_transform, resolved_frequencies, spectrum_part

ROUNDING = 1e-9  # of a frequency
FARTHEST = 1e3  # times the largest number of steps: a band that is not learnt counts as halved then


class BandCurve(KrylovCurve):
    """The error in bands of |xi|, relative to its start, for a kernel and its u(0).

    sites: the training samples. edges: of the bands, (B + 1,) [cycles/length], increasing; each must contain a
    frequency. budget: the largest number of steps for which the curve is needed. metric: the inner product of P.
    callback: called before every product. converged: whether `halving` has converged.
    """

    def __init__(
        self,
        kernel: ProductPair,
        sites: Sites,
        edges: np.ndarray,
        *,
        budget: Budget,
        metric: Metric = EUCLIDEAN,
        callback: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(kernel, callback, metric)
        assert budget.steps is not None
        self._budget, self._most, self._bands = budget, budget.steps, BandSpectra(sites, edges)
        self._spectra: list[np.ndarray] = []  # of each vector of the basis, (C, n)
        self.converged = self._grow(self._measure)

    @property
    def energy(self) -> np.ndarray:
        """E_b at the start, (B,), up to a common factor."""
        return self._gram[:, 0, 0] * self._lanczos.norm**2

    def amplitude(self, steps: int) -> np.ndarray:
        """Return sqrt(E_b(s) / E_b(0)) after s steps, (B,)."""
        decay = self.decay(replace(self._budget, steps=steps))(self._eigenvalues)
        y = self._vectors @ (decay * self._vectors[0])
        energy = np.einsum("i,bij,j->b", y, self._gram, y)
        return np.sqrt(np.maximum(energy, 0) / np.maximum(self._gram[:, 0, 0], TINY))

    def halving(self) -> np.ndarray:
        """Return the number of steps after which the error in each band is half of its start, (B,).

        It is interpolated between whole numbers. If the error is more than half after the largest number of steps,
        the number is extrapolated from the mean rate until then.
        """
        return np.array([self._halving(band) for band in range(len(self._gram))])

    def _halving(self, band: int) -> float:
        low, high = 0, 1
        while high < self._most and self.amplitude(high)[band] > 0.5:
            low, high = high, min(2 * high, self._most)
        while high - low > 1 and self.amplitude(high)[band] <= 0.5:
            middle = (low + high) // 2
            low, high = (middle, high) if self.amplitude(middle)[band] > 0.5 else (low, middle)
        return halving(np.array([low, high]), np.array([self.amplitude(low)[band], self.amplitude(high)[band]]))

    def _measure(self) -> tuple[np.ndarray, np.ndarray, bool]:
        known, count = len(self._spectra), self.products
        rows = self._lanczos.basis[known:count].reshape(count - known, *self._shape)
        self._spectra += list(self._bands.transform(rows))
        self._gram = np.array([_gram(part) for part in self._bands.parts(np.array(self._spectra))])
        halving = self.halving()
        return halving, halving, True


def _gram(spectra: np.ndarray) -> np.ndarray:
    """Return Re sum conj(F v_i) F v_j over channels and frequencies, (m, m), from (m, C, n)."""
    rows = spectra.reshape(len(spectra), -1)
    return np.asarray((rows.conj() @ rows.T).real)


class BandSpectra:
    """Spectra of errors on some sites, in bands of |xi|. On rows of an operator they are those of the rows L f.

    edges: of the bands, (B + 1,) [cycles/length], increasing.
    """

    def __init__(self, sites: Sites, edges: np.ndarray) -> None:
        self._places, part = spectrum_part(sites)
        xi = resolved_frequencies(part)
        radius = np.linalg.norm(xi, axis=1)
        edges = np.asarray(edges) * (1 + ROUNDING * np.r_[-np.ones(len(edges) - 1), 1])  # an edge like 0.3 is no float
        inside = (radius >= edges[0]) & (radius <= edges[-1])
        self._band = np.clip(np.searchsorted(edges, radius[inside], side="right") - 1, 0, len(edges) - 2)
        self._count, self._size, self._transform = len(edges) - 1, part.size, make_tensor_transform(part, xi[inside])

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return v at the frequencies of all bands, (..., N) -> (..., n)."""
        part = np.ascontiguousarray(values[..., self._places]).reshape(-1, self._size)
        rows = self._transform.to_frequencies(part) / self._size
        return rows.reshape(*values.shape[:-1], -1)

    def parts(self, spectra: np.ndarray) -> list[np.ndarray]:
        """Return the spectra in each band, (..., n) -> B arrays."""
        return [spectra[..., self._band == band] for band in range(self._count)]

    def amplitudes(self, error: np.ndarray) -> np.ndarray:
        """Return sqrt(E_b), (T, B), for errors u (T, C, N)."""
        return np.array([np.linalg.norm(part, axis=(1, 2)) for part in self.parts(self.transform(error))]).T


def halving(steps: np.ndarray, amplitude: np.ndarray) -> float:
    """Return the number of steps after which an error is half of its start.

    steps: (T,), increasing. amplitude: of the error, relative to its start, (T,). The logarithm of the error is
    interpolated. If the last error is more than half, the number is extrapolated from the mean rate until then.
    """
    if amplitude[-1] > 0.5:
        return float(steps[-1] * np.log(2) / max(-np.log(amplitude[-1]), np.log(2) / FARTHEST))
    after = int(np.argmax(amplitude <= 0.5))
    low, high = np.log(np.maximum(amplitude[after - 1 : after + 1], TINY))
    return float(steps[after - 1] + (steps[after] - steps[after - 1]) * (low + np.log(2)) / (low - high))
