"""Problems in 1-D and 2-D, and the error of a spectrum against the exact NTK."""

import numpy as np

from freqbias.numerics import Grid
from freqbias.problem import (
    Annulus,
    Ball,
    Gaussian,
    Laplace,
    Mixture,
    Network,
    Problem,
    StudentT,
    Table,
    Uniform,
    waves,
)
from tests import oracle

KERNELS = {
    Gaussian: lambda law: oracle.gaussian(law.sigma),
    Uniform: lambda law: oracle.uniform(law.radius),
    Ball: lambda law: oracle.disc(law.radius),
    Laplace: lambda law: oracle.laplace(law.scale),
    StudentT: lambda law: oracle.student_t(law.sigma, law.freedom),
    Annulus: lambda law: oracle.annulus(law.inner, law.radius),
    Mixture: lambda law: oracle.mixture(law.weights, [KERNELS[type(part)](part) for part in law.parts]),
    Table: lambda law: oracle.table(law.values, law.half_width),
}


def problem_of(density, shape, extent, frequencies, window, end, sigma_a=1.0):
    times = np.array([0, 0.003, 0.1, 0.5, 1.0]) * end
    samples = waves(Grid(shape, extent), frequencies, window=window)
    return Problem(density, samples, Network(width=2, sigma_a=sigma_a), times)


FLOWS = {}  # a flow is the same for all tolerances and degrees


def exact(problem):
    """Positions and u(t) of the exact NTK, (T, C, N)."""
    grid, values, sigma_a = problem.grid, problem.samples.values, problem.network.sigma_a
    positions = oracle.grid(grid.shape, grid.extent)
    key = repr(problem.density), grid.shape, grid.extent, sigma_a, values.tobytes(), problem.times.tobytes()
    if key not in FLOWS:
        matrix = oracle.dense_kernel(positions, KERNELS[type(problem.density)](problem.density), sigma_a)
        FLOWS[key] = oracle.flow(matrix, -values, problem.times)
    return positions, FLOWS[key]


def worst_error(problem, spectrum):
    """max_t |v - v_exact| / |v(0)| over the nodes, and the remaining error |u(T)| / |u(0)|."""
    positions, u = exact(problem)
    v = oracle.spectrum(u, positions, spectrum.frequency)
    errors = np.linalg.norm(spectrum.error - v, axis=(1, 2)) / np.linalg.norm(v[0])
    return errors.max(), np.linalg.norm(u[-1]) / np.linalg.norm(u[0])
