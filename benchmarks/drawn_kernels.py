"""Kernels of drawn networks against their laws, at widths of hidden layers from 1,000 to 64,000.

A matrix of 64,000 x 128,000 weights does not fit into memory. Its rows are drawn in blocks, multiplied, and forgotten;
the backward pass draws them again. The formulas are those of docs/deeper-networks.md, written out once more. The
distance |K_width - K| / |K|, in the Frobenius norm over 12 positions, must fall as 1/sqrt(width).

Usage: uv run python -m benchmarks.drawn_kernels [--widths 1000 4000 16000 64000]
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import pi, sqrt
from typing import Any

import numpy as np

from freqbias.nn import InfiniteWidthKernel
from freqbias.numerics import Grid
from freqbias.problem import Density, Gaussian, Network, Problem, Samples, Uniform, siren_density
from freqbias.problem.neurons import frequencies_from

SITES = Grid((12,), (2.0,))
X = SITES.positions()[:, 0]
BLOCK = 2**25  # weights in memory for each thread
NETWORKS: dict[str, tuple[Density, dict[str, Any]]] = {  # density and [network] without the width
    "relu, 3 layers": (Gaussian(2.0), {"depth": 3, "sigma_a": 0.7, "symmetric": False}),
    "sine with biases, 4 layers": (
        Uniform(3.0),
        {"depth": 4, "activation": "sine", "bias": 1.2, "sigma_a": 0.7, "symmetric": False},
    ),
    "SIREN, 4 layers": (siren_density(2 * pi, 1), {"depth": 4, "omega_0": 2 * pi}),
}
# phi, phi' and sqrt(E phi(z)^2)
ACTIVATIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray], float]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0), sqrt(0.5)),
    "sine": (np.sin, np.cos, sqrt((1 - np.exp(-2)) / 2)),
}


@dataclass(frozen=True)
class RandomMatrix:
    """A matrix (rows, columns) of independent entries, of which only some rows exist at any time.

    seed: of the entries. uniform: on (-1, 1); otherwise the entries are normal with unit variance.
    """

    rows: int
    columns: int
    seed: tuple[int, ...]
    uniform: bool = False

    def times(self, x: np.ndarray) -> np.ndarray:
        """Return V x, (rows, P)."""
        return np.concatenate(self._each(lambda block, _: block @ x.astype(np.float32))).astype(float)

    def transposed_times(self, y: np.ndarray) -> np.ndarray:
        """Return V^T y, (columns, P)."""
        return np.sum(self._each(lambda block, rows: block.T @ y[rows].astype(np.float32)), axis=0, dtype=float)

    def _each(self, work: Callable[[np.ndarray, slice], np.ndarray]) -> list[np.ndarray]:
        size = max(1, BLOCK // self.columns)
        starts = range(0, self.rows, size)

        def product(start: int) -> np.ndarray:
            rng, shape = np.random.default_rng((*self.seed, start)), (min(size, self.rows - start), self.columns)
            if self.uniform:
                return work(2 * rng.random(shape, dtype=np.float32) - 1, slice(start, start + size))
            return work(rng.standard_normal(shape, dtype=np.float32), slice(start, start + size))

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(product, starts))


def deep_kernel(network: Network, frequencies: np.ndarray, seed: int) -> np.ndarray:
    """Return the kernel of a drawn network with m = n = width, (P, P). frequencies: w, (n,)."""
    phi, slope, size = ACTIVATIONS[str(network.activation)]
    n, beta = network.width, network.bias or 0.0
    spread = sqrt(1 + beta**2)
    rng = np.random.default_rng((seed, 0))
    c, angle = network.sigma_a * rng.standard_normal(n), 2 * pi * np.outer(frequencies, X)
    h, z, matrices = [np.concatenate([np.cos(angle), np.sin(angle)]) / sqrt(n)], list[np.ndarray](), []
    for layer in range(network.depth - 2):
        matrices.append(RandomMatrix(n, len(h[-1]), (seed, layer + 1)))
        scale = 1.0 if layer == 0 else 1 / sqrt(n)
        z.append((scale * matrices[-1].times(h[-1]) + beta * rng.standard_normal((n, 1))) / spread)
        h.append(phi(z[-1]) / size)
    kernel = h[-1].T @ h[-1] / n
    back = np.broadcast_to(c[:, None] / sqrt(n), h[-1].shape)  # the gradient of f with respect to h
    for layer in reversed(range(network.depth - 2)):
        scale = 1.0 if layer == 0 else 1 / sqrt(n)
        delta = back * slope(z[layer]) / size / spread
        kernel += delta.T @ delta * (scale**2 * h[layer].T @ h[layer] + beta**2)
        back = scale * matrices[layer].transposed_times(delta)
    cosine, sine = back[:n], back[n:]
    delta = (np.cos(angle) * sine - np.sin(angle) * cosine) * 2 * pi / sqrt(n)
    return np.asarray(kernel + np.outer(X, X) * (delta.T @ delta))


def siren_kernel(network: Network, frequencies: np.ndarray, seed: int) -> np.ndarray:
    """Return the kernel of a drawn SIREN, (P, P). frequencies: omega_0 W / (2 pi), (n,)."""
    assert network.omega_0 is not None
    n, omega, rng = network.width, network.omega_0, np.random.default_rng((seed, 0))
    c = sqrt(6 / n) * network.sigma_a * rng.uniform(-1, 1, n)
    angles = [2 * pi * np.outer(frequencies, X) + omega * rng.uniform(-1, 1, (n, 1))]
    size = sqrt(6 / n) / omega
    matrices = [RandomMatrix(n, n, (seed, layer), uniform=True) for layer in range(1, network.depth - 1)]
    for matrix in matrices:
        bias = rng.uniform(-1, 1, (n, 1)) / sqrt(n)
        angles.append(omega * (size * matrix.times(np.sin(angles[-1])) + bias))
    kernel = np.sin(angles[-1]).T @ np.sin(angles[-1]) + 1
    delta = c[:, None] * np.cos(angles[-1])
    for matrix, before in zip(reversed(matrices), reversed(angles[:-1]), strict=True):
        kernel += omega**2 * (delta.T @ delta) * (np.sin(before).T @ np.sin(before) + 1)
        delta = omega * size * matrix.transposed_times(delta) * np.cos(before)
    return np.asarray(kernel + omega**2 * (delta.T @ delta) * (np.outer(X, X) + 1))


def distance(name: str, width: int, seed: int) -> float:
    """Return |K_width - K| / |K| for one drawn network."""
    density, settings = NETWORKS[name]
    network, zeros = Network(width=width, **settings), Samples(SITES, np.zeros((1, SITES.size)), held_out=True)
    law = InfiniteWidthKernel(Problem(density, zeros, network, np.array([0.0, 1.0])))
    exact = np.array([law.apply(row[None])[0] for row in np.eye(SITES.size)]) * SITES.size
    unit = np.random.default_rng((seed, 99)).random((width, 1))
    frequencies = frequencies_from(density, unit, range(width), width)[:, 0]
    drawn = (deep_kernel if network.omega_0 is None else siren_kernel)(network, frequencies, seed)
    return float(np.linalg.norm(drawn - exact) / np.linalg.norm(exact))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[1000, 4000, 16000, 64000])
    widths = parser.parse_args().widths
    for name in NETWORKS:
        print(f"{name}\n   width  draws  distance [%]  seconds", flush=True)
        distances = []
        for width in widths:
            draws, start = max(2, min(16, 64000 // width)), time.perf_counter()
            distances.append(np.sqrt(np.mean([distance(name, width, seed) ** 2 for seed in range(draws)])))
            seconds = time.perf_counter() - start
            print(f"{width:8,} {draws:6} {100 * distances[-1]:13.2f} {seconds:8.0f}", flush=True)
        print(f"slope {np.polyfit(np.log(widths), np.log(distances), 1)[0]:.2f}\n", flush=True)


if __name__ == "__main__":
    main()
