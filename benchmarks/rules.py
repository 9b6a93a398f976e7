"""Rules that choose the sigma of a Gaussian density without a drawn network, for the benchmark of `freqbias design`.

All need the dense matrix of the kernel at infinite width. Networks start at f = 0.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.stats

from freqbias.nn import InfiniteWidthKernel
from freqbias.numerics import transform
from freqbias.problem import Gaussian, Problem, Samples, squared_loss

PAIRS = 128  # of neurons, from which the variance is estimated
NOISES = 10.0 ** np.arange(-6.0, 1.0, 0.5)  # of the Gaussian process, relative to the largest eigenvalue


def infinite_width(problem: Problem, budgets: Sequence[int]) -> dict[str, Any]:
    """Return the held-out loss at infinite width, its increase times the width, and the marginal likelihood.

    budgets: numbers of steps s of gradient descent with eta = 1/lambda_max.
    """
    assert problem.held_out is not None
    kernel, held_out = InfiniteWidthKernel(problem), problem.held_out
    across = kernel.at(held_out.sites).apply(np.eye(problem.sites.size))  # K(x_j, Y) / N in row j
    matrix = kernel.apply(np.eye(problem.sites.size))
    eigenvalues, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    eigenvalues = np.maximum(eigenvalues, 1e-14 * eigenvalues[-1])
    start = -problem.samples.values @ vectors
    pairs = _Pairs(problem, vectors)
    losses, variances = [], []
    for steps in budgets:
        integral, differences = _integral(eigenvalues, steps)
        w = (start * integral) @ vectors.T
        pushed = w @ across
        losses.append(float(squared_loss(-held_out.values - pushed)))
        change_w, change = pairs.changes(start, w, differences)
        change_w -= start * np.diag(differences) * eigenvalues  # the mean of the pairs, K
        change = pushed - change - (change_w @ vectors.T) @ across
        variances.append(2 * float(np.mean(squared_loss(change))))
    return {"infinite": losses, "variance": variances, "likelihood": likelihood(eigenvalues, start)}


def _integral(eigenvalues: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return phi(lambda) = (1 - (1 - eta lambda)^s) / lambda, (N,), and its divided differences, (N, N)."""
    eta = 1 / eigenvalues[-1]
    decay = 1 - eta * eigenvalues
    phi = (1 - decay**steps) / eigenvalues
    slope = (steps * eta * decay ** (steps - 1) - phi) / eigenvalues
    gap = eigenvalues[:, None] - eigenvalues
    close = np.abs(gap) <= 1e-6 * eigenvalues
    return phi, np.where(close, slope[:, None], (phi[:, None] - phi) / np.where(close, 1.0, gap))


class _Pairs:
    """The terms phi_k of the kernel of a network of m neurons, K = mean_k phi_k over m/2 pairs of neurons.

    A pair has a cosine, a sine, and a frequency w. To first order, the kernel of a network differs from K by a mean of
    independent phi_k - K, so the held-out loss grows by V / m. V is the mean square of the change of f by phi_k - K.
    """

    def __init__(self, problem: Problem, vectors: np.ndarray) -> None:
        assert problem.held_out is not None
        x, y, rng = problem.sites.positions(), problem.held_out.sites.positions(), np.random.default_rng(0)
        self._n, d = x.shape
        w = problem.density.from_unit_cube(rng.random((PAIRS, d)))
        a, b = problem.network.sigma_a * rng.standard_normal((2, PAIRS, 1, problem.samples.channels, 1))
        self._on_x, self._on_y = _gradients(x, w, a, b), _gradients(y, w, a, b)
        self._projected = self._on_x[0] @ vectors, self._on_x[1] @ vectors

    def changes(self, start: np.ndarray, w: np.ndarray, differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the change of w among the eigenvectors, (pairs, C, N), and phi_k(Y, X) w / N, (pairs, C, N')."""
        own, shared = self._projected
        change = (own * ((own * start) @ differences)).sum(axis=1)
        change += (shared * ((shared * start).sum(axis=2, keepdims=True) @ differences)).sum(axis=1)
        pulled = (self._on_x[0] * w).sum(axis=3, keepdims=True)
        pushed = (self._on_y[0] * pulled).sum(axis=1)
        pulled = (self._on_x[1] * w).sum(axis=(2, 3), keepdims=True)
        pushed += (self._on_y[1] * pulled).sum(axis=1)
        return change / self._n, pushed / self._n


def _gradients(x: np.ndarray, w: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients by a and b, the same in each channel, (pairs, 2, 1, N), and by w, (pairs, d, C, N)."""
    phase = 2 * np.pi * (w @ x.T)
    own = np.stack([np.cos(phase), np.sin(phase)], axis=1)[:, :, None]
    slope = b * own[:, :1] - a * own[:, 1:]  # (pairs, 1, C, N)
    return own, 2 * np.pi * x.T[:, None] * slope


def likelihood(eigenvalues: np.ndarray, projected: np.ndarray) -> float:
    """Return minus the log marginal likelihood of a Gaussian process with this kernel, and the best noise and scale."""
    values = []
    for noise in NOISES:
        variances = np.maximum(eigenvalues, 0) / eigenvalues[-1] + noise
        scale = (projected**2 / variances).mean()
        values.append(0.5 * projected.size * np.log(scale) + 0.5 * len(projected) * np.log(variances).sum())
    return float(min(values))


def rule_of_thumb(samples: Samples) -> float:
    """The sigma at which the density covers as much as the frequencies with 95 % of the target's energy."""
    d = samples.sites.dimension
    axis = np.linspace(-30, 30, 61)
    frequencies = np.stack([each.ravel() for each in np.meshgrid(*[axis] * d, indexing="ij")], axis=-1)
    energy = (np.abs(transform(samples.values, samples.sites.positions(), frequencies)) ** 2).sum(axis=0)
    radius = np.linalg.norm(frequencies, axis=1)
    order = np.argsort(radius)
    covered = np.cumsum(energy[order]) / energy.sum()
    return float(radius[order][np.searchsorted(covered, 0.95)] / np.sqrt(scipy.stats.chi2.ppf(0.95, d)))


def with_sigma(problem: Problem, sigma: float) -> Problem:
    return replace(problem, density=Gaussian(sigma), laws=None)  # type: ignore[arg-type]  # those of the density
