"""The network's kernel at infinite width, on a grid, by FFT, and the largest eigenvalue of any such kernel.

    K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x'),    du/dt(x) = -mean_j K(x, x_j) u(x_j).

For two layers G = k and H = sigma_a^2 k; in general they are the transforms of the laws' damping and diffusion
(`problem.Laws`). G(x - x') is a Toeplitz matrix in every axis: a product with it is a convolution on twice the grid.
"""

from collections.abc import Callable

import numpy as np
from scipy import fft

from numerics import Lanczos
from problem import Problem

LANCZOS_STEPS = 8
MARGIN = 1.05  # the Ritz value lies below the eigenvalue it tends to


def largest_eigenvalue(apply: Callable[[np.ndarray], np.ndarray], size: int) -> float:
    """That of a symmetric operator on vectors (size,), from above: eight Lanczos steps from a random one, a margin."""
    lanczos = Lanczos(apply, np.random.default_rng(0).standard_normal(size))
    for _ in range(min(LANCZOS_STEPS, size)):
        lanczos.step()
        if lanczos.beta[-1] == 0:
            break
    return MARGIN * float(lanczos.spectrum()[0][-1])


class InfiniteWidthKernel:
    """Products with the kernel of a problem's network on its samples: O(N log N) each, prepared once."""

    def __init__(self, problem: Problem) -> None:
        self._grid = problem.grid
        self._axes = tuple(range(-problem.dimension, 0))
        self._padded = [fft.next_fast_len(2 * n - 1, real=True) for n in self._grid.shape]
        lags = [fft.fftfreq(n, 1 / n) * h for n, h in zip(self._padded, self._grid.spacing, strict=True)]
        differences = np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1)
        laws = problem.laws
        self._plain = fft.rfftn(laws.damping.transform(differences) + laws.atom)
        self._moment = 4 * np.pi**2 * fft.rfftn(laws.diffusion.transform(differences))
        self._positions = self._grid.positions().T

    def apply(self, values: np.ndarray) -> np.ndarray:
        """mean_j K(x_q, x_j) u(x_j): (..., N) -> (..., N)."""
        result = self._convolve(self._plain, values)
        for x in self._positions:
            result += x * self._convolve(self._moment, x * values)
        return result / self._grid.size

    def largest_eigenvalue(self) -> float:
        """lambda_max of the flow du/dt = -K u, from above."""
        return largest_eigenvalue(self.apply, self._grid.size)

    def _convolve(self, symbol: np.ndarray, values: np.ndarray) -> np.ndarray:
        shape = self._grid.shape
        spectrum = fft.rfftn(values.reshape(*values.shape[:-1], *shape), s=self._padded, axes=self._axes)
        padded = fft.irfftn(symbol * spectrum, s=self._padded, axes=self._axes)
        return padded[(..., *(slice(n) for n in shape))].reshape(values.shape)
