"""The exact NTK on the data: the independent reference for `pde` and `nn`. It shares no code with them.

K(x, x') = (1 + 4 pi^2 sigma_a^2 x.x') k(x - x'),    du/dt(x_i) = -mean_j K(x_i, x_j) u(x_j).
"""

import numpy as np
from scipy.special import j1


def gaussian(sigma):
    """k(z) of a normal law of standard deviation sigma."""
    return lambda z: np.exp(-0.5 * (2 * np.pi * sigma) ** 2 * (z**2).sum(axis=-1))


def uniform(radius):
    """k(z) of the uniform law on the box of half-width radius."""

    def kernel(z):
        angle = 2 * np.pi * radius * z
        return np.prod(np.where(np.abs(angle) < 1e-8, 1.0, np.sin(angle) / np.where(angle == 0, 1.0, angle)), axis=-1)

    return kernel


def disc(radius):
    """k(z) of the uniform law on the disc, d = 2."""

    def kernel(z):
        s = 2 * np.pi * radius * np.linalg.norm(z, axis=-1)
        return np.where(s < 1e-6, 1.0, 2 * j1(s) / np.where(s < 1e-6, 1.0, s))

    return kernel


def grid(shape, extent):
    """Cell centres of [-extent/2, extent/2)^d, (N, d), the last axis running fastest."""
    axes = [-length / 2 + length * (2 * np.arange(n) + 1) / (2 * n) for n, length in zip(shape, extent, strict=True)]
    return np.array(np.meshgrid(*axes, indexing="ij")).reshape(len(shape), -1).T


def dense_kernel(positions, k, sigma_a):
    """The matrix K(x_i, x_j) / N, (N, N)."""
    differences = positions[:, None, :] - positions[None, :, :]
    return (1 + (2 * np.pi * sigma_a) ** 2 * positions @ positions.T) * k(differences) / len(positions)


def flow(matrix, start, times):
    """u(t) = exp(-t K) u(0), shape (T, ...), for u(0) of shape (..., N)."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    coefficients = start @ vectors
    return np.array([(coefficients * np.exp(-np.clip(eigenvalues, 0, None) * t)) @ vectors.T for t in times])


def spectrum(values, positions, frequencies):
    """v(xi) = mean_j u(x_j) exp(-2 pi i xi.x_j)."""
    return values @ np.exp(-2j * np.pi * positions @ frequencies.T) / len(positions)
